"""One kernel matrix that is never in memory whole: computed in blocks on disk, read block by block.

Blocks are computed through an executor, each written by whoever computed it, so that a worker that
is lost costs the block in hand. The same call after anything was killed computes what is missing
or damaged, and only that. Blocks do not depend on who computes them, nor on order and threads;
between processors with other instructions their last digits may differ.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int
from threadpoolctl import threadpool_limits

from carnotlab.core.data import RealArray
from carnotlab.core.descriptions import array_digest, content_key
from carnotlab.core.errors import InputError, require
from carnotlab.core.provenance import code_digest
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.cores import cores
from carnotlab.networks.infinite.general import Progress
from carnotlab.runs.atomic import clear_leftovers
from carnotlab.runs.block_files import BlockReader, Values, write_block
from carnotlab.runs.block_work import (
    COLUMNS,
    KERNEL_LAYERS,
    ROWS,
    BlockComputation,
    BlockWork,
    DType,
    Kind,
    block_file,
)
from carnotlab.runs.executors.base import Executor, Failed
from carnotlab.runs.executors.in_process import InProcess
from carnotlab.runs.sample_files import keep_samples, plain_samples
from carnotlab.runs.tiling import Tile, Tiling

VECTORS = 2048
IMAGES = 64
"""Samples along each side of a block: without positions millions of pairs take a fraction of a
second; with them some thousand take as long."""

STRIP = 128
"""Rows of a block converted to float64 at a time, so that they stay in the processor's cache."""


class Built(NamedTuple):
    """How many blocks a call of `BlockedKernel.build` found whole, computed, and found damaged."""

    found: int
    computed: int
    damaged: int
    seconds: float


@dataclass(frozen=True, eq=False)
class BlockedKernel:
    """The kernel of an infinitely wide network among ``x``, or between ``x`` and ``others``.

    Of a matrix among ``x`` one triangle is computed and kept. ``folder`` keeps the blocks, each
    matrix in a folder named by network, samples, kind, precision, block and code; with None they
    are computed anew in every product and never kept. In memory are the two
    kernels of one block: ``8 block²`` bytes in ``float32``, ``16 block²`` in ``float64``, for each
    worker; where JAX computes them, ``16 block²`` and what it needs besides.

    ``float32`` is good to a relative 1e-5 of an entry, so that eigenvalues below about 1e-5 of the
    diagonal are rounding; products are summed in float64 either way.

    >>> from carnotlab.networks.architectures import mlp
    >>> kernel = BlockedKernel(mlp(2, (8,), 1), np.eye(2), None, block=1, dtype="float64")
    >>> kernel.matvec(np.array([1.0, 0.0])).round(4).tolist()
    [1.0, 0.1592]
    """

    network: Network
    x: Float[np.ndarray, "n *input"]
    folder: Path | None
    _: KW_ONLY
    others: Float[np.ndarray, "m *input"] | None = None
    kind: Kind = "ntk"
    dtype: DType = "float32"
    block: int | None = None
    """Samples along each side of a block: `VECTORS`, or `IMAGES` where they have positions."""
    threads: int | None = None
    """Of each worker; left out, workers share this machine's cores evenly."""

    def __post_init__(self) -> None:
        require(
            self.kind in ("ntk", "nngp"), f"kind = {self.kind!r}", "'ntk' or 'nngp'", "use 'ntk'"
        )
        require(
            self.dtype in ("float32", "float64"),
            f"dtype = {self.dtype!r}",
            "'float32' or 'float64'",
            "use 'float32', or 'float64' where the ridge is small",
        )
        object.__setattr__(self, "x", plain_samples(self.network, self.x, "x"))
        if self.others is not None:
            others = plain_samples(self.network, self.others, "others")
            object.__setattr__(self, "others", others)
        if self.block is None:
            block = VECTORS if len(self.network.shape) == 1 else IMAGES
            object.__setattr__(self, "block", block)
        _ = self.tiling

    @cached_property
    def tiling(self) -> Tiling:
        """How the matrix is cut."""
        assert self.block is not None
        return Tiling(len(self.x), None if self.others is None else len(self.others), self.block)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, one a sample of ``x``, and columns."""
        return self.tiling.shape

    @cached_property
    def place(self) -> Path | None:
        """Folder of this matrix's blocks."""
        if self.folder is None:
            return None
        # Processors and GPUs compute kernels in different ways, whose bits differ.
        device = jax.default_backend()
        versions = [code_digest(KERNEL_LAYERS), jax.__version__, np.__version__, version("numba")]
        what = ["one kernel", self.kind, self.dtype, self.block, device]
        key = content_key(self.network, self._digests, what, versions)
        return self.folder / key[:32]

    def across(self, x: RealArray, folder: Path | None = None) -> "BlockedKernel":
        """Return the kernel between new samples and ``x``, by default without keeping its blocks.

        A prediction is ``kernel.across(x_new).matmat(coefficients)``.
        """
        return replace(self, x=np.asarray(x), others=self.x, folder=folder)

    # ------------------------------------------------------------------ computing
    def missing(self) -> int:
        """Return how many blocks are not on disk; damaged ones count as there."""
        place = self.place
        return sum(
            place is None or not block_file(place, tile).is_file() for tile in self.tiling.tiles()
        )

    def build(
        self,
        executor: Executor | None = None,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
    ) -> Built:
        """Compute the blocks that are missing or damaged; others are only read and checked.

        Without an executor they are computed here, one after the other. ``progress`` is called with
        the fraction of this call's own work done, in pairs of samples. Once ``stop`` is set no new
        block is begun; the same call goes on from there.

        Raises:
            OutOfReachError: if the network has no infinite-width limit.
            InputError: if a kernel overflows, the folder cannot be written, or some blocks could
                not be computed; others are kept.
        """
        began, place = time.perf_counter(), self.place
        if place is None:
            raise InputError("folder = None", "a folder for the blocks", "give one to build it")
        clear_leftovers(place)
        self._keep_samples(place)
        there = [tile for tile in self.tiling.tiles() if block_file(place, tile).is_file()]
        found = {tile for tile in there if self._read(tile) is not None}
        lacking = [tile for tile in self.tiling.tiles() if tile not in found]
        done = self._compute(lacking, place, executor, progress, stop) if lacking else 0
        return Built(len(found), done, len(there) - len(found), time.perf_counter() - began)

    def _compute(
        self,
        lacking: list[Tile],
        place: Path,
        executor: Executor | None,
        progress: Progress | None,
        stop: threading.Event | None,
    ) -> int:
        total, done = sum(map(self.tiling.pairs, lacking)), 0
        computed, failed = 0, list[str]()
        executor = InProcess(1) if executor is None else executor
        threads = self.threads or max(1, cores() // executor.workers)
        work = BlockWork(self._computation(threads), place)
        executor.require_shared_folder(place)
        # Workers that are threads would else lift each other's limit, and products with other
        # numbers of threads need not have the same bits.
        with threadpool_limits(1, user_api="blas"):
            for outcome in executor.run(work, lacking, stop):
                if isinstance(outcome, Failed):
                    failed.append(outcome.reason)
                    continue
                computed += 1
                done += self.tiling.pairs(lacking[outcome.index])
                if progress is not None:
                    progress(done / total)
        require(
            not failed,
            f"{len(failed)} of {len(lacking)} blocks that could not be computed, the first because "
            f"{failed[0] if failed else ''}",
            "workers that can compute a block",
            "repeat the same command, which computes only what is missing",
        )
        return computed

    def _keep_samples(self, place: Path) -> None:
        own, others = self._digests
        keep_samples(place / ROWS, self.x, own)
        if self.others is not None and others is not None:
            keep_samples(place / COLUMNS, self.others, others)

    @cached_property
    def _digests(self) -> tuple[str, str | None]:
        return array_digest(self.x), None if self.others is None else array_digest(self.others)

    # ------------------------------------------------------------------ reading
    def matvec(self, vector: RealArray) -> Float[np.ndarray, " n"]:
        """Return the matrix times a vector, see `matmat`."""
        return self.matmat(np.asarray(vector)[:, None])[:, 0]

    def matmat(self, columns: RealArray) -> Float[np.ndarray, "n k"]:
        """Return the matrix times some columns ``[m, k]``, summed in float64.

        Every block is read once, for both triangles; one that is missing or damaged is computed.

        >>> from carnotlab.networks.architectures import mlp
        >>> kernel = BlockedKernel(mlp(2, (8,), 1), np.eye(2), None)
        >>> kernel.matmat(np.ones((2, 1))).round(3).tolist()
        [[1.159], [1.159]]
        """
        B = np.asarray(columns, dtype=np.float64)
        require(
            B.ndim == 2 and len(B) == self.shape[1],
            f"columns of shape {B.shape} for a kernel of shape {self.shape}",
            f"[{self.shape[1]}, k]",
            "give one row a sample",
        )
        product = np.zeros((self.shape[0], B.shape[1]))
        for tile in self.tiling.tiles():
            rows, along = self.tiling.slices(tile)
            values, mirrored = self._block(tile), self.tiling.mirrored(tile)
            for start in range(0, len(values), STRIP):
                strip = values[start : start + STRIP].astype(np.float64, copy=False)
                here = slice(rows.start + start, rows.start + start + len(strip))
                product[here] += strip @ B[along]
                if mirrored:
                    product[along] += strip.T @ B[here]
        return product

    def columns(self, chosen: Int[np.ndarray, " q"]) -> Float[np.ndarray, "n q"]:
        """Return some columns by their indices; blocks without any of them are not read."""
        found = np.empty((self.shape[0], len(chosen)))
        for tile in self.tiling.tiles():
            rows, along = self.tiling.slices(tile)
            within = (chosen >= along.start) & (chosen < along.stop)
            below = (chosen >= rows.start) & (chosen < rows.stop)
            below &= self.tiling.mirrored(tile)
            if not (within.any() or below.any()):
                continue
            values = self._block(tile)
            found[rows, within] = values[:, chosen[within] - along.start]
            found[along, below] = values[chosen[below] - rows.start].T
        return found

    def diagonal(self) -> Float[np.ndarray, " n"]:
        """Return the diagonal of a kernel among ``x``; only the blocks that it crosses are read."""
        require(
            self.tiling.symmetric, "a kernel between two sets", "one among x", "leave out others"
        )
        parts = [np.diagonal(self._block((i, i))) for i in range(self.tiling.bands[0])]
        return np.concatenate(parts).astype(np.float64)

    def bands(self) -> Iterator[tuple[slice, Float[np.ndarray, "b m"]]]:
        """Yield rows of a kernel with ``others``, as many as a block has, all columns of each."""
        require(
            not self.tiling.symmetric, "a kernel among x", "one with others", "use its products"
        )
        for i in range(self.tiling.bands[0]):
            parts = [self._block((i, j)) for j in range(self.tiling.bands[1])]
            yield self.tiling.slices((i, 0))[0], np.concatenate(parts, axis=1)

    def _block(self, tile: Tile) -> Values:
        found = self._read(tile)
        if found is None:
            found = self._computation(self.threads).block(tile, self.x, self.others)
            if self.place is not None:
                write_block(block_file(self.place, tile), found)
        return found

    def _read(self, tile: Tile) -> Values | None:
        """Return a block as it was written; None where it is missing, damaged or of other size."""
        if self.place is None:
            return None
        found = self._reader.read(block_file(self.place, tile))
        shape = tuple(part.stop - part.start for part in self.tiling.slices(tile))
        fits = found is not None and found.shape == shape and found.dtype == np.dtype(self.dtype)
        return found if fits else None

    def _computation(self, threads: int | None) -> BlockComputation:
        return BlockComputation(self.network, self.tiling, self.kind, self.dtype, threads)

    @cached_property
    def _reader(self) -> BlockReader:
        return BlockReader()
