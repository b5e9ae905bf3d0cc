r"""What a linear network reads off noisy tasks: inflated singular values, turned directions.

A task of :math:`N_3` outputs on :math:`N_1` whitened inputs has modes of strength s; its labels
have noise, so that the correlation :math:`\Sigma_{yx}` is the task's map plus a matrix of noise of
variance :math:`1/N_1` an entry. As :math:`N_1` grows at fixed :math:`A = N_3/N_1`, a mode with
:math:`s > A^{1/4}` shows as an inflated singular value whose directions overlap with the true ones;
a weaker one is lost in the bulk of noise, which ends at :math:`1 + \sqrt A`. Noise of another
variance, and P samples for each input, are a change of unit: divide s by the noise's standard
deviation times :math:`\sqrt{N_1}`. Sources: lampinen2019, benaychgeorges2012, gavish2017.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_not_negative, require_positive

Values = Float[np.ndarray, " k"]


class Overlaps(NamedTuple):
    """Cosines of the angles between true and observed directions, from 0 to 1, for each mode."""

    outputs: Values
    inputs: Values

    @property
    def product(self) -> Values:
        """How much of the observed mode is the true one: their inner product as matrices."""
        return self.outputs * self.inputs


def least_strength(ratio: float) -> float:
    """Return the strength :math:`A^{1/4}` below which a mode cannot be told from noise.

    ``ratio`` A > 0 is the number of outputs over that of inputs.

    >>> least_strength(16.0)
    2.0
    """
    require_positive("ratio", ratio)
    return float(ratio**0.25)


def observed_strength(strength: Values | float, ratio: float) -> Values:
    r"""Return :math:`\hat s = \sqrt{(1 + s^2)(A + s^2)}/s`, or :math:`1 + \sqrt A` if too weak.

    >>> observed_strength(np.array([2.0, 0.5]), 1.0)
    array([2.5, 2. ])
    """
    s, found = _strengths(strength, ratio)
    safe = np.where(found, s, 1.0)
    inflated = np.sqrt((1.0 + safe**2) * (ratio + safe**2)) / safe
    return np.where(found, inflated, 1.0 + np.sqrt(ratio))


def overlaps(strength: Values | float, ratio: float) -> Overlaps:
    r"""Return the overlap of directions in the outputs and in the inputs; 0 if too weak.

    :math:`\sqrt{1 - A(1 + s^2)/(s^2(A + s^2))}` and :math:`\sqrt{1 - (A + s^2)/(s^2(1 + s^2))}`.

    >>> overlaps(np.array([2.0]), 1.0).product
    array([0.75])
    """
    s, found = _strengths(strength, ratio)
    square = np.where(found, s, 1.0) ** 2
    outputs = 1.0 - ratio * (1.0 + square) / (square * (ratio + square))
    inputs = 1.0 - (ratio + square) / (square * (1.0 + square))
    left, right = (np.where(found, np.sqrt(np.maximum(c, 0.0)), 0.0) for c in (outputs, inputs))
    return Overlaps(left, right)


def best_learned_strength(observed: Values | float, ratio: float) -> Values:
    r"""Return the strength at which an observed mode generalizes best, by shrinkage.

    :math:`\sqrt{(\hat s^2 - 1 - A)^2 - 4A}\,/\,\hat s` above the edge of the bulk, else 0: the true
    strength times the `overlaps`' product, from what is observed alone. Training that stops where a
    mode has this strength is the best that early stopping can do for it.

    >>> best_learned_strength(observed_strength(2.0, 1.0), 1.0)
    array([1.5])
    """
    require_positive("ratio", ratio)
    seen = np.atleast_1d(np.asarray(observed, dtype=np.float64))
    above = seen > 1.0 + np.sqrt(ratio)
    safe = np.where(above, seen, 2.0 + ratio)
    inside = np.maximum((safe**2 - 1.0 - ratio) ** 2 - 4.0 * ratio, 0.0)
    return np.where(above, np.sqrt(inside) / safe, 0.0)


def mode_error(strength: Values | float, learned: Values | float, ratio: float) -> Values:
    r"""Return a mode's part in :math:`\|\hat W - W\|_F^2`, learned to some strength c.

    :math:`s^2 + c^2 - 2 s c\,o` with the overlaps' product o. Over :math:`N_1` it is its part in
    the mean squared error on new whitened inputs. A bulk that is learned too adds its own
    :math:`\sum c^2`.

    >>> mode_error(2.0, 1.5, 1.0), mode_error(2.0, 2.5, 1.0)
    (array([1.75]), array([2.75]))
    """
    s, _ = _strengths(strength, ratio)
    c = np.atleast_1d(np.asarray(learned, dtype=np.float64))
    return s**2 + c**2 - 2.0 * s * c * overlaps(s, ratio).product


def _strengths(
    strength: Values | float, ratio: float
) -> tuple[Values, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    s = np.atleast_1d(np.asarray(strength, dtype=np.float64))
    require_not_negative("strength", float(np.min(s)))
    return s, s > least_strength(ratio)


def joint_strengths(
    first: float, second: float, similarity: float
) -> tuple[Values, Float[np.ndarray, "task mode"]]:
    r"""Return the modes of two one-mode tasks on the same inputs, with outputs of their own.

    Args:
        first: Strength :math:`s_a` of the one task's mode.
        second: Strength :math:`s_b` of the other's.
        similarity: Cosine q between their directions in the inputs, −1 to 1.

    Returns:
        The strengths
        :math:`\sqrt{[s_a^2 + s_b^2 \pm \sqrt{(s_a^2 - s_b^2)^2 + 4q^2s_a^2s_b^2}]/2}`, and how much
        of each mode's output direction, squared, lies in each task's outputs. Exact.

    Raises:
        InputError: for strengths of zero or less, or a similarity beyond 1.

    >>> joint_strengths(1.0, 1.0, 1.0)[0].round(6).tolist()
    [1.414214, 0.0]
    """
    require_positive("first", first)
    require_positive("second", second)
    require(abs(similarity) <= 1.0, f"similarity = {similarity}", "from -1 to 1", "give a cosine")
    inner = similarity * first * second
    values, vectors = np.linalg.eigh(np.array([[first**2, inner], [inner, second**2]]))
    return np.sqrt(np.maximum(values[::-1], 0.0)), vectors[:, ::-1] ** 2


def transfer_error(
    first: float, second: float, similarity: float, ratio: float, learned: Values | None = None
) -> float:
    r"""Return the error :math:`\|\hat W_a - W_a\|_F^2` on the first of two tasks learned together.

    Both have noisy labels and ``ratio`` outputs an input *each*, so the joint task has twice that.
    ``learned`` are the strengths to which its two modes are learned; by default the best ones for
    the joint task. Output noise falls on both tasks' outputs alike. Against `mode_error` of the
    task alone, it says whether a second task helps.

    >>> alone = mode_error(1.3, best_learned_strength(observed_strength(1.3, 1.0), 1.0), 1.0).item()
    >>> transfer_error(1.3, 1.3, 1.0, 1.0) < alone < transfer_error(1.3, 1.3, 0.0, 1.0)
    True
    """
    strengths, shares = joint_strengths(first, second, similarity)
    found = overlaps(strengths, 2.0 * ratio)
    if learned is None:
        learned = best_learned_strength(observed_strength(strengths, 2.0 * ratio), 2.0 * ratio)
    share = shares[0]
    # Of an observed output direction, the part off the true one is spread over all outputs.
    weight = found.outputs**2 * share + (1.0 - found.outputs**2) / 2.0
    gained = 2.0 * strengths * learned * found.product * share
    return float(first**2 + np.sum(learned**2 * weight - gained))
