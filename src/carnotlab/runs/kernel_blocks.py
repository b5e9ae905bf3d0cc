"""Kernel matrices too long to compute at one sitting: block by block, each kept on disk.

A block appears whole or not at all, with a digest of what it holds. The same call after a process
was killed at any moment computes what is missing, and only that; whatever was damaged since is
found by its digest and computed again. Blocks are the same whoever computes them and in whatever
order, so a matrix put together over several sittings has the bits of one computed at once.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
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
from carnotlab.runs.block_work import KERNEL_LAYERS, DType, block_file
from carnotlab.runs.tiling import Tile, Tiling

BLOCK = 32
"""Images along each side of a block: some 1000 pairs, which are what a killed process loses."""

TIMED = 4
"""Held-out images in the small block by which a pair is timed."""

Images = Float[np.ndarray, "n *input"]


class Matrices(NamedTuple):
    """Kernels among training images, ``[n, n]``, and between held-out and training, ``[m, n]``."""

    train: Kernels
    across: Kernels


@dataclass(frozen=True, eq=False)
class _Part:
    """The training images with themselves, or the held-out images with them.

    ``above`` rows of blocks stand above those of this part, where files are numbered.
    """

    x: Images
    tiling: Tiling
    above: int

    def file(self, place: Path, tile: Tile) -> Path:
        return block_file(place, (self.above + tile[0], tile[1]))

    def together(self, blocks: dict[Tile, Kernels], dtype: DType) -> Kernels:
        whole = Kernels(*(np.empty(self.tiling.shape, dtype) for _ in range(2)))
        for tile, block in blocks.items():
            rows, columns = self.tiling.slices(tile)
            for matrix, values in zip(whole, block, strict=True):
                matrix[rows, columns] = values
                if self.tiling.symmetric:
                    matrix[columns, rows] = values.T
        return whole


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
        return sum(part.tiling.pairs(tile) for part, tile in self._blocks())

    def missing_pairs(self) -> int:
        """Return the pairs of images in blocks that are not on disk; damaged ones count as there.

        >>> from carnotlab.networks.architectures import mlp
        >>> KernelBlocks(mlp(2, (8,), 1), np.eye(2), np.ones((3, 2))).missing_pairs()
        9
        """
        place = self.place
        return sum(
            part.tiling.pairs(tile)
            for part, tile in self._blocks()
            if place is None or not part.file(place, tile).is_file()
        )

    def compute(self, progress: Progress | None = None) -> Matrices:
        """Return both matrices, reading the blocks there are and computing the others.

        ``progress`` is called with the fraction of this call's own work done, in pairs of images.

        Raises:
            OutOfReachError: if the network has no infinite-width limit.
            InputError: if images do not fit the network, or the folder cannot be written.
        """
        place = self.place
        if place is not None:
            clear_leftovers(place)
        # Read first, so that the fraction told is of what has to be computed.
        kept = {(part, tile): _read(place, part, tile) for part, tile in self._blocks()}
        found = {at: block for at, block in kept.items() if block is not None}
        lacking = [at for at in kept if at not in found]
        total, done = sum(part.tiling.pairs(tile) for part, tile in lacking), 0
        for part, tile in lacking:
            block = found[part, tile] = self._computed(part, tile)
            if place is not None:
                write_block(part.file(place, tile), np.stack(block))
            done += part.tiling.pairs(tile)
            if progress is not None:
                progress(done / total)
        return Matrices(
            *(
                part.together(
                    {tile: block for (of, tile), block in found.items() if of is part}, self.dtype
                )
                for part in self._parts
            )
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

    @cached_property
    def _parts(self) -> tuple[_Part, _Part]:
        train, held_out = len(self.x_train), len(self.x_test)
        among = Tiling(train, None, self.block)
        across = Tiling(held_out, train, self.block)
        return _Part(self.x_train, among, 0), _Part(self.x_test, across, among.bands[0])

    def _blocks(self) -> Iterator[tuple[_Part, Tile]]:
        yield from ((part, tile) for part in self._parts for tile in part.tiling.tiles())

    def _computed(self, part: _Part, tile: Tile) -> Kernels:
        rows, columns = part.tiling.slices(tile)
        second = None if part.tiling.on_diagonal(tile) else self.x_train[columns]
        return self._kernels(part.x[rows], second)

    def _kernels(self, x1: Images, x2: Images | None = None) -> Kernels:
        return kernels(self.network, x1, x2, dtype=self.dtype)


def _read(place: Path | None, part: _Part, tile: Tile) -> Kernels | None:
    """Return a block as it was written; None where it is missing or damaged."""
    both = None if place is None else read_block(part.file(place, tile))
    return None if both is None else Kernels(*both)
