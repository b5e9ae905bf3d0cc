"""Both kernels of any network with a limit, block by block through the general recursion."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import OutOfReachError, require
from carnotlab.core.precision import precision
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.limits import refuse_without_limit
from carnotlab.networks.infinite.passes import AtOnce, ByDisplacement, Inputs, Way
from carnotlab.networks.infinite.prefix import weighted_inputs
from carnotlab.networks.infinite.recursion import Pairs

LANES = 64
"""Blocks are padded to multiples of this, so that every entry takes the same machine code."""

ORDERS = (64, 128, 256, 512)
SERIES_TOLERANCE = 1e-10
"""Terms of the Hermite series tried in turn, and the relative error at which one is enough.

Where none is, order 0: no series, see `dual_activations.dual`.
"""

WORST_ERROR = 1e-3
"""Relative error of a quadrature beyond which there is no kernel to speak of."""

Progress = Callable[[float], None]


class Kernels(NamedTuple):
    """Covariance of one output at the start, and the tangent kernel of one output."""

    nngp: Float[np.ndarray, "n1 n2"]
    ntk: Float[np.ndarray, "n1 n2"]


class Samples(NamedTuple):
    """Inputs of the first layer with weights, with what their own recursion gave."""

    x: Inputs
    nngp: Float[np.ndarray, " n"]
    ntk: Float[np.ndarray, " n"]
    order: int
    error: float


def general_kernels(
    network: Network,
    x1: RealArray,
    x2: RealArray | None = None,
    *,
    block: int | None = None,
    by_displacement: bool = False,
    progress: Progress | None = None,
) -> Kernels:
    """Return both kernels by the path that every layer with a limit has, in float64.

    ``by_displacement`` takes pairs of positions one displacement at a time, see `displaced`: less
    memory, for networks that allow it.

    >>> from carnotlab.networks.architectures import mlp
    >>> general_kernels(mlp(2, (8,), 1), np.eye(2)).ntk.round(4).tolist()
    [[1.0, 0.1592], [0.1592, 1.0]]
    """
    refuse_without_limit(network)
    require(block is None or block >= 1, f"block = {block}", "at least 1", "use the default")
    way = ByDisplacement(network) if by_displacement else AtOnce(network)
    with precision("float64"), np.errstate(over="ignore", invalid="ignore"):
        size = way.block if block is None else block
        first = _samples(network, way, x1, "x1", size)
        second = None if x2 is None else _samples(network, way, x2, "x2", size)
        return _fill(way, first, second, size, progress or (lambda _: None))


def nngp_diagonal(network: Network, x: RealArray) -> Float[np.ndarray, " n"]:
    """Return the variance of one output at the start, for each input ``[n, *input]``.

    >>> from carnotlab.networks.architectures import mlp
    >>> nngp_diagonal(mlp(2, (8,), 1), np.ones((3, 2))).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    return _own_samples(network, x).nngp


def quadrature_error(network: Network, x: RealArray) -> float:
    """Return the estimated relative error of the quadratures, 0 where all forms are closed.

    >>> from carnotlab.networks.architectures import mlp
    >>> quadrature_error(mlp(2, (8,), 1), np.ones((3, 2)))
    0.0
    """
    return _own_samples(network, x).error


def _own_samples(network: Network, x: RealArray) -> Samples:
    refuse_without_limit(network)
    way = AtOnce(network)
    with precision("float64"), np.errstate(over="ignore", invalid="ignore"):
        return _samples(network, way, x, "x", way.block)


def _samples(network: Network, way: Way, given: RealArray, name: str, block: int) -> Samples:
    x = weighted_inputs(network, given, name)
    n = x.shape[0]
    size = min(_rounded(n, LANES), max(LANES, block * block)) if x.ndim == 2 else min(block, n)
    blocks = [_padded(x[start : start + size], size) for start in range(0, n, size)]
    order, followed = _by_series(way, blocks)
    nngp, ntk = (
        np.concatenate([np.asarray(getattr(part, kind)).reshape(-1) for part in followed])[:n]
        for kind in ("covariance", "ntk")
    )
    error = max(float(part.error) for part in followed)
    if error > WORST_ERROR:
        raise OutOfReachError(
            f"an activation whose quadrature has an estimated relative error of {error:.1g}",
            f"at most {WORST_ERROR:g}",
            "declare its kinks, or use one that is smoother",
        )
    return Samples(x, nngp, ntk, order, error)


def _by_series(way: Way, blocks: list[Inputs]) -> tuple[int, list[Pairs]]:
    """Follow samples with themselves, and choose the order of the series by their variances."""
    for order in ORDERS:
        followed = [way.samples(order, x) for x in blocks]
        if all(float(part.error) <= SERIES_TOLERANCE for part in followed):
            return order, followed
    return 0, [way.samples(0, x) for x in blocks]


def _fill(
    way: Way, first: Samples, second: Samples | None, block: int, progress: Progress
) -> Kernels:
    """Compute blocks, those on and above the diagonal alone where both sides are the same."""
    other = first if second is None else second
    order = 0 if 0 in (first.order, other.order) else max(first.order, other.order)
    sizes = first.x.shape[0], other.x.shape[0]
    flat = first.x.ndim == 2
    # Overwritten block by block, so that nothing but the results is of size n1 × n2.
    nngp = way.across(first.x, other.x) if flat else np.empty(sizes)
    ntk = np.empty_like(nngp)
    height, width = (_rounded(min(block, size), LANES if flat else 1) for size in sizes)
    for top in range(0, sizes[0], block):
        rows = slice(top, top + block)
        x1 = _padded(first.x[rows], height)
        own = way.own(order, x1)
        for left in range(top if second is None else 0, sizes[1], block):
            columns = slice(left, left + block)
            x2 = _padded(other.x[columns], width)
            across = _padded(nngp[rows, columns], height, width) if flat else way.across(x1, x2)
            pairs = way.pairs(order, x1, x2, own, way.own(order, x2), across)
            for target, padded in ((nngp, pairs.covariance), (ntk, pairs.ntk)):
                part = target[rows, columns]
                part[...] = np.asarray(padded)[: part.shape[0], : part.shape[1]]
                if second is None:
                    if top == left:
                        part[...] = np.triu(part) + np.triu(part, 1).T
                    else:
                        target[columns, rows] = part.T
        done = min((top + block) / sizes[0], 1.0)
        progress(done if second is not None else 1.0 - (1.0 - done) ** 2)
    if second is None:
        # The pairs' formulas see a correlation of 1 only up to rounding.
        np.fill_diagonal(nngp, first.nngp)
        np.fill_diagonal(ntk, first.ntk)
    return Kernels(nngp, ntk)


def _rounded(size: int, lanes: int) -> int:
    return -(-size // lanes) * lanes


def _padded(values: np.ndarray[Any, Any], *leading: int) -> Float[np.ndarray, "..."]:
    """Return values with zeros added behind, up to the ``leading`` sizes."""
    padded = np.zeros((*leading, *values.shape[len(leading) :]))
    padded[tuple(slice(size) for size in values.shape)] = values
    return padded
