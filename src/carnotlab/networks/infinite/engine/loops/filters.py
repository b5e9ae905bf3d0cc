"""Compiled loops over the rows of a filter: sums of rows, then of columns, then the gains.

Numbers lie as ``[..., rows, columns, lanes]`` in flat arrays, a lane for each pair of images, so
that every inner loop runs over one contiguous slice.
"""

from carnotlab.networks.infinite.engine.loops.codes import (
    BEFORE,
    BEHIND,
    BIAS,
    FACTOR,
    GAIN,
    GRADIENT_BIAS,
    GRADIENT_GAIN,
    LENGTH,
    MODULUS,
    NO_TANGENT,
    PAD,
    SIZE,
    SOURCE,
    STRIDE,
    WRAPS,
    Numbers,
    Tables,
    Work,
)
from carnotlab.networks.infinite.engine.loops.compilation import compiled


@compiled
def clear(target: Numbers) -> None:
    """Set all numbers to zero."""
    for i in range(target.size):
        target[i] = 0


@compiled
def copy(source: Numbers, target: Numbers) -> None:
    """Copy as many numbers as the target has."""
    for i in range(target.size):
        target[i] = source[i]


@compiled
def part(levels: Numbers, level: int, axis: int, end: int, which: int) -> tuple[int, int, int]:
    """Return from where to where positions of the first image go, and how far on the second is.

    Of a displacement modulo :math:`m`, given at the stage's end, at most two are possible between
    positions of one axis, :math:`d` and :math:`d - m`. A filter does not reach from the positions
    of one into those of the other, except around a circular axis.
    """
    length = levels[level, LENGTH + axis]
    modulus = levels[level, MODULUS + axis]
    displacement = levels[level, FACTOR + axis] * end
    if which == 0:
        return 0, max(length - displacement, 0), displacement
    return min(modulus - displacement, length), length, displacement - modulus


@compiled
def add_rows(
    source: Numbers, base: int, row: int, from_row: int, to_row: int, step: Numbers, length: int,
    width: int, target: Numbers,
) -> None:  # fmt: skip
    """Sum, over the filter's rows, slices of ``target.size`` numbers."""
    size = target.size
    found = 0
    first, second = 0, 0
    for offset in range(step[SIZE]):
        at = row * step[STRIDE] + offset - step[PAD]
        if step[WRAPS]:
            at = at % length
        elif at < from_row or at >= to_row:
            continue
        start = base + at * width
        found += 1
        if found == 1:
            first = start
        elif found == 2:
            second = start
        elif found == 3:
            a = source[first : first + size]
            b = source[second : second + size]
            c = source[start : start + size]
            for i in range(size):
                target[i] = (a[i] + b[i]) + c[i]
        else:
            c = source[start : start + size]
            for i in range(size):
                target[i] += c[i]
    a = source[first : first + size]
    if found == 1:
        copy(a, target)
    elif found == 2:
        b = source[second : second + size]
        for i in range(size):
            target[i] = a[i] + b[i]


@compiled
def surround(line: Numbers, before: int, size: int, wraps: int) -> None:
    """Fill what lies before and behind a row: zeros, or the row's other side."""
    if wraps:
        copy(line[size : size + before], line[:before])
        rest = line.size - before - size
        copy(line[before : before + rest], line[before + size :])
    else:
        clear(line[:before])
        clear(line[before + size :])


@compiled
def gains_of_three(
    k: Numbers, t: Numbers, lanes: int, k_out: Numbers, t_out: Numbers, numbers: Numbers,
    numbers_t: Numbers,
) -> None:  # fmt: skip
    """Sum three neighbouring columns and apply the gains of both kernels."""
    size = k_out.size
    gain, bias = numbers[GAIN], numbers[BIAS]
    t_gain = numbers_t[GAIN]
    k_gradient, bias_gradient = numbers[GRADIENT_GAIN], numbers[GRADIENT_BIAS]
    k0, k1, k2 = k[:size], k[lanes : lanes + size], k[2 * lanes : 2 * lanes + size]
    t0, t1, t2 = t[:size], t[lanes : lanes + size], t[2 * lanes : 2 * lanes + size]
    for i in range(size):
        total = (k0[i] + k1[i]) + k2[i]
        k_out[i] = gain * total + bias
        own = numbers_t.dtype.type(k_gradient * total + bias_gradient)
        t_out[i] = t_gain * ((t0[i] + t1[i]) + t2[i]) + own


@compiled
def gains_of_any(
    k: Numbers, t: Numbers, lanes: int, k_out: Numbers, t_out: Numbers, step: Numbers,
    numbers: Numbers, numbers_t: Numbers,
) -> None:  # fmt: skip
    """Sum any number of columns, at any stride, and apply the gains of both kernels."""
    stride = step[STRIDE + 1] * lanes
    clear(k_out)
    clear(t_out)
    for offset in range(step[SIZE + 1]):
        for column in range(k_out.size // lanes):
            start = column * stride + offset * lanes
            k_from, t_from = k[start : start + lanes], t[start : start + lanes]
            k_to = k_out[column * lanes : (column + 1) * lanes]
            t_to = t_out[column * lanes : (column + 1) * lanes]
            for lane in range(lanes):
                k_to[lane] += k_from[lane]
            for lane in range(lanes):
                t_to[lane] += t_from[lane]
    gain, bias = numbers[GAIN], numbers[BIAS]
    t_gain = numbers_t[GAIN]
    k_gradient, bias_gradient = numbers[GRADIENT_GAIN], numbers[GRADIENT_BIAS]
    for i in range(k_out.size):
        total = k_out[i]
        t_out[i] = t_gain * t_out[i] + (k_gradient * total + bias_gradient)
        k_out[i] = gain * total + bias


@compiled
def add_lines(
    tables: Tables, work: Work, s: int, row: int, ends: tuple[int, int], which: int, side: int,
    lanes: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Sum the rows a filter covers into ``work.k_columns`` and ``work.t_columns``.

    Return from where to where columns behind the filter go, and how many numbers a line has.
    """
    step, levels = tables.steps[s], tables.levels
    before, behind = step[BEFORE], step[BEHIND]
    length, width = levels[before, LENGTH], levels[before, LENGTH + 1] * lanes
    from_row, to_row, _ = part(levels, before, 0, ends[0], which)
    base = step[SOURCE] * tables.size * lanes
    start, stop, _ = part(levels, before, 1, ends[1], side)
    out_start, out_stop, _ = part(levels, behind, 1, ends[1], side)
    if step[WRAPS + 1]:
        # All columns are done at once.
        start, stop = 0, levels[before, LENGTH + 1]
        out_start, out_stop = 0, levels[behind, LENGTH + 1] if side == 0 else 0
    if out_stop <= out_start:
        return 0, 0, 0
    size = (stop - start) * lanes
    pad = step[PAD + 1] * lanes
    reach = ((out_stop - out_start - 1) * step[STRIDE + 1] + step[SIZE + 1]) * lanes
    total = max(reach, pad + size)
    k_line, t_line = work.k_columns[:total], work.t_columns[:total]
    add_rows(
        work.k, base + start * lanes, row, from_row, to_row, step, length, width,
        k_line[pad : pad + size],
    )  # fmt: skip
    surround(k_line, pad, size, step[WRAPS + 1])
    if step[NO_TANGENT]:
        clear(t_line)
    else:
        add_rows(
            work.t, base + start * lanes, row, from_row, to_row, step, length, width,
            t_line[pad : pad + size],
        )  # fmt: skip
        surround(t_line, pad, size, step[WRAPS + 1])
    return out_start, out_stop, total


@compiled
def convolved_row(
    tables: Tables, work: Work, s: int, row: int, ends: tuple[int, int], which: int, lanes: int
) -> None:
    """Put a row behind a filter, at all columns, into ``work.k_row`` and ``work.t_row``."""
    step = tables.steps[s]
    for side in range(2):
        start, stop, total = add_lines(tables, work, s, row, ends, which, side, lanes)
        if stop <= start:
            continue
        k_line, t_line = work.k_columns[:total], work.t_columns[:total]
        k_out = work.k_row[start * lanes : stop * lanes]
        t_out = work.t_row[start * lanes : stop * lanes]
        if step[SIZE + 1] == 3 and step[STRIDE + 1] == 1:
            gains_of_three(
                k_line, t_line, lanes, k_out, t_out, tables.numbers[s], tables.numbers_t[s]
            )
        else:
            gains_of_any(
                k_line, t_line, lanes, k_out, t_out, step, tables.numbers[s], tables.numbers_t[s]
            )
