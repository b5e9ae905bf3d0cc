"""Compiled steps, each from one buffer to another, for one displacement.

Positions of the first image of a pair index the buffers; see `filters.part` for the second.
"""

import numpy as np

from carnotlab.networks.infinite.engine.loops.codes import (
    BEHIND,
    DEVIATION,
    LENGTH,
    OPERATION,
    SCALE,
    SIZE,
    SOURCE,
    STRIDE,
    TARGET,
    TOGETHER,
    WRAPS,
    Numbers,
    Operation,
    Side,
    Tables,
    Work,
)
from carnotlab.networks.infinite.engine.loops.compilation import compiled
from carnotlab.networks.infinite.engine.loops.filters import (
    add_lines,
    clear,
    convolved_row,
    copy,
    part,
)
from carnotlab.networks.infinite.engine.loops.rectifier import (
    bend_32,
    bend_64,
    bend_behind_three_32,
    bend_itself,
    flat_where_zero,
)


@compiled
def bent_row(
    tables: Tables, work: Work, left: Side, right: Side, s: int, ends: tuple[int, int],
    row: int, shift: int, lanes: int, alone: bool, k: Numbers, t: Numbers, k_out: Numbers,
    t_out: Numbers,
) -> None:  # fmt: skip
    """Apply an activation to a row of all columns."""
    step, numbers, numbers_t = tables.steps[s], tables.numbers[s], tables.numbers_t[s]
    level, which = step[BEHIND], step[DEVIATION]
    columns = tables.levels[level, LENGTH + 1]
    first = (which * tables.size + row * columns) * lanes
    second = (which * tables.size + (row + shift) * columns) * lanes
    for side in range(2):
        start, stop, along = part(tables.levels, level, 1, ends[1], side)
        if stop <= start:
            continue
        a, b = start * lanes, stop * lanes
        own = left.deviations[first + a : first + b]
        own_inverse = left.inverses[first + a : first + b]
        if alone:
            if bend_itself(k[a:b], t[a:b], own_inverse, own, k_out[a:b], t_out[a:b], numbers):
                left.zeros[which] = 1
            continue
        c, d = second + (start + along) * lanes, second + (stop + along) * lanes
        other, other_inverse = right.deviations[c:d], right.inverses[c:d]
        # Decided when this is compiled, since the size of an item belongs to the array's type.
        if work.t.itemsize == 8:
            bend_64(
                k[a:b], t[a:b], own_inverse, other_inverse, own, other, k_out[a:b], t_out[a:b],
                numbers,
            )  # fmt: skip
        else:
            bend_32(
                k[a:b], t[a:b], own_inverse, other_inverse, own, other, k_out[a:b], t_out[a:b],
                numbers, numbers_t,
            )  # fmt: skip
        if left.zeros[which] or right.zeros[which]:
            flat_where_zero(t[a:b], own, other, t_out[a:b], numbers_t)


@compiled
def bent_at_once(
    tables: Tables, work: Work, left: Side, right: Side, s: int, ends: tuple[int, int],
    row: int, which: int, shift: int, lanes: int, to: int,
) -> None:  # fmt: skip
    """Put a row behind a filter of three columns and its activation, from position ``to`` on."""
    step = tables.steps[s]
    columns = tables.levels[step[BEHIND], LENGTH + 1]
    first = (step[DEVIATION] * tables.size + row * columns) * lanes
    second = (step[DEVIATION] * tables.size + (row + shift) * columns) * lanes
    for side in range(2):
        start, stop, total = add_lines(tables, work, s, row, ends, which, side, lanes)
        if stop <= start:
            continue
        along = part(tables.levels, step[BEHIND], 1, ends[1], side)[2]
        a, b = first + start * lanes, first + stop * lanes
        c, d = second + (start + along) * lanes, second + (stop + along) * lanes
        bend_behind_three_32(
            work.k_columns[:total], work.t_columns[:total], lanes,
            left.inverses[a:b], right.inverses[c:d], left.deviations[a:b], right.deviations[c:d],
            work.k[to + start * lanes : to + stop * lanes],
            work.t[to + start * lanes : to + stop * lanes],
            tables.numbers[s], tables.numbers_t[s],
        )  # fmt: skip


@compiled
def convolve(
    tables: Tables, work: Work, left: Side, right: Side, s: int, ends: tuple[int, int],
    lanes: int, alone: bool,
) -> None:  # fmt: skip
    """Convolve a buffer into another, with the activation behind it if the step has one."""
    step = tables.steps[s]
    width = tables.levels[step[BEHIND], LENGTH + 1] * lanes
    target = step[TARGET] * tables.size * lanes
    at_once = step[TOGETHER] and step[SIZE + 1] == 3 and step[STRIDE + 1] == 1
    at_once = at_once and not step[WRAPS + 1] and not alone
    if at_once:
        at_once = not (left.zeros[step[DEVIATION]] or right.zeros[step[DEVIATION]])
    for which in range(2):
        start, stop, shift = part(tables.levels, step[BEHIND], 0, ends[0], which)
        for row in range(start, stop):
            to = target + row * width
            # The size of an item is known when this is compiled; in float64 there is less to gain.
            if work.t.itemsize == 4 and at_once:
                bent_at_once(
                    tables, work, left, right, s, ends, row, which, shift, lanes, to
                )  # fmt: skip
                continue
            convolved_row(tables, work, s, row, ends, which, lanes)
            k_out, t_out = work.k[to : to + width], work.t[to : to + width]
            if step[TOGETHER]:
                bent_row(
                    tables, work, left, right, s, ends, row, shift, lanes, alone,
                    work.k_row, work.t_row, k_out, t_out,
                )  # fmt: skip
            else:
                copy(work.k_row, k_out)
                copy(work.t_row, t_out)


@compiled
def activate(
    tables: Tables, work: Work, left: Side, right: Side, s: int, ends: tuple[int, int],
    lanes: int, alone: bool,
) -> None:  # fmt: skip
    """Apply an activation to a buffer, into the same or another one."""
    step = tables.steps[s]
    width = tables.levels[step[BEHIND], LENGTH + 1] * lanes
    source, target = step[SOURCE] * tables.size * lanes, step[TARGET] * tables.size * lanes
    for which in range(2):
        start, stop, shift = part(tables.levels, step[BEHIND], 0, ends[0], which)
        for row in range(start, stop):
            at, to = source + row * width, target + row * width
            # Loops are quick only where they write elsewhere than they read.
            copy(work.k[at : at + width], work.k_row[:width])
            copy(work.t[at : at + width], work.t_row[:width])
            bent_row(
                tables, work, left, right, s, ends, row, shift, lanes, alone,
                work.k_row, work.t_row, work.k[to : to + width], work.t[to : to + width],
            )  # fmt: skip


@compiled
def note_spread(tables: Tables, work: Work, left: Side, s: int, lanes: int) -> None:
    """Note the inverse deviations that a layer norm multiplies by; one where there is nothing."""
    step = tables.steps[s]
    size = tables.levels[step[BEHIND], LENGTH] * tables.levels[step[BEHIND], LENGTH + 1]
    source = step[SOURCE] * tables.size * lanes
    first = step[DEVIATION] * tables.size * lanes
    for lane in range(lanes):
        total = 0.0
        for position in range(size):
            total += work.k[source + position * lanes + lane]
        for position in range(size):
            at = position * lanes + lane
            variance = total / size if step[TOGETHER] else work.k[source + at]
            left.inverses[first + at] = 1.0 / np.sqrt(variance if variance > 0 else 1.0)


@compiled
def normalize(
    tables: Tables, work: Work, left: Side, right: Side, s: int, ends: tuple[int, int],
    lanes: int, alone: bool,
) -> None:  # fmt: skip
    """Divide by deviations, noted on the way for pairs of equal images."""
    if alone:
        note_spread(tables, work, left, s, lanes)
    step = tables.steps[s]
    columns = tables.levels[step[BEHIND], LENGTH + 1]
    source, target = step[SOURCE] * tables.size * lanes, step[TARGET] * tables.size * lanes
    first = step[DEVIATION] * tables.size * lanes
    for which in range(2):
        start, stop, shift = part(tables.levels, step[BEHIND], 0, ends[0], which)
        for row in range(start, stop):
            for side in range(2):
                a, b, along = part(tables.levels, step[BEHIND], 1, ends[1], side)
                here = (row * columns + a) * lanes
                there = first + ((row + shift) * columns + a + along) * lanes
                for i in range(max(b - a, 0) * lanes):
                    factor = left.inverses[first + here + i] * right.inverses[there + i]
                    work.k[target + here + i] = work.k[source + here + i] * factor
                    work.t[target + here + i] = work.t[source + here + i] * factor


@compiled
def load_input(
    tables: Tables, work: Work, left: Side, right: Side, s: int, ends: tuple[int, int],
    lanes: int,
) -> None:  # fmt: skip
    """Start from the inner product of both images' channels, and a tangent kernel of zero."""
    step = tables.steps[s]
    level = step[BEHIND]
    rows, columns = tables.levels[level, LENGTH], tables.levels[level, LENGTH + 1]
    target = step[TARGET] * tables.size * lanes
    image = rows * columns * lanes
    clear(work.t[target : target + image])
    for which in range(2):
        start, stop, shift = part(tables.levels, level, 0, ends[0], which)
        for row in range(start, stop):
            for side in range(2):
                a, b, along = part(tables.levels, level, 1, ends[1], side)
                if b <= a:
                    continue
                here = (row * columns + a) * lanes
                there = ((row + shift) * columns + a + along) * lanes
                size = (b - a) * lanes
                total = work.k[target + here : target + here + size]
                channels = left.x.size // image
                if channels == 3:
                    x0 = left.x[here : here + size]
                    x1 = left.x[image + here : image + here + size]
                    x2 = left.x[2 * image + here : 2 * image + here + size]
                    y0 = right.x[there : there + size]
                    y1 = right.x[image + there : image + there + size]
                    y2 = right.x[2 * image + there : 2 * image + there + size]
                    scale = tables.numbers[s, SCALE]
                    for i in range(size):
                        total[i] = ((x0[i] * y0[i] + x1[i] * y1[i]) + x2[i] * y2[i]) * scale
                    continue
                clear(total)
                for channel in range(channels):
                    first = left.x[channel * image + here : channel * image + here + size]
                    second = right.x[channel * image + there : channel * image + there + size]
                    for i in range(size):
                        total[i] += first[i] * second[i]
                for i in range(size):
                    total[i] *= tables.numbers[s, SCALE]


@compiled
def load_stored(
    tables: Tables, work: Work, s: int, index: int, lanes: int, k_stored: Numbers,
    t_stored: Numbers,
) -> None:  # fmt: skip
    """Start from what the stage before left behind for this displacement."""
    step = tables.steps[s]
    level = step[BEHIND]
    size = tables.levels[level, LENGTH] * tables.levels[level, LENGTH + 1] * lanes
    target = step[TARGET] * tables.size * lanes
    copy(k_stored[index * size : (index + 1) * size], work.k[target : target + size])
    copy(t_stored[index * size : (index + 1) * size], work.t[target : target + size])


@compiled
def add(tables: Tables, work: Work, s: int, lanes: int) -> None:
    """Add one buffer to another, or put it there."""
    step = tables.steps[s]
    size = tables.levels[step[BEHIND], LENGTH] * tables.levels[step[BEHIND], LENGTH + 1] * lanes
    source, target = step[SOURCE] * tables.size * lanes, step[TARGET] * tables.size * lanes
    k_from, k_to = work.k[source : source + size], work.k[target : target + size]
    t_from, t_to = work.t[source : source + size], work.t[target : target + size]
    if step[OPERATION] == Operation.COPY:
        copy(k_from, k_to)
        copy(t_from, t_to)
        return
    for i in range(size):
        k_to[i] += k_from[i]
    for i in range(size):
        t_to[i] += t_from[i]


@compiled
def drop(tables: Tables, work: Work, s: int, lanes: int) -> None:
    """Grow variances: the noise of one unit is its own."""
    step = tables.steps[s]
    size = tables.levels[step[BEHIND], LENGTH] * tables.levels[step[BEHIND], LENGTH + 1] * lanes
    target = step[TARGET] * tables.size * lanes
    for i in range(target, target + size):
        work.k[i] *= tables.numbers[s, SCALE]
        work.t[i] *= tables.numbers_t[s, SCALE]


@compiled
def do(
    tables: Tables, work: Work, left: Side, right: Side, s: int, ends: tuple[int, int],
    index: int, lanes: int, alone: bool, k_stored: Numbers, t_stored: Numbers,
) -> None:  # fmt: skip
    """Do one step."""
    operation = tables.steps[s, OPERATION]
    if operation == Operation.CONVOLVE:
        convolve(tables, work, left, right, s, ends, lanes, alone)
    elif operation == Operation.ACTIVATE:
        activate(tables, work, left, right, s, ends, lanes, alone)
    elif operation == Operation.LOAD_INPUT:
        load_input(tables, work, left, right, s, ends, lanes)
    elif operation == Operation.LOAD_STORED:
        load_stored(tables, work, s, index, lanes, k_stored, t_stored)
    elif operation == Operation.ADD or operation == Operation.COPY:
        add(tables, work, s, lanes)
    elif operation == Operation.NORMALIZE:
        normalize(tables, work, left, right, s, ends, lanes, alone)
    elif alone:
        drop(tables, work, s, lanes)
