r"""Where balanced modes are at given times, found for whole sets of courses at once.

In units of the end, :math:`x = u\,d/s`, a mode follows
:math:`\dot x \propto x^{c}(1 - x)` with :math:`c = 2 - 2/D`. In the coordinate
:math:`y = \ln\frac{x}{1-x}` where it rises, :math:`y = -\ln(x - 1)` where it falls,

.. math:: \frac{dt}{dy} = k\,(1 + e^{-y})^{\gamma} + \tfrac\eta2\,l'(y), \qquad
          \gamma = c - 1 \text{ rising}, \quad \gamma = -c \text{ falling},

:math:`l` being the logarithm of the velocity of the strength per layer, by which steps of size
:math:`\eta` are late. There is no singularity within a distance of :math:`\pi` of the line:
quadrature over short intervals is exact to rounding, and a cubic through the ends of an interval
is so close to the inverse that one of Newton's steps ends at rounding too.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Values = Float[np.ndarray, "..."]

SPACING = 1.0 / 16.0
"""Interval of the table: three nodes of Gauss and Legendre err by (64 pi)^-6 = 1e-14 of its part,
and the inverse cubic by less than 1e-8, which Newton squares."""

STRAIGHT = 40.0
"""Beyond, exp(-y) is below rounding and time rises in a straight line."""

BLOCK = 32.0
"""Tables begin at multiples of this, so that courses of many starts share one."""

NODES, WEIGHTS = (part.tolist() for part in np.polynomial.legendre.leggauss(3))


class Course(NamedTuple):
    """What rising, or falling, modes of one depth have in common, and their time scales.

    ``scale [mode]`` is k, ``power`` γ, ``half_rate`` η/2, ``share`` 1 - 1/D.
    """

    scale: Float[np.ndarray, " mode"]
    power: float
    half_rate: float
    share: float
    rises: bool


def coordinates_at(
    time: Float[np.ndarray, "time 1"], course: Course, start: Float[np.ndarray, " mode"]
) -> Float[np.ndarray, "time mode"]:
    """Return the coordinates of modes at times that are not negative, from ``start`` at time 0."""
    low = BLOCK * float(np.floor(min(float(start.min()), 0.0) / BLOCK))
    ends, table = _table(course.power, low)
    last = len(ends) - 2
    inside = np.minimum(start, STRAIGHT)
    at = np.minimum(((inside - low) / SPACING).astype(np.int64), last)
    begun = table[at] + _integral(ends[at], inside, course.power) + (start - inside)
    if course.half_rate:
        delay = course.half_rate * (_delay(ends[:, None], course) - _delay(start, course))
        clock = course.scale * (table[:, None] - begun) + delay
        # In front of the start, where steps may be too large for the formula, nothing is looked up.
        clock = np.where(np.arange(len(ends))[:, None] < at, -np.inf, clock)
        clock = np.maximum.accumulate(clock, axis=0)
        pace = course.scale * _pace(ends[:, None], course.power)
        pace = pace + course.half_rate * _delay_pace(ends[:, None], course)
        left = np.stack([np.searchsorted(c, time[:, 0], side="right") for c in clock.T], axis=1)
        left = np.clip(left - 1, at, last)
        modes = np.arange(len(start))
        before, beyond = clock[left, modes], clock[left + 1, modes]
        first, final = pace[left, modes], pace[left + 1, modes]
        target, end, steady = time, clock[-1], pace[-1]
        scale = course.scale
    else:
        target = time / course.scale + begun
        left = np.clip(np.searchsorted(table, target, side="right") - 1, 0, last)
        pace = _pace(ends, course.power)
        before, beyond, first, final = table[left], table[left + 1], pace[left], pace[left + 1]
        end, steady, scale = table[-1], pace[-1], 1.0
    low_end, span = ends[left], np.maximum(beyond - before, np.finfo(np.float64).tiny)
    after = np.clip(target - before, 0.0, span)
    y = low_end + _inverse_cubic(after / span, span / first, span / final)
    # Measured from the interval's own beginning, so that no digits are lost in the table's sums.
    reached = scale * _integral(low_end, y, course.power)
    slope = scale * _pace(y, course.power)
    if course.half_rate:
        reached = reached + course.half_rate * (_delay(y, course) - _delay(low_end, course))
        slope = slope + course.half_rate * _delay_pace(y, course)
    y = y + (after - reached) / slope
    return y + np.maximum(target - end, 0.0) / steady


@lru_cache(maxsize=64)
def _table(power: float, low: float) -> tuple[Values, Values]:
    """Return the ends of the intervals and the integral of the pace up to each."""
    ends = np.linspace(low, STRAIGHT, int((STRAIGHT - low) / SPACING) + 1)
    pieces = _integral(ends[:-1], ends[1:], power)
    # Summed from the far end, where they are smallest.
    below = np.concatenate([np.cumsum(pieces[::-1])[::-1], [0.0]])
    for array in (ends, table := -below):
        array.flags.writeable = False
    return ends, table


def _pace(y: Values, power: float) -> Values:
    return np.exp(power * np.log1p(np.exp(-y)))


def _integral(start: Values, end: Values, power: float) -> Values:
    """Return the integral of the pace between coordinates at most a spacing apart."""
    middle, half = 0.5 * (start + end), 0.5 * (end - start)
    total = WEIGHTS[0] * _pace(middle + half * NODES[0], power)
    for node, weight in zip(NODES[1:], WEIGHTS[1:], strict=True):
        total = total + weight * _pace(middle + half * node, power)
    return half * total


def _delay(y: Values, course: Course) -> Values:
    if course.rises:
        return -course.share * np.logaddexp(0.0, -y) - np.logaddexp(0.0, y)
    return course.share * np.logaddexp(0.0, -y) - y


def _delay_pace(y: Values, course: Course) -> Values:
    odds = np.exp(-y)
    if course.rises:
        return (course.share * odds - 1.0) / (1.0 + odds)
    return -course.share * odds / (1.0 + odds) - 1.0


def _inverse_cubic(part: Values, first: Values, last: Values) -> Values:
    """Return how far the coordinate is after a part of an interval's time, by Hermite's cubic."""
    rest = 1.0 - part
    return part * (rest**2 * first + part * ((3.0 - 2.0 * part) * SPACING - rest * last))
