"""A function of all pairs of samples, computed a block of pairs at a time in bounded memory."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

ROWS_FULL, ROWS_TRACED = 512, 64
"""Rows of a tile of pairs, large enough for fast products and small enough to skip half of them."""

TILE_BYTES = 2**22
"""Memory of a tile of pairs that processors keep close by."""

Contract = Callable[[Any, Any], Array]


@dataclass(frozen=True)
class Blocks:
    """Sizes of blocks: samples derived at once, and samples on a side of a tile of pairs.

    ``kept`` says whether the derivatives of all samples fit in memory at once.
    """

    samples: int
    tile: int
    kept: bool


def choose_blocks(
    samples: tuple[int, int], sample_bytes: int, pair_bytes: int, block_bytes: int, rows: int
) -> Blocks:
    """Choose blocks that keep within ``block_bytes``; ``rows`` is how many each sample takes.

    >>> choose_blocks((100, 100), 10, 1, 10_000, 1)
    Blocks(samples=500, tile=64, kept=True)
    """
    kept = sum(samples) * sample_bytes <= block_bytes
    fitting = max(1, block_bytes // max(1, 2 * sample_bytes))
    tile = max(1, math.isqrt(min(block_bytes, TILE_BYTES) // max(1, pair_bytes)))
    wanted = min(tile, max(1, (ROWS_TRACED if rows == 1 else ROWS_FULL) // rows))
    return Blocks(fitting, wanted if kept else min(fitting, tile), kept)


def over_pairs(
    derive: Callable[[Array], Any],
    contract: Contract,
    first: Float[Array, "n1 *input"],
    second: Float[Array, "n2 *input"] | None,
    blocks: Blocks,
) -> Float[Array, "n1 n2 *outputs"]:
    """Return ``contract`` of the derivatives of all samples of ``first`` against ``second``.

    ``derive`` maps samples to derivatives with a leading sample dimension. Without ``second`` the
    pairs of ``first`` are formed once each and the result is exactly symmetric.
    """
    n1, n2 = len(first), len(first if second is None else second)
    tiles = (_even(n1, blocks.tile), _even(n2, blocks.tile))
    rows = padded(first, tiles[0])
    columns = rows if second is None else padded(second, tiles[1])
    if blocks.kept:
        one = _derive_all(derive, rows, blocks.samples)
        two = None if second is None else _derive_all(derive, columns, blocks.samples)
        result = _from_kept(contract, one, two, (len(rows), len(columns)), tiles)
    else:
        result = _from_recomputed(derive, contract, rows, columns, tiles, second is None)
    return result[:n1, :n2]


def transpose_pairs(kernel: Float[Array, "n1 n2 *outputs"]) -> Float[Array, "n2 n1 *outputs"]:
    """Exchange the two samples, and their outputs if there are any."""
    return kernel.transpose((1, 0, 3, 2)[: kernel.ndim])


def _even(count: int, most: int) -> int:
    """Return a block of at most ``most`` that leaves little to fill up in the last one.

    >>> _even(256, 51), _even(7, 6), _even(5, 9)
    (32, 4, 5)
    """
    most = max(1, min(most, count))
    exact = [block for block in range(math.ceil(most / 2), most + 1) if count % block == 0]
    return exact[-1] if exact else math.ceil(count / math.ceil(count / most))


def padded(samples: Float[Array, "n *input"], tile: int) -> Float[Array, "more *input"]:
    """Repeat the last sample until their number is a multiple of ``tile``.

    >>> padded(jnp.arange(3), 2).tolist()
    [0, 1, 2, 2]
    """
    missing = -len(samples) % tile
    if not missing:
        return samples
    return jnp.concatenate([samples, jnp.repeat(samples[-1:], missing, axis=0)])


def _derive_all(derive: Callable[[Array], Any], samples: Array, block: int) -> Any:
    if len(samples) <= block:
        return derive(samples)
    count = math.ceil(len(samples) / block)
    filled = padded(samples, math.ceil(len(samples) / count))
    parts = jax.lax.map(derive, filled.reshape(count, -1, *samples.shape[1:]))
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[: len(samples)], parts)


def _from_kept(
    contract: Contract, one: Any, two: Any | None, counts: tuple[int, int], tiles: tuple[int, int]
) -> Array:
    same = two is None
    other = one if two is None else two
    if counts == tiles:
        whole = contract(one, other)
        return 0.5 * (whole + transpose_pairs(whole)) if same else whole

    def cut(parts: Any, block: Array, tile: int) -> Any:
        return jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, block * tile, tile), parts)

    def place(kernel: Array, part: Array, row: Array, column: Array) -> Array:
        zero = jnp.zeros_like(row)
        at = (row * tiles[0], column * tiles[1], zero, zero)
        return jax.lax.dynamic_update_slice(kernel, part, at[: kernel.ndim])

    def on_diagonal(kernel: Array, row: Array) -> tuple[Array, None]:
        part = contract(cut(one, row, tiles[0]), cut(one, row, tiles[0]))
        return place(kernel, 0.5 * (part + transpose_pairs(part)), row, row), None

    def elsewhere(kernel: Array, pair: Array) -> tuple[Array, None]:
        row, column = pair
        part = contract(cut(one, row, tiles[0]), cut(other, column, tiles[1]))
        if same:
            kernel = place(kernel, transpose_pairs(part), column, row)
        return place(kernel, part, row, column), None

    r, c = counts[0] // tiles[0], counts[1] // tiles[1]
    start = jnp.array(0)
    pairs = [(i, j) for i in range(r) for j in range(i + 1 if same else 0, c)]
    part = jax.eval_shape(lambda: contract(cut(one, start, tiles[0]), cut(other, start, tiles[1])))
    kernel = jnp.zeros((*counts, *part.shape[2:]), part.dtype)
    if same:
        kernel, _ = jax.lax.scan(on_diagonal, kernel, jnp.arange(r))
    return jax.lax.scan(elsewhere, kernel, jnp.array(pairs))[0] if pairs else kernel


def _from_recomputed(
    derive: Callable[[Array], Any],
    contract: Contract,
    first: Array,
    second: Array,
    tiles: tuple[int, int],
    same: bool,
) -> Array:
    """Derive a block of rows once and every block of columns for it anew."""
    rows = first.reshape(-1, tiles[0], *first.shape[1:])
    columns = second.reshape(-1, tiles[1], *second.shape[1:])
    part = jax.eval_shape(lambda: contract(derive(rows[0]), derive(columns[0])))

    def row(block: tuple[Array, Array]) -> Array:
        index, x = block
        mine = derive(x)

        def against(other: tuple[Array, Array]) -> Array:
            column, y = other
            return jax.lax.cond(
                column >= index if same else jnp.array(True),
                lambda: contract(mine, derive(y)),
                lambda: jnp.zeros(part.shape, part.dtype),
            )

        blocks = jax.lax.map(against, (jnp.arange(len(columns)), columns))
        return jnp.moveaxis(blocks, 0, 1).reshape(tiles[0], len(second), *part.shape[2:])

    kernel = jax.lax.map(row, (jnp.arange(len(rows)), rows))
    kernel = kernel.reshape(len(first), len(second), *part.shape[2:])
    if not same:
        return kernel
    above = jnp.triu(jnp.ones((len(first), len(second)), bool))
    above = above.reshape(*above.shape, *(1 for _ in part.shape[2:]))
    mirrored = jnp.where(above, kernel, transpose_pairs(kernel))
    # On the diagonal a sample meets itself, and rounding may differ between two outputs.
    return _symmetric_diagonal(mirrored)


def _symmetric_diagonal(kernel: Array) -> Array:
    if kernel.ndim == 2:
        return kernel
    at = jnp.arange(len(kernel))
    own = kernel[at, at]
    return kernel.at[at, at].set(0.5 * (own + own.transpose(0, 2, 1)))
