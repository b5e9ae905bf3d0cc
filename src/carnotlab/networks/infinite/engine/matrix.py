"""Whole matrices of kernels: images in blocks of lanes, tiles of bounded memory, threads."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float, Int, Shaped

from carnotlab.networks.infinite.engine.loops.codes import (
    BEHIND,
    COLUMNS_FROM,
    COLUMNS_TO,
    FIRST_STEP,
    LAST_STEP,
    LENGTH,
    NEXT_SIZE,
    ROWS_FROM,
    ROWS_TO,
    Side,
    Tables,
    Work,
)
from carnotlab.networks.infinite.engine.loops.follow import follow
from carnotlab.networks.infinite.engine.program import Program
from carnotlab.networks.infinite.engine.tables import tables, workspace

TILE_BYTES = 2**28
"""Memory for one side's images and their deviations; there are two sides at a time."""

STORE_BYTES = 2**27
"""Memory of each thread for what lies behind a pool."""

JOB_OPERATIONS = 2**33
"""Arithmetic of one piece of work for a thread: some tenths of a second."""

OPERATIONS_OF_STEP = 80
"""About how many of them a step takes at each pair of positions."""

LANES = (32, 16, 8)
"""Pairs side by side: many, so that a row of a small image fills many vectors, but fewer where
images are so few that lanes beyond the diagonal would be a large part of the work."""

WORTH_PACKING = 1000
"""Operations of a pair, for each number to move, from which on moving them takes no time."""

BUFFER_NUMBERS = 2**15
"""Numbers a buffer should hold at most, to stay in the processor's cache."""

NONE = np.zeros((2, 0), dtype=np.int64)

Images: TypeAlias = Float[np.ndarray, "n positions channels"]
Progress: TypeAlias = Callable[[int], None]
Job: TypeAlias = Callable[[], int]
"""Does a piece of the work and returns how many pairs that was."""


class Matrices(NamedTuple):
    """Both kernels between two sets of images."""

    nngp: Shaped[np.ndarray, "n1 n2"]
    ntk: Shaped[np.ndarray, "n1 n2"]


class Noted(NamedTuple):
    """Some images with their deviations, and where in the matrix they stand."""

    side: Side
    start: int
    size: int


class Engine:
    """A program made ready for one precision, a number of columns and of threads."""

    def __init__(
        self,
        program: Program,
        dtype: "np.dtype[Any]",
        columns: int,
        threads: int,
        progress: Progress,
    ) -> None:
        self.program, self.dtype = program, dtype
        self.threads, self.progress = threads, progress
        self.complete = tables(program, dtype)
        self.noting = tables(program, dtype, complete=False)
        self.packs = _operations(self.complete) > WORTH_PACKING * _numbers(program, self.complete)
        self.lanes = _lanes(self.complete, columns, self.packs)
        self.rooms: SimpleQueue[tuple[Work, tuple[Side, Side]]] = SimpleQueue()

    def symmetric(self, x: Images) -> Matrices:
        """Return kernels of images with themselves, one triangle computed."""
        n = x.shape[0]
        found = Matrices(*(np.empty((n, n), self.dtype) for _ in range(2)))
        self._furnish(x)
        for first in self._tiles(x, found):
            self._run(self._jobs(first, first, found))
            for second in self._tiles(x, start=first.start + first.size):
                self._run(self._jobs(first, second, found))
        for matrix in found:
            _mirror(matrix)
        return found

    def rectangular(self, x1: Images, x2: Images) -> Matrices:
        """Return kernels between two sets of images."""
        found = Matrices(*(np.empty((x1.shape[0], x2.shape[0]), self.dtype) for _ in range(2)))
        self._furnish(x1)
        for first in self._tiles(x1):
            for second in self._tiles(x2):
                self._run(self._jobs(first, second, found))
        return found

    def _furnish(self, x: Images) -> None:
        """Make every thread's memory to work in."""
        for _ in range(self.threads):
            work = workspace(self.program, [self.complete, self.noting], self.lanes, self.dtype)
            one, other = (Side(*(part[0] for part in self._side(x[:1]))) for _ in range(2))
            self.rooms.put((work, (one, other)))

    def _tiles(self, x: Images, own: Matrices | None = None, start: int = 0) -> Iterator[Noted]:
        """Yield tiles of images; their kernels with themselves go into ``own``'s diagonal."""
        size = self.program.deviations * self.complete.size * (8 + self.dtype.itemsize)
        size += 8 * x.shape[1] * x.shape[2]
        rows = max(TILE_BYTES // (size * self.lanes), 1) * self.lanes
        for top in range(start, x.shape[0], rows):
            part = x[top : top + rows]
            tile = Noted(self._side(part), top, part.shape[0])
            blocks = range(tile.side.x.shape[0])
            self._run(partial(self._note, tile, own, block) for block in blocks)
            yield tile

    def _side(self, x: Images) -> Side:
        n, positions, channels = x.shape
        blocks = -(-n // self.lanes)
        padded = np.concatenate([x, np.repeat(x[-1:], blocks * self.lanes - n, axis=0)])
        by_lane = padded.reshape(blocks, self.lanes, positions, channels).transpose(0, 3, 2, 1)
        shape = (blocks, self.program.deviations * self.complete.size * self.lanes)
        return Side(
            x=np.ascontiguousarray(by_lane).reshape(blocks, -1),
            deviations=np.zeros(shape, self.dtype),
            inverses=np.zeros(shape),
            zeros=np.zeros((blocks, self.program.deviations), dtype=np.int64),
        )

    def _note(self, tile: Noted, own: Matrices | None, block: int) -> int:
        """Note a block's deviations, and its kernels with itself in ``own``'s diagonal."""
        steps = self.noting if own is None else self.complete
        found = self._follow(steps, tile.side, tile.side, (block, block + 1), itself=True)
        if own is None:
            return 0
        first = block * self.lanes
        count = min(self.lanes, tile.size - first)
        which = tile.start + first + np.arange(count)
        for matrix, values in zip(own, found, strict=True):
            matrix[which, which] = values[0, :count]
        return count

    def _jobs(self, first: Noted, second: Noted, found: Matrices) -> Iterator[Job]:
        """Yield work on some images of one block with some blocks of others.

        Of a tile with itself, blocks left of an image's own are left out, and pairs within blocks
        are packed so that no lane is idle, where it is worth bringing them together.
        """
        triangle = first is second
        packed = triangle and self.packs
        if packed:
            yield from self._packed(first, found)
        groups = max(JOB_OPERATIONS // (_operations(self.complete) * self.lanes), 1)
        height = min(self.lanes, groups, -(-first.size // (4 * self.threads)))
        width = max(groups // height, 1)
        for block in range(first.side.x.shape[0]):
            stop = min((block + 1) * self.lanes, first.size)
            for top in range(block * self.lanes, stop, height):
                rows = top, min(top + height, stop)
                for left in range(
                    (block + packed) if triangle else 0, second.side.x.shape[0], width
                ):
                    yield partial(self._pair, first, second, found, rows, (left, left + width))

    def _packed(self, tile: Noted, found: Matrices) -> Iterator[Job]:
        """Yield work on all pairs of different images within blocks."""
        image = np.arange(tile.size)
        ends = np.minimum((image // self.lanes + 1) * self.lanes, tile.size)
        one = np.repeat(image, ends - image - 1)
        pairs = np.stack(
            [one, np.concatenate([np.arange(i + 1, end) for i, end in enumerate(ends)])]
        )
        groups = max(JOB_OPERATIONS // (_operations(self.complete) * self.lanes), 1)
        groups = min(groups, -(-pairs.shape[1] // (4 * self.threads * self.lanes)))
        for start in range(0, pairs.shape[1], max(groups, 1) * self.lanes):
            part = pairs[:, start : start + groups * self.lanes]
            yield partial(self._choose, tile, found, part)

    def _choose(self, tile: Noted, found: Matrices, pairs: Int[np.ndarray, "2 pairs"]) -> int:
        count = pairs.shape[1]
        idle = -count % self.lanes
        chosen = np.concatenate([pairs, np.repeat(pairs[:, -1:], idle, axis=1)], axis=1)
        values = self._follow(self.complete, tile.side, tile.side, (0, 0), chosen=chosen)
        for matrix, part in zip(found, values, strict=True):
            matrix[tile.start + pairs[0], tile.start + pairs[1]] = part[0, :count]
        return count

    def _pair(
        self, first: Noted, second: Noted, found: Matrices, rows: tuple[int, int],
        blocks: tuple[int, int],
    ) -> int:  # fmt: skip
        right = Side(*(part[slice(*blocks)] for part in second.side))
        values = self._follow(self.complete, first.side, right, rows)
        start, stop = blocks[0] * self.lanes, min(blocks[1] * self.lanes, second.size)
        pairs = 0
        for row in range(*rows):
            left = max(start, row + 1) if first is second else start
            pairs += max(stop - left, 0)
            columns = slice(second.start + left, second.start + stop)
            for matrix, part in zip(found, values, strict=True):
                if left < stop:
                    here = part[row - rows[0], left - start : stop - start]
                    matrix[first.start + row, columns] = here
        return pairs

    def _follow(
        self, steps: Tables, left: Side, right: Side, rows: tuple[int, int], itself: bool = False,
        chosen: Int[np.ndarray, "2 pairs"] = NONE,
    ) -> tuple[Float[np.ndarray, "rows columns"], Float[np.ndarray, "rows columns"]]:  # fmt: skip
        columns = chosen.shape[1] or self.lanes * (1 if itself else right.x.shape[0])
        shape = (1 if chosen.shape[1] else rows[1] - rows[0], columns)
        k, t = np.zeros(shape), np.zeros(shape)
        work, rooms = self.rooms.get()
        try:
            follow(steps, work, rooms, left, right, self.lanes, rows, itself, chosen, k, t)
        finally:
            self.rooms.put((work, rooms))
        return k, t

    def _run(self, jobs: Iterable[Job]) -> None:
        if self.threads == 1:
            for job in jobs:
                self.progress(job())
            return
        pool = ThreadPoolExecutor(self.threads)
        try:
            for done in as_completed([pool.submit(job) for job in jobs]):
                self.progress(done.result())
        finally:
            pool.shutdown(cancel_futures=True)


def _lanes(its: Tables, columns: int, packs: bool) -> int:
    """Return how many pairs lie side by side, a multiple of 8; results do not depend on it."""
    fitting = [lanes for lanes in LANES if columns >= 8 * lanes]
    # Where pairs are packed, no lane is idle beyond the diagonal.
    wanted = fitting[0] if fitting else LANES[1 if packs else 2]
    stored = 4 * 8 * int(its.stages[:, NEXT_SIZE].max())
    most = min(BUFFER_NUMBERS // its.size, STORE_BYTES // stored)
    return max(min(-(-min(wanted, columns) // 8), most // 8), 1) * 8


def _numbers(program: Program, its: Tables) -> int:
    """Return how many numbers an image has, with its deviations."""
    return its.size * (1 + 2 * program.deviations)


def _operations(its: Tables) -> int:
    """Return about how many operations one pair takes."""
    count = 0
    for stage in its.stages:
        displacements = (stage[ROWS_TO] - stage[ROWS_FROM]) * (
            stage[COLUMNS_TO] - stage[COLUMNS_FROM]
        )
        levels = its.levels[its.steps[stage[FIRST_STEP] : stage[LAST_STEP], BEHIND]]
        positions = np.prod(levels[:, LENGTH : LENGTH + 2], axis=1).sum()
        count += OPERATIONS_OF_STEP * int(displacements * positions)
    return count


def _mirror(matrix: Shaped[np.ndarray, "n n"], size: int = 512) -> None:
    """Copy what is above the diagonal to below it, in blocks that stay in the cache."""
    n = matrix.shape[0]
    for top in range(0, n, size):
        rows = slice(top, top + size)
        block = matrix[rows, rows]
        block[...] = np.triu(block) + np.triu(block, 1).T
        for left in range(top + size, n, size):
            columns = slice(left, left + size)
            matrix[columns, rows] = matrix[rows, columns].T
