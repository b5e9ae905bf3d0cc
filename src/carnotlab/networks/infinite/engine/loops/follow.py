"""The compiled loop over all pairs, all stages and all displacements."""

from collections.abc import Callable
from typing import TypeAlias

from carnotlab.networks.infinite.engine.loops.codes import (
    COLUMNS_FROM,
    COLUMNS_TO,
    END,
    ENDING,
    FIRST_STEP,
    LAST_STEP,
    LENGTH,
    NEXT_COLUMNS,
    NEXT_DISPLACEMENTS,
    NEXT_ROWS,
    NEXT_SIZE,
    ROWS_FROM,
    ROWS_TO,
    Ends,
    Numbers,
    Side,
    Tables,
    Work,
)
from carnotlab.networks.infinite.engine.loops.compilation import compiled, kept, sources
from carnotlab.networks.infinite.engine.loops.filters import clear, copy, part
from carnotlab.networks.infinite.engine.loops.steps import do

Follow: TypeAlias = Callable[
    [
        Tables, Work, tuple[Side, Side], Side, Side, int, tuple[int, int], bool, Numbers, Numbers,
        Numbers,
    ],
    None,
]  # fmt: skip


@compiled
def add_total(
    tables: Tables, work: Work, level: int, ends: tuple[int, int], lanes: int, k_next: Numbers,
    t_next: Numbers,
) -> None:  # fmt: skip
    """Add what the first buffer holds at its positions."""
    columns = tables.levels[level, LENGTH + 1]
    k_total, t_total = work.k_total[: columns * lanes], work.t_total[: columns * lanes]
    clear(k_total)
    clear(t_total)
    for which in range(2):
        start, stop, _ = part(tables.levels, level, 0, ends[0], which)
        for row in range(start, stop):
            for side in range(2):
                a, b, _ = part(tables.levels, level, 1, ends[1], side)
                if b <= a:
                    continue
                here = row * columns * lanes
                k, k_to = (
                    work.k[here + a * lanes : here + b * lanes],
                    k_total[a * lanes : b * lanes],
                )
                t, t_to = (
                    work.t[here + a * lanes : here + b * lanes],
                    t_total[a * lanes : b * lanes],
                )
                for i in range(k.size):
                    k_to[i] += k[i]
                for i in range(t.size):
                    t_to[i] += t[i]
    for column in range(columns):
        for lane in range(lanes):
            k_next[lane] += k_total[column * lanes + lane]
            t_next[lane] += t_total[column * lanes + lane]


@compiled
def add_windows(
    tables: Tables, work: Work, stage: Numbers, end_row: int, end_column: int, lanes: int,
    k_next: Numbers, t_next: Numbers,
) -> None:  # fmt: skip
    """Add what the first buffer holds to every window that it is in."""
    columns = tables.levels[stage[END], LENGTH + 1]
    image = stage[NEXT_ROWS] * stage[NEXT_COLUMNS]
    for i in range(tables.pool_starts[end_row], tables.pool_starts[end_row + 1]):
        row, next_row_displacement, next_row = tables.pool_entries[i]
        for j in range(tables.pool_starts[end_column], tables.pool_starts[end_column + 1]):
            column, next_column_displacement, next_column = tables.pool_entries[j]
            weight = tables.pool_weights[i] * tables.pool_weights[j]
            displacement = (
                next_row_displacement * stage[NEXT_DISPLACEMENTS] + next_column_displacement
            )
            at = (row * columns + column) * lanes
            to = displacement * image + next_row * stage[NEXT_COLUMNS] + next_column
            k_to, t_to = (
                k_next[to * lanes : (to + 1) * lanes],
                t_next[to * lanes : (to + 1) * lanes],
            )
            k, t = work.k[at : at + lanes], work.t[at : at + lanes]
            for lane in range(lanes):
                k_to[lane] += weight * k[lane]
            for lane in range(lanes):
                t_to[lane] += weight * t[lane]


@compiled
def follow_lanes(
    tables: Tables, work: Work, left: Side, right: Side, lanes: int, itself: bool,
    k_out: Numbers, t_out: Numbers,
) -> None:  # fmt: skip
    """Follow one pair a lane through all stages; results are ``[lanes]``."""
    k_stored, t_stored, k_next, t_next = work.k_stored, work.t_stored, work.k_next, work.t_next
    for number in range(tables.stages.shape[0]):
        stage = tables.stages[number]
        clear(k_next[: stage[NEXT_SIZE] * lanes])
        clear(t_next[: stage[NEXT_SIZE] * lanes])
        columns = stage[COLUMNS_TO] - stage[COLUMNS_FROM]
        for i in range(stage[ROWS_FROM], stage[ROWS_TO]):
            for j in range(stage[COLUMNS_FROM], stage[COLUMNS_TO]):
                ends = (tables.displacements[i], tables.displacements[j])
                index = (i - stage[ROWS_FROM]) * columns + j - stage[COLUMNS_FROM]
                # The first displacement is zero: deviations are noted before they are used.
                alone = itself and index == 0
                for s in range(stage[FIRST_STEP], stage[LAST_STEP]):
                    do(tables, work, left, right, s, ends, index, lanes, alone, k_stored, t_stored)
                if stage[ENDING] == Ends.IN_TOTAL:
                    add_total(tables, work, stage[END], ends, lanes, k_next, t_next)
                else:
                    add_windows(tables, work, stage, i, j, lanes, k_next, t_next)
        if stage[ENDING] == Ends.IN_TOTAL:
            for lane in range(lanes):
                k_next[lane] *= tables.scales[number]
                t_next[lane] *= tables.scales[number]
        k_stored, k_next = k_next, k_stored
        t_stored, t_next = t_next, t_stored
    copy(k_stored, k_out)
    copy(t_stored, t_out)


@compiled
def spread(source: Numbers, lane: int, lanes: int, target: Numbers) -> None:
    """Put one lane's numbers into all lanes, whose count is a multiple of eight."""
    for i in range(source.size // lanes):
        number = source[i * lanes + lane]
        # Written out, so that it becomes one store of a vector.
        for j in range(i * lanes, (i + 1) * lanes, 8):
            eight = target[j : j + 8]
            eight[0] = number
            eight[1] = number
            eight[2] = number
            eight[3] = number
            eight[4] = number
            eight[5] = number
            eight[6] = number
            eight[7] = number


@compiled
def gather(source: Side, images: Numbers, lanes: int, room: Side) -> None:
    """Put images of any blocks side by side, one in each lane."""
    for which in range(room.zeros.size):
        room.zeros[which] = 0
    for to in range(lanes):
        block, lane = images[to] // lanes, images[to] % lanes
        for i in range(room.x.size // lanes):
            room.x[i * lanes + to] = source.x[block, i * lanes + lane]
        for i in range(room.deviations.size // lanes):
            room.deviations[i * lanes + to] = source.deviations[block, i * lanes + lane]
            room.inverses[i * lanes + to] = source.inverses[block, i * lanes + lane]
        for which in range(room.zeros.size):
            room.zeros[which] |= source.zeros[block, which]


def _entry(made_of: int) -> Follow:
    @kept
    def follow(
        tables: Tables, work: Work, rooms: tuple[Side, Side], left: Side, right: Side, lanes: int,
        rows: tuple[int, int], itself: bool, chosen: Numbers, k_out: Numbers, t_out: Numbers,
    ) -> None:  # fmt: skip
        _ = made_of
        room = rooms[0]
        for group in range(chosen.shape[1] // lanes):
            here = slice(group * lanes, (group + 1) * lanes)
            gather(left, chosen[0, here], lanes, room)
            gather(right, chosen[1, here], lanes, rooms[1])
            follow_lanes(tables, work, room, rooms[1], lanes, False, k_out[0, here], t_out[0, here])
        for row in range(rows[0], rows[1]):
            start, stop = 0, right.x.shape[0]
            first = room
            if itself:
                first = Side(left.x[row], left.deviations[row], left.inverses[row], left.zeros[row])
                start, stop = row, row + 1
            else:
                block, lane = row // lanes, row % lanes
                spread(left.x[block], lane, lanes, room.x)
                spread(left.deviations[block], lane, lanes, room.deviations)
                spread(left.inverses[block], lane, lanes, room.inverses)
                copy(left.zeros[block], room.zeros)
            for other in range(start, stop):
                second = Side(
                    right.x[other], right.deviations[other], right.inverses[other],
                    right.zeros[other],
                )  # fmt: skip
                to = 0 if itself else other * lanes
                follow_lanes(
                    tables, work, first, second, lanes, itself,
                    k_out[row - rows[0], to : to + lanes], t_out[row - rows[0], to : to + lanes],
                )  # fmt: skip

    return follow


follow = _entry(sources())
"""Pair the images ``rows`` of the left side with all blocks of the right one.

Both sides have blocks as their first axis, ``room`` is a block to work in, and ``k_out`` and
``t_out`` are ``[rows, blocks * lanes]``. With ``itself`` the rows are blocks instead, each paired
with itself, lane by lane, so that deviations are noted and results are ``[blocks, lanes]``.
Pairs ``chosen: [2, pairs]`` of any images of the two sides, a multiple of the lanes, are taken
side by side before; where there are any there should be no rows, and results are ``[1, pairs]``.
"""
