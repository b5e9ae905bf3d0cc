r"""Families of learning curves: those of the theory by depth, and the plain ones they must beat.

A curve is :math:`f + (a - f)\,g(x(t))`: floor f, ceiling a, the share learned x, and how
performance reads it out. With the linear read-out :math:`g(x) = x`, depth 1 *is* the exponential
curve and depth 2 *is* the logistic one. A decision taken on a noisy signal of size x is right with
a probability that is an error function of it, :math:`g(x) = \mathrm{erf}(\kappa x) /
\mathrm{erf}(\kappa)`: the read-out "decision". It bends the curve, so it is fitted jointly.

Time is counted in blocks. A course is given by the time at which half of the way from start to
ceiling is done and by the log-odds of the start.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

import numpy as np
from jaxtyping import Float
from scipy.special import erf, expit

from carnotlab.core.errors import require
from carnotlab.theories.learners.course import course

Readout: TypeAlias = Literal["linear", "decision"]
Values = Float[np.ndarray, "..."]
Bounds: TypeAlias = tuple[tuple[float, float], ...]

START = (-14.0, 3.0)
"""Bounds of the start's log-odds: from a millionth of what is learned to 95 % of it."""

SHARPNESS = (0.3, 3.0)
"""Bounds of the decision's signal over noise; below, the read-out is linear within 3 %."""


@dataclass(frozen=True)
class Constant:
    """No learning: one level throughout."""

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return "constant"


@dataclass(frozen=True)
class PowerLaw:
    r"""The power law of practice, :math:`1 - x = (1 - x_0) (1 + t)^{-\beta}`, t in blocks."""

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return "power law"


@dataclass(frozen=True)
class DeepLinear:
    r"""The course of a deep linear network with ``depth`` layers of weights.

    With ``stages`` 2 there are two modes of equal start, one learned after the other:
    :math:`x = w x_1 + (1 - w) x_2`. Source: saxe2014.
    """

    depth: int
    readout: Readout = "linear"
    stages: int = 1

    def __post_init__(self) -> None:
        require(self.depth >= 1, f"depth = {self.depth}", "at least 1", "count layers of weights")
        require(
            self.stages in (1, 2), f"stages = {self.stages}", "1 or 2", "fit one curve in pieces"
        )

    @property
    def name(self) -> str:
        """What it is called in tables: the depth, whatever its read-out and stages."""
        plain = {1: " (exponential)", 2: " (logistic)"}.get(self.depth, "")
        return f"depth {self.depth}{plain}"


Family: TypeAlias = Constant | PowerLaw | DeepLinear


def families(
    depths: tuple[int, ...] = (1, 2, 3, 4),
    readouts: tuple[Readout, ...] = ("linear",),
    stages: int = 1,
) -> tuple[Family, ...]:
    """Return the families to choose from: the plain ones, and each depth with each read-out.

    >>> [family.name for family in families((1, 2))]
    ['constant', 'power law', 'depth 1 (exponential)', 'depth 2 (logistic)']
    """
    deep = tuple(
        DeepLinear(depth, readout, count)
        for depth in depths
        for readout in readouts
        for count in range(1, stages + 1)
    )
    return (Constant(), PowerLaw(), *deep)


def has_start(family: Family, *, floor_known: bool) -> bool:
    """Whether a family has a start apart from the floor: where the two are one curve, it has not.

    >>> has_start(DeepLinear(1), floor_known=False), has_start(DeepLinear(2), floor_known=False)
    (False, True)
    """
    match family:
        case Constant():
            return False
        case PowerLaw():
            return floor_known
        case DeepLinear(depth, readout, stages):
            return floor_known or depth > 1 or readout != "linear" or stages > 1
        case _:
            assert_never(family)


def shape_bounds(
    family: Family, blocks: int, *, floor_known: bool
) -> dict[str, tuple[float, float]]:
    """Return the constants of a family's shape, by name, with the bounds they are sought in."""
    start = {"start": START} if has_start(family, floor_known=floor_known) else {}
    match family:
        case Constant():
            return {}
        case PowerLaw():
            return {"log_exponent": (np.log(0.05), np.log(10.0)), **start}
        case DeepLinear(_, readout, stages):
            found = {"log_half_time": (np.log(0.2), np.log(3.0 * blocks)), **start}
            if readout == "decision":
                found["log_sharpness"] = (np.log(SHARPNESS[0]), np.log(SHARPNESS[1]))
            if stages == 2:
                found["log_delay"] = (np.log(1.5), np.log(10.0))
                found["weight"] = (-3.0, 3.0)
            return found
        case _:
            assert_never(family)


def share(
    family: Family, clock: Float[np.ndarray, " blocks"], shape: dict[str, float]
) -> tuple[Values, dict[str, Values]]:
    """Return how much of the way from floor to ceiling is done, and its slope in each constant.

    Args:
        family: Which curve.
        clock: Time since the start, in blocks.
        shape: The constants named by `shape_bounds`.
    """
    match family:
        case Constant():
            return np.ones_like(clock), {}
        case PowerLaw():
            return _power_law(clock, shape)
        case DeepLinear(depth, readout, stages):
            value, slopes = _course(depth, clock, shape)
            if stages == 2:
                late, slopes_late = _course(
                    depth,
                    clock,
                    {**shape, "log_half_time": shape["log_half_time"] + shape["log_delay"]},
                )
                w = float(expit(shape["weight"]))
                slopes = {k: w * slopes[k] + (1.0 - w) * slopes_late[k] for k in slopes}
                slopes["log_delay"] = (1.0 - w) * slopes_late["log_half_time"]
                slopes["weight"] = w * (1.0 - w) * (value - late)
                value = w * value + (1.0 - w) * late
            if readout == "decision":
                value, slopes = _decision(value, slopes, shape["log_sharpness"])
            return value, slopes
        case _:
            assert_never(family)


def _power_law(clock: Values, shape: dict[str, float]) -> tuple[Values, dict[str, Values]]:
    exponent = np.exp(shape["log_exponent"])
    start = float(expit(shape["start"])) if "start" in shape else 0.0
    left = (1.0 - start) * (1.0 + clock) ** -exponent
    slopes = {"log_exponent": left * exponent * np.log1p(clock)}
    if "start" in shape:
        slopes["start"] = start * left
    return 1.0 - left, slopes


def _course(depth: int, clock: Values, shape: dict[str, float]) -> tuple[Values, dict[str, Values]]:
    half_time = np.exp(shape["log_half_time"])
    if "start" not in shape:  # depth 1 from the floor itself
        rate = np.log(2.0) / half_time
        left = np.exp(-rate * clock)
        return 1.0 - left, {"log_half_time": -rate * clock * left}
    curve = course(depth)
    z = shape["start"]
    start = float(expit(z))
    middle = 0.5 * (1.0 + start)
    entry, half = curve.clock(np.array([z, np.log((1.0 + start) / (1.0 - start))]))
    rate = (half - entry) / half_time
    value = curve.share(rate * clock + entry)
    speed = curve.speed(value)
    per_share = start * (1.0 - start)
    entry_slope = per_share / curve.speed(np.array(start))
    half_slope = 0.5 * per_share / curve.speed(np.array(middle))
    return value, {
        "log_half_time": -rate * clock * speed,
        "start": speed * (clock * (half_slope - entry_slope) / half_time + entry_slope),
    }


def _decision(
    value: Values, slopes: dict[str, Values], log_sharpness: float
) -> tuple[Values, dict[str, Values]]:
    k = float(np.exp(log_sharpness))
    whole = float(erf(k))
    bell = 2.0 / np.sqrt(np.pi)
    read = np.asarray(erf(k * value)) / whole
    local = bell * np.exp(-((k * value) ** 2)) / whole
    through = {name: k * local * slope for name, slope in slopes.items()}
    through["log_sharpness"] = k * (value * local - read * bell * np.exp(-k * k) / whole)
    return read, through
