r"""Both kernels of infinitely wide, fully connected networks: all layers at once, tile by tile.

Inner products of a tile of pairs are one matrix product; from there every row of the tile goes
through all layers while it is in the nearest cache, so that nothing but the results is as large as
they are. Only tiles on and above the diagonal are computed for samples with themselves. All tiles
have one size and their products one shape, so that neither threads nor the order of work touches a
bit of the results.

In float32, products are those of unit samples relative to their mean, where rounding is least. An
error :math:`\epsilon` of a correlation is one of :math:`\epsilon / \sin\theta` of the angle that a
rectifier sees; where that is too much the correlation is taken from the distance of the two samples
in float64, or a tile's products are in float64 if there are many.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from threadpoolctl import ThreadpoolController

from carnotlab.core.data import RealArray
from carnotlab.core.errors import OutOfReachError, require
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.cores import cores
from carnotlab.networks.infinite.dense_steps import (
    OPERATION,
    RECTIFY,
    ZEROS,
    Alone,
    Steps,
    follow_alone,
    has_steps,
    steps,
)
from carnotlab.networks.infinite.general import Kernels, Progress
from carnotlab.networks.infinite.limits import refuse_without_limit
from carnotlab.networks.infinite.prefix import weighted_inputs, weighted_layers, weighted_shape

TILE = 256
"""Rows and columns of a tile, whose products and results stay in the second-level cache."""

LANES = 64
"""Tiles of fewer samples are a multiple of this."""

CACHE_LINE = 16
"""Numbers in float32."""

MANY = 1 / 16
"""Share of a tile's pairs, renewed one by one, beyond which its products are in float64 instead."""

NEAR_A_LAYER, NEAR = 0.05, 0.3
"""Sine of an angle below which rounding of float32 products shows: for each layer, and at most."""

NEAR_64 = 1e-5
"""Likewise of float64 products."""

Matrix = Float[np.ndarray, "n1 n2"]


class _Samples(NamedTuple):
    """Inputs of the first layer with weights, and what they give by themselves."""

    x: Float[np.ndarray, "n inputs"]
    inverse_norms: Float[np.ndarray, " n"]
    """Zero for a norm of zero."""
    mean_squares: Float[np.ndarray, " n"]
    alone: Alone


class _Pairs(NamedTuple):
    """All that tiles are computed from."""

    its: Steps
    first: _Samples
    second: _Samples
    centre: Float[np.ndarray, " inputs"]
    near: float
    triangle: bool


class _Sides(NamedTuple):
    """Samples as the compiled loops read them."""

    rows: Float[np.ndarray, "padded inputs"]
    """Units of which products are taken, relative to the centre in float32."""
    near: Any
    plain: Any
    """Without a centre, for products of the units in float64."""


def supports(network: Network) -> bool:
    """Return whether `dense_kernels` can follow a network.

    Samples must have no positions; activations are piecewise linear with one kink, or `Erf`.

    >>> from carnotlab.networks.activations import Tanh
    >>> from carnotlab.networks.architectures import mlp
    >>> supports(mlp(2, (8,), 1)), supports(mlp(2, (8,), 1, activation=Tanh()))
    (True, False)
    """
    return len(weighted_shape(network)) == 1 and has_steps(weighted_layers(network))


def dense_kernels(
    network: Network,
    x1: RealArray,
    x2: RealArray | None = None,
    *,
    dtype: Literal["float32", "float64"] = "float64",
    block: int | None = None,
    threads: int | None = None,
    out: tuple[Matrix, Matrix] | None = None,
    progress: Progress | None = None,
) -> Kernels:
    r"""Return both kernels between two sets of inputs ``[n, *input]``, see `kernels`.

    In ``float32`` errors are below 1e-5, in units of :math:`\sqrt{K_{ii} K_{jj}}`, for equal,
    nearly equal and opposite samples too, up to a depth of 20. ``threads`` None is every core that
    this process may use, and changes no bit of the results. Nor does ``block``: a thread needs some
    MB besides the inputs and the results, however many samples there are. The results are written
    to ``out`` if it is given. ``progress`` is called with the share done, from 0 to 1.

    Raises:
        OutOfReachError: if the network has no such limit, or is not one that it `supports`.
        InputError: if inputs are empty, not finite or of the wrong size, or ``out`` does not fit.

    >>> from carnotlab.networks.architectures import mlp
    >>> dense_kernels(mlp(2, (8,), 1), np.eye(2)).ntk.round(4).tolist()
    [[1.0, 0.1592], [0.1592, 1.0]]
    """
    refuse_without_limit(network)
    require_supported(network)
    require(
        dtype in ("float32", "float64"),
        f"dtype = {dtype!r}",
        "'float32' or 'float64'",
        "use 'float64' for matrices that are inverted",
    )
    for name, number in (("block", block), ("threads", threads)):
        require(
            number is None or number >= 1, f"{name} = {number}", "at least 1", "use the default"
        )
    pairs = _pairs(network, x1, x2, np.dtype(dtype))
    sizes = pairs.first.mean_squares.size, pairs.second.mean_squares.size
    results = _results(out, sizes, np.dtype(dtype))
    _fill(pairs, results, threads or cores(), progress)
    if pairs.triangle:
        # The pairs' formulas see a correlation of 1 only up to rounding.
        np.fill_diagonal(results.nngp, pairs.first.alone.nngp)
        np.fill_diagonal(results.ntk, pairs.first.alone.ntk)
    return results


def require_supported(network: Network) -> None:
    """Raise `OutOfReachError` for a network that `dense_kernels` cannot follow.

    >>> from carnotlab.networks.architectures import mlp
    >>> require_supported(mlp(2, (8,), 1))
    """
    if not supports(network):
        raise OutOfReachError(
            "a network with positions or with other activations, in the engine for fully connected "
            "networks",
            "Dense layers with piecewise linear activations or Erf",
            "use kernels",
        )


def _pairs(network: Network, x1: RealArray, x2: RealArray | None, dtype: np.dtype[Any]) -> _Pairs:
    its = steps(network)
    first = _samples(network, its, x1, "x1")
    second = first if x2 is None else _samples(network, its, x2, "x2")
    rectifiers = its.operations[:, OPERATION] == RECTIFY
    for step in np.flatnonzero(rectifiers):
        sides = (samples.alone.deviations[step] for samples in (first, second))
        its.operations[step, ZEROS] = any((side == 0).any() for side in sides)
    if dtype == np.float64:
        return _Pairs(its, first, second, np.zeros(first.x.shape[1]), NEAR_64, x2 is None)
    with _libraries().limit(limits=1, user_api="blas"):
        centre = first.inverse_norms @ first.x / first.mean_squares.size
    near = min(NEAR, NEAR_A_LAYER * max(1, int(rectifiers.sum())))
    return _Pairs(its, first, second, centre, near, x2 is None)


def _samples(network: Network, its: Steps, given: RealArray, name: str) -> _Samples:
    x = weighted_inputs(network, given, name)
    squares = np.vecdot(x, x)
    inverse_norms = np.zeros(squares.size)
    np.divide(1.0, np.sqrt(squares), out=inverse_norms, where=squares > 0)
    own = squares / x.shape[1]
    # Loops are compiled for one kind of array, not once more for those that cannot be written to.
    x = np.require(x, requirements=["C", "W"])
    return _Samples(x, inverse_norms, own, follow_alone(its, own))


def _tile(size: int) -> int:
    return min(TILE, -(-size // LANES) * LANES)


def _padded(size: int) -> int:
    return -(-size // _tile(size)) * _tile(size)


def _results(
    out: tuple[Matrix, Matrix] | None, sizes: tuple[int, int], dtype: np.dtype[Any]
) -> Kernels:
    if out is None:
        return Kernels(np.empty(sizes, dtype), np.empty(sizes, dtype))
    for result in out:
        require(
            result.shape == sizes and result.dtype == dtype,
            f"out of shape {result.shape} and type {result.dtype}",
            f"two arrays of shape {sizes} and type {dtype}",
            "leave out to have them made",
        )
    return Kernels(*(np.asarray(result) for result in out))


def _fill(pairs: _Pairs, results: Kernels, threads: int, progress: Progress | None) -> None:
    """Let every thread take the next tile until there are none."""
    first, second = pairs.first, pairs.second
    dtype = results.ntk.dtype
    left = _sides(first, pairs.centre, dtype)
    right = left if second is first else _sides(second, pairs.centre, dtype)
    tiles = list(_tiles(pairs))
    left_over, finished = iter(tiles), iter(range(1, len(tiles) + 1))
    lock = Lock()

    def work() -> None:
        follow = _follower(pairs, left, right, results)
        while True:
            with lock:
                tile = next(left_over, None)
            if tile is None:
                return
            follow(*tile)
            if progress is not None:
                with lock:
                    progress(next(finished) / len(tiles))

    # Each thread has products of its own: more threads inside of one would wait for each other.
    with _libraries().limit(limits=1, user_api="blas"):
        if threads == 1:
            work()
            return
        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(work) for _ in range(threads)]:
                done.result()


@cache
def _libraries() -> ThreadpoolController:
    """Return what limits the threads of matrix products, found once."""
    return ThreadpoolController()


def _tiles(pairs: _Pairs) -> Iterator[tuple[int, int]]:
    """Yield where tiles start, without those all below the diagonal of samples with themselves."""
    n1, n2 = pairs.first.mean_squares.size, pairs.second.mean_squares.size
    for top in range(0, n1, _tile(n1)):
        for start in range(top if pairs.triangle else 0, n2, _tile(n2)):
            yield top, start


def _sides(samples: _Samples, centre: Float[np.ndarray, " inputs"], dtype: Any) -> _Sides:
    from carnotlab.networks.infinite.dense_loops import Side, unit_rows

    size = samples.mean_squares.size
    plain = Side(
        samples.x,
        samples.inverse_norms,
        np.zeros(size),
        np.ones(size),
        np.sqrt(samples.mean_squares),
        samples.alone.inverses,
        samples.alone.deviations,
    )
    near = plain._replace(offsets=np.empty(size), centred=np.empty(size))
    rows = np.zeros((_padded(size), samples.x.shape[1]), dtype)
    unit_rows(near, centre, rows)
    return _Sides(rows, near, plain)


def _units(samples: _Samples, start: int) -> Float[np.ndarray, "tile inputs"]:
    """Return one tile's samples divided by their norms, with zeros behind the last one."""
    part = slice(start, start + TILE)
    units = np.zeros((_tile(samples.mean_squares.size), samples.x.shape[1]))
    scaled = samples.x[part] * samples.inverse_norms[part, None]
    units[: len(scaled)] = scaled
    return units


def _follower(
    pairs: _Pairs, left: _Sides, right: _Sides, results: Kernels
) -> Callable[[int, int], None]:
    """Return what computes the tile that starts at a row and a column, with memory of its own."""
    from carnotlab.networks.infinite.dense_loops import (
        Work,
        count_close,
        follow_tile,
        store_tile,
    )

    n1, n2 = pairs.first.mean_squares.size, pairs.second.mean_squares.size
    height, width = _tile(n1), _tile(n2)
    dtype = results.ntk.dtype
    products = np.empty((height, width), dtype)
    counts = np.empty(height, np.int64)
    tile = Work(
        k=np.empty((pairs.its.buffers, width)),
        t=np.empty((pairs.its.buffers, width), dtype),
        angle=np.empty(width, dtype),
        curved=np.empty(width, dtype),
        nngp=np.empty((height, width + CACHE_LINE), dtype),
        ntk=np.empty((height, width + CACHE_LINE), dtype),
    )
    operations, numbers = pairs.its.operations, pairs.its.numbers
    numbers_t = numbers.astype(dtype)

    def follow(top: int, start: int) -> None:
        rows, columns = min(height, n1 - top), min(width, n2 - start)
        triangle = pairs.triangle and start == top
        across, along = slice(top, top + height), slice(start, start + width)
        np.matmul(left.rows[across], right.rows[along].T, out=products)
        one, other, near, its = left.near, right.near, pairs.near, products
        close = count_close(its, one, other, top, start, rows, columns, near, counts)
        if dtype != np.float64 and close > MANY * rows * columns:
            its = _units(pairs.first, top) @ _units(pairs.second, start).T
            one, other, near = left.plain, right.plain, NEAR_64
            count_close(its, one, other, top, start, rows, columns, near, counts)
        follow_tile(
            operations, numbers, numbers_t, its, one, other, top, start, rows, columns, triangle,
            near, counts, tile,
        )  # fmt: skip
        for part, result in ((tile.nngp, results.nngp), (tile.ntk, results.ntk)):
            store_tile(part, result, top, start, rows, columns, pairs.triangle)

    return follow
