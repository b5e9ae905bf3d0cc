"""Kernel matrices too long to compute at one sitting: block by block, each kept on disk.

A block appears whole or not at all, with a digest of what it holds. The same call after a process
was killed at any moment computes what is missing, and only that; whatever was damaged since is
found by its digest and computed again. Blocks are the same whoever computes them and in whatever
order, so a matrix put together over several sittings has the bits of one computed at once.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from carnotlab.core.descriptions import array_digest, content_key
from carnotlab.core.errors import require
from carnotlab.core.provenance import code_digest
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.general import Progress
from carnotlab.networks.infinite.kernels import Kernels, kernels
from carnotlab.runs.atomic import clear_leftovers
from carnotlab.runs.block_files import read_block, write_block
from carnotlab.runs.block_work import KERNEL_LAYERS, DType

BLOCK = 32
"""Images along each side of a block: some 1000 pairs, which are what a killed process loses."""

TIMED = 4
"""Held-out images in the small block by which a pair is timed."""

Tile = tuple[int, int]
Images = Float[np.ndarray, "n *input"]


class Matrices(NamedTuple):
    """Kernels among training images, ``[n, n]``, and between held-out and training, ``[m, n]``."""

    train: Kernels
    across: Kernels


@dataclass(frozen=True, eq=False)
class KernelBlocks:
    """The kernels of an infinitely wide network among ``x_train`` and across to ``x_test``.

    Both kernels come from one call, in blocks of ``block`` images, one triangle among ``x_train``.
    ``folder`` keeps the blocks, each matrix in a folder named by network, images, block, code and
    kind of device; without it nothing is kept. Blocks take 16 bytes a pair, in ``float32`` 8.

    >>> from carnotlab.networks.architectures import mlp
    >>> x = np.eye(3)
    >>> KernelBlocks(mlp(3, (8,), 1), x, x[:1], block=2).compute().across.ntk.shape
    (1, 3)
    """

    network: Network
    x_train: Float[np.ndarray, "n *input"]
    x_test: Float[np.ndarray, "m *input"]
    folder: Path | None = None
    block: int = BLOCK
    dtype: DType = "float64"

    def __post_init__(self) -> None:
        require(self.block >= 1, f"block = {self.block}", "at least 1", f"use block={BLOCK}")

    @property
    def place(self) -> Path | None:
        """Folder of these matrices' blocks."""
        if self.folder is None:
            return None
        images = [array_digest(np.asarray(x)) for x in (self.x_train, self.x_test)]
        # Processors and GPUs compute kernels in different ways, whose bits differ.
        device = jax.default_backend()
        versions = [code_digest(KERNEL_LAYERS), jax.__version__, np.__version__, device]
        return (
            self.folder / content_key(self.network, images, self.block, self.dtype, versions)[:32]
        )

    @property
    def pairs(self) -> int:
        """Pairs of images in all blocks."""
        return sum(map(self._pairs_in, self._tiles()))

    def missing_pairs(self) -> int:
        """Return the pairs of images in blocks that are not on disk; damaged ones count as there.

        >>> from carnotlab.networks.architectures import mlp
        >>> KernelBlocks(mlp(2, (8,), 1), np.eye(2), np.ones((3, 2))).missing_pairs()
        9
        """
        place = self.place
        missing = (t for t in self._tiles() if place is None or not _file(place, t).is_file())
        return sum(map(self._pairs_in, missing))

    def compute(self, progress: Progress | None = None) -> Matrices:
        """Return both matrices, reading the blocks there are and computing the others.

        ``progress`` is called with the fraction of this call's own work done, in pairs of images.

        Raises:
            OutOfReachError: if the network has no infinite-width limit.
            InputError: if images do not fit the network, or the folder cannot be written.
        """
        place, n = self.place, len(self.x_train)
        if place is not None:
            clear_leftovers(place)
        # Read first, so that the fraction told is of what has to be computed.
        found = {tile: self._read(place, tile) for tile in self._tiles()}
        lacking = [tile for tile, block in found.items() if block is None]
        total, done = max(sum(map(self._pairs_in, lacking)), 1), 0
        for tile in lacking:
            block = found[tile] = self._computed(tile)
            if place is not None:
                write_block(_file(place, tile), np.stack(block))
            done += self._pairs_in(tile)
            if progress is not None:
                progress(done / total)
        whole = [np.empty((n + len(self.x_test), n), self.dtype) for _ in range(2)]
        for tile, block in found.items():
            assert block is not None
            rows, columns = self._slices(tile)
            for matrix, part in zip(whole, block, strict=True):
                matrix[rows, columns] = part
                if rows.start < n:
                    matrix[columns, rows] = part.T
        return Matrices(
            Kernels(*(matrix[:n] for matrix in whole)), Kernels(*(matrix[n:] for matrix in whole))
        )

    def seconds_per_pair(self) -> float:
        """Return the time of one pair, from a few held-out images with a block of training images.

        Compiling is not counted.
        """
        few, others = self.x_test[:TIMED], self.x_train[: self.block]
        self._kernels(few[:1], others[:1])
        began = time.perf_counter()
        self._kernels(few, others)
        return (time.perf_counter() - began) / (len(few) * len(others))

    def _tiles(self) -> Iterator[Tile]:
        """Yield rows and columns of blocks: one triangle among training images, then the others.

        Rows of held-out images are counted on from those of training images.
        """
        columns = -(-len(self.x_train) // self.block)
        rows = -(-len(self.x_test) // self.block)
        yield from ((i, j) for i in range(columns) for j in range(i, columns))
        yield from ((columns + i, j) for i in range(rows) for j in range(columns))

    def _slices(self, tile: Tile) -> tuple[slice, slice]:
        """Return rows and columns of a block in training images followed by held-out ones."""
        n = len(self.x_train)
        bands = -(-n // self.block)
        first = tile[0] * self.block if tile[0] < bands else n + (tile[0] - bands) * self.block
        end = min(first + self.block, n if tile[0] < bands else n + len(self.x_test))
        return slice(first, end), slice(tile[1] * self.block, min((tile[1] + 1) * self.block, n))

    def _pairs_in(self, tile: Tile) -> int:
        rows, columns = (part.stop - part.start for part in self._slices(tile))
        return rows * (rows + 1) // 2 if tile[0] == tile[1] else rows * columns

    def _computed(self, tile: Tile) -> Kernels:
        rows, columns = self._slices(tile)
        if tile[0] == tile[1]:
            return self._kernels(self.x_train[rows])
        n = len(self.x_train)
        held_out = rows.start >= n
        first = self.x_test[rows.start - n : rows.stop - n] if held_out else self.x_train[rows]
        return self._kernels(first, self.x_train[columns])

    def _kernels(self, x1: Images, x2: Images | None = None) -> Kernels:
        return kernels(self.network, x1, x2, dtype=self.dtype)

    def _read(self, place: Path | None, tile: Tile) -> Kernels | None:
        """Return a block as it was written; None where it is missing or damaged."""
        both = None if place is None else read_block(_file(place, tile))
        return None if both is None else Kernels(*both)


def _file(place: Path, tile: Tile) -> Path:
    return place / f"{tile[0]:05d}-{tile[1]:05d}.block"
