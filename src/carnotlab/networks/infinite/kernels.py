r"""Kernels of infinitely wide networks: the prior at the start and the tangent kernel of training.

With hidden widths going to infinity the outputs at the start are a Gaussian process, independent
from output to output, with covariance ``nngp`` (lee2018), and training by the gradient moves them
as a linear model with kernel ``ntk`` (jacot2018). Per unit, layer by layer, from
:math:`K = \langle x, x' \rangle / n` and :math:`\Theta = 0` on the inputs:

.. math::
    \text{Dense:} \quad K' = m^2 s^2 n\, K + m_b^2 s_b^2, \qquad
    \Theta' = m^2 s^2 n\, \Theta + r\,(m^2 n\, K + m_b^2);

.. math::
    \phi: \quad K' = E[\phi(u)\phi(v)], \qquad \Theta' = \Theta\, E[\phi'(u)\phi'(v)];
    \qquad x + f(x): \quad K + K_f, \; \Theta + \Theta_f.

Multipliers :math:`m`, spreads :math:`s` and rate factors :math:`r` are the parameterization's, at
fan-in :math:`n`, so ``ntk`` is the kernel that the declared parameterization trains with:
:math:`\dot f = -\Theta\, \partial L / \partial f`.

- `NTK`: the width drops out.
- `Standard`: leading order at the declared widths; it grows with width, hence rates :math:`\propto`
  1 / width.
- `MeanField`: ``ntk`` is that of `NTK`, at time zero only: features move at any width, so the
  kernel does not stay. ``nngp`` is smaller by :math:`\gamma^2 N` at the declared width :math:`N`.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require
from carnotlab.core.precision import precision
from carnotlab.networks.activations import Elementwise, activation
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.limits import refuse_without_limit
from carnotlab.networks.infinite.recursion import Single, follow_pairs, follow_single

BLOCK = 512
"""Rows and columns computed at a time."""

LANES = 64
"""Blocks are padded to multiples of this, so that every entry takes the same machine code."""

ORDERS = (64, 128, 256, 512)
SERIES_TOLERANCE = 1e-10
"""Terms of the Hermite series tried in turn, and the relative error at which one is enough.

Where none is, order 0: no series, see `dual_activations.dual`.
"""


class Kernels(NamedTuple):
    """Covariance of one output at the start, and the tangent kernel of one output."""

    nngp: Float[np.ndarray, "n1 n2"]
    ntk: Float[np.ndarray, "n1 n2"]


class Samples(NamedTuple):
    """Inputs of the first dense layer, with what their own recursion gave."""

    x: Float[np.ndarray, "n inputs"]
    mean_square: Float[np.ndarray, " n"]
    nngp: Float[np.ndarray, " n"]
    ntk: Float[np.ndarray, " n"]
    order: int


def kernels(
    network: Network, x1: RealArray, x2: RealArray | None = None, *, block: int = BLOCK
) -> Kernels:
    """Return both kernels between two sets of inputs ``[n, *input]``, in float64.

    Without ``x2`` they are those of ``x1`` with itself: exactly symmetric, one triangle computed.
    ``block`` bounds the memory beyond the results; it does not change them.

    Raises:
        OutOfReachError: if the network has no such limit.
        InputError: if inputs are empty, not finite or of the wrong size.

    >>> from carnotlab.networks.description import mlp
    >>> kernels(mlp(2, (8,), 1), np.eye(2)).ntk.round(4).tolist()
    [[1.0, 0.1592], [0.1592, 1.0]]
    """
    refuse_without_limit(network)
    require(block >= 1, f"block = {block}", "at least 1", "use the default")
    with precision("float64"):
        first = _samples(network, x1, "x1")
        second = None if x2 is None else _samples(network, x2, "x2")
        return _fill(network, first, second, block)


def nngp_diagonal(network: Network, x: RealArray) -> Float[np.ndarray, " n"]:
    """Return the variance of one output at the start, for each input ``[n, *input]``.

    >>> from carnotlab.networks.description import mlp
    >>> nngp_diagonal(mlp(2, (8,), 1), np.ones((3, 2))).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    refuse_without_limit(network)
    with precision("float64"):
        return _samples(network, x, "x").nngp


def _samples(network: Network, given: RealArray, name: str) -> Samples:
    x = _rows(network, given, name)
    n = x.shape[0]
    mean_square = np.vecdot(x, x) / network.inputs
    order, single = _by_series(network, _padded(mean_square, _rounded(n)))
    nngp, ntk = (np.array(values)[:n] for values in (single.variance, single.ntk))
    return Samples(x, mean_square, nngp, ntk, order)


def _by_series(network: Network, mean_square: Float[np.ndarray, " n"]) -> tuple[int, Single]:
    """Follow single samples, and choose the order of the series by their variances."""
    for order in ORDERS:
        single = follow_single(network, order, mean_square)
        if float(single.error) <= SERIES_TOLERANCE:
            return order, single
    return 0, follow_single(network, 0, mean_square)


def _rows(network: Network, given: RealArray, name: str) -> Float[np.ndarray, "n inputs"]:
    """Return inputs as rows of float64, after the activations in front of the first dense layer."""
    x = np.asarray(given, dtype=np.float64)
    require(
        x.size > 0,
        f"{name} of shape {x.shape}",
        "at least one sample, [n, *input]",
        "give one row a sample",
    )
    x = x.reshape(x.shape[0] if x.ndim else 1, -1)
    require(
        x.shape[1] == network.inputs,
        f"{name} of {x.shape[1]} features a sample",
        f"the {network.inputs} inputs of the network",
        f"use inputs={x.shape[1]} in the network",
    )
    require(
        bool(np.isfinite(x).all()),
        f"{name} with entries that are not finite",
        "finite numbers",
        "drop or impute those samples",
    )
    for layer in network.layers:
        if not isinstance(layer, Elementwise):
            break
        x = np.asarray(activation(layer)(jnp.asarray(x)))
    return x


def _fill(network: Network, first: Samples, second: Samples | None, block: int) -> Kernels:
    """Compute blocks, those on and above the diagonal alone where both sides are the same."""
    other = first if second is None else second
    order = 0 if 0 in (first.order, other.order) else max(first.order, other.order)
    # Overwritten block by block, so that nothing but the results is of size n1 × n2.
    nngp = first.x @ other.x.T
    ntk = np.empty_like(nngp)
    sizes = nngp.shape
    height, width = (_rounded(min(block, size)) for size in sizes)
    for top in range(0, sizes[0], block):
        rows = slice(top, top + block)
        for left in range(top if second is None else 0, sizes[1], block):
            columns = slice(left, left + block)
            pairs = follow_pairs(
                network,
                order,
                _padded(first.mean_square[rows], height),
                _padded(other.mean_square[columns], width),
                _padded(nngp[rows, columns] / network.inputs, height, width),
            )
            for target, padded in ((nngp, pairs.covariance), (ntk, pairs.ntk)):
                part = target[rows, columns]
                part[...] = np.asarray(padded)[: part.shape[0], : part.shape[1]]
                if second is None:
                    if top == left:
                        part[...] = np.triu(part) + np.triu(part, 1).T
                    else:
                        target[columns, rows] = part.T
    if second is None:
        # The pairs' formulas see a correlation of 1 only up to rounding.
        np.fill_diagonal(nngp, first.nngp)
        np.fill_diagonal(ntk, first.ntk)
    return Kernels(nngp, ntk)


def _rounded(size: int) -> int:
    return -(-size // LANES) * LANES


def _padded(values: np.ndarray[Any, Any], *shape: int) -> Float[np.ndarray, "..."]:
    padded = np.zeros(shape)
    padded[tuple(slice(size) for size in values.shape)] = values
    return padded
