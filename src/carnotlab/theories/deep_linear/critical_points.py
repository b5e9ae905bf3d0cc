r"""Critical points of deep linear networks: saddles with their index, and global minima only.

In whitened inputs the loss is :math:`\tfrac12\|W_D \cdots W_1 - \Phi\|_F^2` and a constant, with
:math:`\Phi` of singular values :math:`\sigma_1 \ge \sigma_2 \ge \dots`. At a critical point the
network has learned a subset S of the modes exactly and nothing of the others
(:math:`W = \sum_{i\in S} \sigma_i u_i v_i^\top`), so that the loss exceeds the least of any map by
:math:`\tfrac12\sum_{i\notin S}\sigma_i^2`. Where no layer's rank exceeds that of the product,
k = |S|, the Hessian has

.. math:: \#\{i \notin S,\, j \in S : \sigma_i > \sigma_j\} + [D = 2]\,(n_1 - k)(r - k)

negative eigenvalues, with r modes and :math:`n_1` hidden units: each weaker mode learned before a
stronger one is one way down, and so, with two layers, is each idle hidden unit for each mode not
learned. With three layers or more idle units give no way down to second order: a point that has
learned the strongest modes first has no negative eigenvalue and yet is no minimum, for the loss
falls as :math:`\sigma_i \epsilon^D` where all layers take up mode i. There are no local minima that
are not global. Sources: baldi1989, kawaguchi2016, achour2024.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Modes
from carnotlab.core.errors import require
from carnotlab.tasks.drawing import generator, orthonormal_columns
from carnotlab.tasks.statistics import Source, input_covariance, input_output_correlation
from carnotlab.theories.deep_linear.factors import Factors

Kind: TypeAlias = Literal["global minimum", "strict saddle", "degenerate saddle"]
"""A strict saddle curves down somewhere; a degenerate one does not, and yet is no minimum."""


@dataclass(frozen=True)
class CriticalPoint:
    """A critical point by what it has learned, and the signature of the Hessian there.

    ``excess`` is the loss above the global minimum of networks of these widths; ``negative``
    (the index), ``zero`` and ``positive`` count eigenvalues of the Hessian by all weights.
    """

    learned: tuple[int, ...]
    excess: float
    negative: int
    zero: int
    positive: int

    @property
    def kind(self) -> Kind:
        """What it is; there is no fourth kind."""
        if self.excess == 0.0:
            return "global minimum"
        return "strict saddle" if self.negative else "degenerate saddle"


def critical_point(
    strengths: Sequence[float], learned: Sequence[int], widths: Sequence[int]
) -> CriticalPoint:
    r"""Return the critical point at which the modes ``learned`` are, of layers of equal rank.

    Args:
        strengths: :math:`\sigma > 0` of every mode (`whitened_modes` for inputs that are not
            white: a linear change of weights, which moves no count).
        learned: Positions in ``strengths``.
        widths: Units of every layer from the inputs to the outputs, at least three of them.

    Raises:
        InputError: if a layer is too narrow for the modes learned, or there is no hidden layer.

    >>> critical_point((3.0, 2.0), (0,), (2, 4, 2))
    CriticalPoint(learned=(0,), excess=2.0, negative=3, zero=7, positive=6)
    >>> critical_point((3.0, 2.0), (0,), (2, 4, 4, 2)).kind
    'degenerate saddle'
    >>> critical_point((3.0, 2.0), (0, 1), (2, 4, 4, 2)).kind
    'global minimum'
    """
    values = hessian_eigenvalues(strengths, learned, widths)
    negative, positive = int(np.sum(values < 0.0)), int(np.sum(values > 0.0))
    sigma = np.asarray(strengths, dtype=np.float64)
    rest = np.delete(sigma, list(learned))
    # Compared mode by mode, so that sets of equal strengths have exactly no excess.
    unreachable = np.sort(sigma)[: max(len(sigma) - min(widths), 0)]
    same = len(rest) == len(unreachable) and bool(np.all(np.sort(rest) == unreachable))
    excess = 0.0 if same else 0.5 * float(np.sum(rest**2) - np.sum(unreachable**2))
    kept = tuple(sorted(learned))
    return CriticalPoint(kept, excess, negative, len(values) - negative - positive, positive)


def critical_points(strengths: Sequence[float], widths: Sequence[int]) -> Iterator[CriticalPoint]:
    """Yield the critical points of every subset of modes that the widths can carry.

    >>> [point.kind for point in critical_points((2.0, 1.0), (3, 2, 2))]
    ['strict saddle', 'strict saddle', 'strict saddle', 'global minimum']
    """
    for count in range(min(len(strengths), *widths) + 1):
        for learned in itertools.combinations(range(len(strengths)), count):
            yield critical_point(strengths, learned, widths)


def saddle_sequence(strengths: Sequence[float], widths: Sequence[int]) -> tuple[CriticalPoint, ...]:
    """Return the points that learning from a small start visits: strongest modes first, to the end.

    Two layers visit them from any small start; deeper networks only from an aligned one, since
    modes compete and a weaker one may by chance come first (`DeepLinearModes`).

    >>> [point.learned for point in saddle_sequence((2.0, 1.0), (3, 2, 2))]
    [(), (0,), (0, 1)]
    """
    order = np.argsort(-np.asarray(strengths), kind="stable").tolist()
    most = min(len(order), *widths)
    return tuple(critical_point(strengths, order[:count], widths) for count in range(most + 1))


def hessian_eigenvalues(
    strengths: Sequence[float], learned: Sequence[int], widths: Sequence[int]
) -> Float[np.ndarray, " weights"]:
    r"""Return all Hessian eigenvalues at a balanced critical point, smallest first.

    For whitened inputs, with :math:`j, j' \in S` and :math:`i \notin S`:
    :math:`\sum_l \sigma_j^{2(D-l)/D}\sigma_{j'}^{2(l-1)/D}` for each ordered pair of learned modes;
    :math:`\sigma_j^{1-2/D}(\sigma_j \pm \sigma_i)` for each learned and each other mode;
    :math:`\sigma_j^{2-2/D}` for each learned mode and each end direction without a mode;
    :math:`\pm\sigma_i` for each other mode and each idle hidden unit where D = 2; the rest 0.

    >>> hessian_eigenvalues((3.0, 2.0), (1,), (2, 1, 2)).tolist()
    [-1.0, 0.0, 4.0, 5.0]
    """
    sigma = np.asarray(strengths, dtype=np.float64)
    layers, kept = len(widths) - 1, sorted(set(learned))
    require(layers >= 2, f"widths = {tuple(widths)}", "a hidden layer", "add one")
    require(bool(np.all(sigma > 0.0)), f"strengths {sigma}", "positive numbers", "drop null modes")
    require(
        len(sigma) <= min(widths[0], widths[-1]),
        f"{len(sigma)} modes between {widths[0]} inputs and {widths[-1]} outputs",
        "no more modes than either",
        "leave some out",
    )
    require(
        len(kept) == len(learned) and all(0 <= place < len(sigma) for place in kept),
        f"learned = {tuple(learned)}",
        f"different numbers from 0 to {len(sigma) - 1}",
        "name modes by their place in strengths",
    )
    require(
        len(kept) <= min(widths),
        f"{len(kept)} modes learned through {min(widths)} units",
        "no more modes than the narrowest layer has units",
        "learn fewer, or widen the layer",
    )
    inside, outside = sigma[kept], np.delete(sigma, kept)
    share = inside ** (2.0 / layers)
    coupled = inside ** (1.0 - 2.0 / layers)
    pairs = [
        share[:, None] ** (layers - place) * share[None, :] ** (place - 1)
        for place in range(1, layers + 1)
    ]
    ends = widths[0] + widths[-1] - 2 * len(sigma)
    found = [
        np.sum(pairs, axis=0).ravel(),
        (coupled[:, None] * (inside[:, None] - outside[None, :])).ravel(),
        (coupled[:, None] * (inside[:, None] + outside[None, :])).ravel(),
        np.repeat(coupled * inside, ends),
    ]
    if layers == 2:
        idle = widths[1] - len(kept)
        found += [np.repeat(outside, idle), np.repeat(-outside, idle)]
    values = np.concatenate(found)
    weights = sum(after * before for before, after in itertools.pairwise(widths))
    return np.sort(np.concatenate([values, np.zeros(weights - len(values))]))


def whitened_modes(source: Source) -> Modes:
    r"""Return the modes of :math:`\Sigma_{yx}\Sigma_{xx}^{-1/2}`, those of a task in white inputs.

    Their strengths are the :math:`\sigma` of this module; for whitened inputs they are those of
    `input_output_modes`. Raises `InputError` for inputs of less than full rank.

    >>> from carnotlab.core.data import Batch
    >>> whitened_modes(Batch(np.diag([2.0, 1.0]), np.diag([4.0, 6.0]))).strengths.round(4)
    array([4.2426, 2.8284])
    """
    correlation = input_output_correlation(source)
    left, values, right = np.linalg.svd(correlation @ _inverse_root(source), full_matrices=False)
    rounding = max(correlation.shape) * float(np.finfo(np.float64).eps) * values[0]
    kept = values > rounding
    return Modes(left[:, kept], values[kept], right[kept].T)


def saddle_weights(
    source: Source, hidden: Sequence[int], learned: Sequence[int], seed: int = 0
) -> Factors:
    r"""Return balanced layers at the critical point that has ``learned`` some `whitened_modes`.

    :math:`W_l = \sum_{i\in S} \sigma_i^{1/D} r_{l+1}^i (r_l^i)^\top` with random orthonormal
    bases of the hidden layers; the first layer acts on whitened inputs,
    :math:`W_1 \Sigma_{xx}^{-1/2}`.

    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> task = LinearMap(3, 2, (2.0, 1.0))
    >>> first, second = saddle_weights(task, (4,), (1,))
    >>> np.linalg.svd(second @ first, compute_uv=False).round(9).tolist()
    [1.0, 0.0]
    """
    modes, kept = whitened_modes(source), sorted(learned)
    require(
        len(kept) <= min(hidden),
        f"{len(kept)} modes learned through {min(hidden)} units",
        "no more modes than the narrowest layer has units",
        "learn fewer, or widen the layer",
    )
    random = generator(seed, "saddle")
    bases = [
        np.asarray(modes.right)[:, kept],
        *(orthonormal_columns(random, units, len(kept)) for units in hidden),
        np.asarray(modes.left)[:, kept],
    ]
    share = np.asarray(modes.strengths)[kept] ** (1.0 / (len(hidden) + 1))
    first, *others = ((after * share) @ before.T for before, after in itertools.pairwise(bases))
    return (first @ _inverse_root(source), *others)


def _inverse_root(source: Source) -> Float[np.ndarray, "inputs inputs"]:
    values, vectors = np.linalg.eigh(input_covariance(source))
    require(
        bool(values[0] > len(values) * np.finfo(np.float64).eps * values[-1]),
        "inputs whose covariance is singular",
        "inputs that vary in every direction",
        "project them onto the directions they have, or add samples",
    )
    return (vectors * values**-0.5) @ vectors.T
