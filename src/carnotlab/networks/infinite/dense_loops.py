r"""Compiled loops over pairs of samples without positions: all layers, one row of a tile at a time.

All of them are in one file, since a compiled function kept on disk is renewed only when its own
file changes; what they take from elsewhere are names and numbers that stay.

Covariances stay in float64 throughout, and so does what cancels, the distance of a correlation from
±1; all else has the type of the results. With :math:`t = 1 - |\rho|` and :math:`\vartheta` the
angle between the nearer of :math:`\pm u` and v,

.. math::
    \sin\vartheta = \sqrt{t(2 - t)}, \qquad \vartheta = (1 + t p(t)) \sin\vartheta, \qquad
    \sin\vartheta - \vartheta\cos\vartheta = t\,(1 - (1 - t) p(t)) \sin\vartheta

have small relative errors at any distance; p is a polynomial. Loops read and write few arrays each,
since compilers make vector code only where they can tell those apart.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np

from carnotlab.networks.infinite.dense_steps import (
    ADD,
    BEND,
    BIAS_GAIN,
    BIAS_GRADIENT,
    COPY,
    ERROR_FUNCTION,
    FACTOR,
    FLAT,
    MULTIPLY,
    NORMALIZE,
    OPERATION,
    OPPOSITE,
    RECTIFY,
    SAME,
    SOURCE,
    TARGET,
    WEIGHT,
    WEIGHT_GAIN,
    WEIGHT_GRADIENT,
    ZEROS,
)
from carnotlab.networks.infinite.rectifier_angles import ANGLE, CLOSE

Function = TypeVar("Function", bound=Callable[..., Any])
Numbers = np.ndarray[Any, Any]

LANES = 64
"""Numbers that vector code of float32 takes at a time, with loops unrolled."""

ANGLE_32: Any = tuple(
    np.float32(number)
    for number in (
        0.008251405879224424, -0.019945957277110436, 0.02821458834066017, -0.011612073176456602,
        0.017840922708945432, 0.02411409887719044, 0.05727148323316572, 0.13333332843580116857,
        0.33333333365541,
    )
)  # fmt: skip
"""`rectifier_angles.ANGLE`, of the degree that float32 needs here."""

ARC_SINE = (
    1.0656658840535, -4.201910132386749, 7.8829450923016555, -9.158597380805825, 7.358619925497615,
    -4.297586832199172, 1.8963187485717359, -0.6297138419141283, 0.17101146220020227,
    -0.025581324215004246, 0.013442391811587493, 0.00917160999006769, 0.011603298700993395,
    0.01396156950707128, 0.017352910485470593, 0.02237215476552006, 0.03038194452250247,
    0.04464285714211393, 0.0750000000000028, 0.16666666666666666,
)  # fmt: skip
r"""Highest power first, the polynomial nearest on [0, 1/2] to
:math:`(\arcsin\sqrt z / \sqrt z - 1) / z`, by Chebyshev's nodes."""


class Side(NamedTuple):
    """Samples on one side of the pairs."""

    x: Numbers
    """[n, inputs], float64."""
    inverse_norms: Numbers
    """Zero for a norm of zero: [n]."""
    offsets: Numbers
    """What both sides' offsets add to inner products of the centred units: [n]."""
    centred: Numbers
    """Norms of the centred units: [n]."""
    lengths: Numbers
    """Square roots of mean squares: [n]."""
    inverses: Numbers
    deviations: Numbers
    """See `dense_steps.Alone`: [steps, n]."""


class Work(NamedTuple):
    """Memory that a thread writes to."""

    k: Numbers
    """[buffers, columns], float64."""
    t: Numbers
    """[buffers, columns]."""
    angle: Numbers
    curved: Numbers
    """[columns], both."""
    nngp: Numbers
    ntk: Numbers
    """[rows, columns], both, in longer rows: else columns would share few places of the cache."""


def compiled(function: Function) -> Function:
    """Compile on first use and keep the machine code on disk.

    Nothing is allocated, so that counting references to parts of arrays, which takes longer than
    some of the loops and makes threads wait for each other, is left out.
    """
    return _compiled(function, {"contract"})


def _compiled_sum(function: Function) -> Function:
    """As `compiled`, for sums whose order does not matter."""
    return _compiled(function, {"contract", "reassoc"})


def _compiled(function: Function, fastmath: set[str]) -> Function:
    # What counts references has a name that numba's own annotations lack.
    decorate: Any = numba.njit
    options = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
    return cast(Function, decorate(**options, fastmath=fastmath)(function))


# Loops over more coefficients would not be unrolled, and those around them not be vector code.
@compiled
def _angle_64(t: float) -> float:
    result = ANGLE[0]
    for coefficient in ANGLE[1:7]:
        result = result * t + coefficient
    for coefficient in ANGLE[7:14]:
        result = result * t + coefficient
    for coefficient in ANGLE[14:]:
        result = result * t + coefficient
    return result


@compiled
def _angle_32(t: float) -> float:
    result = ANGLE_32[0]
    for coefficient in ANGLE_32[1:]:
        result = result * t + coefficient
    return result


@compiled
def _arc_sine(z: float) -> float:
    result = ARC_SINE[0]
    for coefficient in ARC_SINE[1:7]:
        result = result * z + coefficient
    for coefficient in ARC_SINE[7:14]:
        result = result * z + coefficient
    for coefficient in ARC_SINE[14:]:
        result = result * z + coefficient
    return result


@compiled
def _bend_64(rest: Numbers, curved: Numbers, numbers: Numbers) -> None:
    """Turn distances from ±1 and correlations, in place, into slopes and sin θ - θ cos θ."""
    same, opposite, bend = numbers[SAME], numbers[OPPOSITE], numbers[BEND]
    for i in range(rest.size):
        t, positive = rest[i], curved[i] >= 0
        p = _angle_64(t)
        sine = np.sqrt(t * (2.0 - t))
        turned = bend * sine * (1.0 + t * p)
        rest[i] = same - turned if positive else opposite + turned
        curved[i] = t * sine * (1.0 - (1.0 - t) * p)


@compiled
def _bend_32(rest: Numbers, curved: Numbers, numbers: Numbers) -> None:
    same, opposite, bend = numbers[SAME], numbers[OPPOSITE], numbers[BEND]
    one, two = np.float32(1.0), np.float32(2.0)
    for i in range(rest.size):
        t, positive = rest[i], curved[i] >= 0
        p = _angle_32(t)
        sine = np.sqrt(t * (two - t))
        turned = bend * sine * (one + t * p)
        rest[i] = same - turned if positive else opposite + turned
        curved[i] = t * sine * (one - (one - t) * p)


@compiled
def _backpropagate(t: Numbers, slope: Numbers, value: Numbers, numbers_t: Numbers) -> None:
    """Follow a tangent kernel through an activation and the weights behind."""
    gain = numbers_t[WEIGHT_GAIN]
    k_gradient, bias_gradient = numbers_t[WEIGHT_GRADIENT], numbers_t[BIAS_GRADIENT]
    for i in range(t.size):
        t[i] = (gain * slope[i]) * t[i] + (k_gradient * value[i] + bias_gradient)


@compiled
def _rectify(
    k: Numbers, t: Numbers, inverse: float, inverses: Numbers, deviation: float,
    deviations: Numbers, slope: Numbers, curved: Numbers, numbers: Numbers, numbers_t: Numbers,
) -> None:  # fmt: skip
    """Rectify, and multiply by the weights behind."""
    for i in range(k.size):
        correlation = k[i] * (inverse * inverses[i])
        rest = 1.0 - abs(correlation)
        slope[i] = rest if rest > CLOSE else 0.0
        curved[i] = correlation
    # Decided when this is compiled, since the size of an item belongs to the array's type.
    if slope.itemsize == 8:
        _bend_64(slope, curved, numbers_t)
    else:
        _bend_32(slope, curved, numbers_t)
    same, opposite, scale = numbers[SAME], numbers[OPPOSITE], numbers[BEND] * deviation
    gain, bias = numbers[WEIGHT_GAIN], numbers[BIAS_GAIN]
    for i in range(k.size):
        c = k[i]
        value = (same if c >= 0 else opposite) * c + (scale * deviations[i]) * curved[i]
        curved[i] = value
        k[i] = gain * value + bias
    _backpropagate(t, slope, curved, numbers_t)


@compiled
def _flatten_zeros(t: Numbers, deviation: float, deviations: Numbers, flat: float) -> None:
    """Take the slope at zero on every side whose variance is zero."""
    if deviation == 0:
        for i in range(t.size):
            t[i] *= flat
    for i in range(t.size):
        if deviations[i] == 0:
            t[i] *= flat


@compiled
def _error_function(
    k: Numbers, t: Numbers, inverse: float, inverses: Numbers, deviation: float,
    deviations: Numbers, slope: Numbers, value: Numbers, numbers: Numbers, numbers_t: Numbers,
) -> None:  # fmt: skip
    r"""Follow an error function, and multiply by the weights behind.

    :math:`\arcsin x = 2 \arcsin\sqrt{(1 - \sqrt{1 - x^2}) / 2}` keeps the polynomial's argument
    below 1/2, and nothing cancels.
    """
    twice = numbers[FACTOR]
    gain, bias = numbers[WEIGHT_GAIN], numbers[BIAS_GAIN]
    variance = deviation * deviation
    for i in range(k.size):
        c = k[i]
        spread = deviation * deviations[i]
        rest = spread - abs(c)
        rest = rest if rest > CLOSE * spread else 0.0
        both = 1.0 + twice * (variance + deviations[i] * deviations[i])
        root = np.sqrt(both + (twice * rest) * (twice * (spread + abs(c))))
        longest = 1.0 / (inverse * inverses[i])
        half = twice * c / np.sqrt(2.0 * longest * (longest + root))
        square = half * half
        result = (4.0 / np.pi) * (half + half * square * _arc_sine(square))
        slope[i] = (2.0 / np.pi) * twice / root
        value[i] = result
        k[i] = gain * result + bias
    _backpropagate(t, slope, value, numbers_t)


@compiled
def _weigh(k: Numbers, t: Numbers, value: Numbers, numbers: Numbers, numbers_t: Numbers) -> None:
    gain, bias = numbers[WEIGHT_GAIN], numbers[BIAS_GAIN]
    t_gain = numbers_t[WEIGHT_GAIN]
    k_gradient, bias_gradient = numbers_t[WEIGHT_GRADIENT], numbers_t[BIAS_GRADIENT]
    for i in range(k.size):
        value[i] = k[i]
        k[i] = gain * k[i] + bias
    for i in range(t.size):
        t[i] = t_gain * t[i] + (k_gradient * value[i] + bias_gradient)


@compiled
def _normalize(k: Numbers, t: Numbers, factor: Numbers, inverse: float, inverses: Numbers) -> None:
    for i in range(k.size):
        both = inverse * inverses[i]
        k[i] *= both
        factor[i] = both
    for i in range(t.size):
        t[i] *= factor[i]


@compiled
def _join(
    k: Numbers, t: Numbers, k_other: Numbers, t_other: Numbers, value: Numbers, other: Numbers,
    multiply: bool,
) -> None:  # fmt: skip
    if multiply:
        for i in range(k.size):
            value[i] = k[i]
            other[i] = k_other[i]
            k[i] *= k_other[i]
        for i in range(t.size):
            t[i] = t[i] * other[i] + value[i] * t_other[i]
    else:
        for i in range(k.size):
            k[i] += k_other[i]
        for i in range(k.size):
            t[i] += t_other[i]


@compiled
def _copy(source: Numbers, target: Numbers) -> None:
    for i in range(source.size):
        target[i] = source[i]


@compiled
def _load(products: Numbers, k: Numbers, offset: float, offsets: Numbers) -> None:
    for i in range(k.size):
        k[i] = products[i] + (offset + offsets[i])


@compiled
def _start(
    k: Numbers, t: Numbers, value: Numbers, length: float, lengths: Numbers, numbers: Numbers,
    numbers_t: Numbers,
) -> None:  # fmt: skip
    """Turn correlations of the inputs into both kernels behind the first weights."""
    gain, bias = numbers[WEIGHT_GAIN], numbers[BIAS_GAIN]
    k_gradient, bias_gradient = numbers_t[WEIGHT_GRADIENT], numbers_t[BIAS_GRADIENT]
    for i in range(k.size):
        c = k[i] * (length * lengths[i])
        value[i] = c
        k[i] = gain * c + bias
    for i in range(t.size):
        t[i] = k_gradient * value[i] + bias_gradient


@_compiled_sum
def unit_rows(side: Side, centre: Numbers, rows: Numbers) -> None:
    """Divide samples by their norms and take the centre off; note what `Side` keeps of it.

    ⟨u, v⟩ = ⟨u - m, v - m⟩ + ⟨u, m⟩ + ⟨v, m⟩ - ⟨m, m⟩, half of the last one for either side.
    """
    half = 0.0
    for i in range(centre.size):
        half += 0.5 * centre[i] * centre[i]
    for row in range(side.x.shape[0]):
        line, factor = side.x[row], side.inverse_norms[row]
        square, along = 0.0, 0.0
        for i in range(centre.size):
            unit = factor * line[i]
            rest = unit - centre[i]
            square += rest * rest
            along += unit * centre[i]
            rows[row, i] = rest
        side.centred[row] = np.sqrt(square)
        side.offsets[row] = along - half


@_compiled_sum
def count_close(
    products: Numbers, left: Side, right: Side, top: int, start: int, rows: int, columns: int,
    tolerance: float, counts: Numbers,
) -> int:  # fmt: skip
    r"""Count pairs of a tile whose angle rounding may spoil, in all and by row.

    The error of an inner product is in proportion to the norms of the centred units, and that of an
    angle to this one over its sine.
    """
    total = 0
    offsets, centred = (
        right.offsets[start : start + columns],
        right.centred[start : start + columns],
    )
    for row in range(rows):
        offset = left.offsets[top + row]
        scale = (tolerance * left.centred[top + row]) ** 2
        line = products[row, :columns]
        found = 0
        for i in range(columns):
            correlation = line[i] + (offset + offsets[i])
            found += 1.0 - correlation * correlation <= scale * (centred[i] * centred[i])
        counts[row] = found
        total += found
    return total


@_compiled_sum
def _squared_distance(a: Numbers, b: Numbers, a_factor: float, b_factor: float) -> float:
    total = 0.0
    for i in range(a.size):
        difference = a_factor * a[i] - b_factor * b[i]
        total += difference * difference
    return total


@compiled
def _renew_close(
    k: Numbers, left: Side, right: Side, row: int, start: int, tolerance: float
) -> None:  # fmt: skip
    """Take correlations that are close to ±1 from the distances of samples."""
    scale = (tolerance * left.centred[row]) ** 2
    for i in range(k.size):
        if 1.0 - k[i] * k[i] <= scale * (right.centred[start + i] * right.centred[start + i]):
            sign = 1.0 if k[i] >= 0 else -1.0
            square = _squared_distance(
                left.x[row], right.x[start + i], left.inverse_norms[row],
                sign * right.inverse_norms[start + i],
            )  # fmt: skip
            k[i] = sign * (1.0 - 0.5 * square)


@compiled
def follow_tile(
    operations: Numbers, numbers: Numbers, numbers_t: Numbers, products: Numbers, left: Side,
    right: Side, top: int, start: int, rows: int, columns: int, triangle: bool, tolerance: float,
    counts: Numbers, work: Work,
) -> None:  # fmt: skip
    """Follow pairs of a tile through all steps; with ``triangle`` those right of the diagonal."""
    for row in range(rows):
        own = top + row
        # A few pairs left of the diagonal cost less than what vector code leaves over.
        first = min(max(own - start, 0), columns) // LANES * LANES if triangle else 0
        here = slice(start + first, start + columns)
        size = columns - first
        k, t = work.k[0, :size], work.t[0, :size]
        angle, curved = work.angle[:size], work.curved[:size]
        _load(products[row, first:columns], k, left.offsets[own], right.offsets[here])
        if counts[row] > 0:
            _renew_close(k, left, right, own, start + first, tolerance)
        _start(k, t, angle, left.lengths[own], right.lengths[here], numbers[0], numbers_t[0])
        for step in range(1, operations.shape[0]):
            operation = operations[step, OPERATION]
            k, t = (
                work.k[operations[step, TARGET], :size],
                work.t[operations[step, TARGET], :size],
            )
            if operation == RECTIFY:
                deviation, deviations = left.deviations[step, own], right.deviations[step, here]
                if operations[step, ZEROS]:
                    _flatten_zeros(t, deviation, deviations, numbers_t[step, FLAT])
                _rectify(
                    k, t, left.inverses[step, own], right.inverses[step, here], deviation,
                    deviations, angle, curved, numbers[step], numbers_t[step],
                )  # fmt: skip
            elif operation == WEIGHT:
                _weigh(k, t, angle, numbers[step], numbers_t[step])
            elif operation == NORMALIZE:
                _normalize(k, t, angle, left.inverses[step, own], right.inverses[step, here])
            elif operation == ERROR_FUNCTION:
                _error_function(
                    k, t, left.inverses[step, own], right.inverses[step, here],
                    left.deviations[step, own], right.deviations[step, here], angle, curved,
                    numbers[step], numbers_t[step],
                )  # fmt: skip
            elif operation == COPY:
                _copy(work.k[operations[step, SOURCE], :size], k)
                _copy(work.t[operations[step, SOURCE], :size], t)
            elif operation in (ADD, MULTIPLY):
                _join(
                    k, t, work.k[operations[step, SOURCE], :size],
                    work.t[operations[step, SOURCE], :size], angle, curved, operation == MULTIPLY,
                )  # fmt: skip
        _copy(work.k[0, :size], work.nngp[row, first:columns])
        _copy(work.t[0, :size], work.ntk[row, first:columns])


@compiled
def store_tile(
    tile: Numbers, out: Numbers, top: int, start: int, rows: int, columns: int, triangle: bool
) -> None:
    """Write a tile; with ``triangle`` what is right of the diagonal, and its mirror image below."""
    for row in range(rows):
        first = min(max(top + row - start, 0), columns) if triangle else 0
        _copy(tile[row, first:columns], out[top + row, start + first : start + columns])
    if triangle:
        for column in range(columns):
            size = max(min(rows, start + column - top), 0)
            line = out[start + column, top : top + size]
            for row in range(size):
                line[row] = tile[row, column]
