"""One block of a kernel matrix as a piece of work: from samples on disk to a file beside them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jax

from carnotlab.networks.description import Network
from carnotlab.networks.infinite import dense_engine
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.runs.block_files import Values, write_block
from carnotlab.runs.sample_files import Samples, mapped_samples
from carnotlab.runs.tiling import Tile, Tiling

KERNEL_LAYERS = ("core", "networks")
"""Folders of the code that kernels depend on; blocks of other code are not read."""

DType = Literal["float64", "float32"]
Kind = Literal["ntk", "nngp"]
"""The tangent kernel, which trains all layers, or the covariance at the start."""

ROWS, COLUMNS = "rows.npy", "columns.npy"


@dataclass(frozen=True)
class BlockComputation:
    """How blocks of one matrix are computed; ``threads`` change no bit of them."""

    network: Network
    tiling: Tiling
    kind: Kind
    dtype: DType
    threads: int | None

    def block(self, tile: Tile, x: Samples, others: Samples | None) -> Values:
        """Return a block of the kernel among ``x``, or of ``x`` with ``others``."""
        rows, columns = self.tiling.slices(tile)
        alone = self.tiling.on_diagonal(tile)
        second = None if alone else (x if others is None else others)[columns]
        # Small blocks would by default take another path than large ones, of other digits.
        quick = jax.default_backend() == "cpu" and dense_engine.supports(self.network)
        method = "compiled" if quick else "auto"
        both = kernels(
            self.network, x[rows], second, dtype=self.dtype, method=method, threads=self.threads
        )
        return both.ntk if self.kind == "ntk" else both.nngp


@dataclass(frozen=True)
class BlockWork:
    """Computes one block from the samples in a folder, and writes it there."""

    computation: BlockComputation
    place: Path

    def __call__(self, tile: Tile) -> int:
        """Return how many pairs of samples the block took."""
        tiling = self.computation.tiling
        x = mapped_samples(self.place / ROWS)
        others = None if tiling.symmetric else mapped_samples(self.place / COLUMNS)
        write_block(block_file(self.place, tile), self.computation.block(tile, x, others))
        return tiling.pairs(tile)


def block_file(place: Path, tile: Tile) -> Path:
    """Return where a block is or would be."""
    return place / f"{tile[0]:05d}-{tile[1]:05d}.block"
