"""Verdicts: an interval over seeds held against a tolerance, never a bare yes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Int

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity

Agreement: TypeAlias = Literal["agrees", "disagrees", "underpowered"]
Role: TypeAlias = Literal["calibrate", "test", "control"]

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Tolerance:
    """The largest error at which theory and experiment are said to agree, with the argument for it.

    ``why`` is an argument (finite width, step size, sampling error), not taste.
    """

    quantity: Quantity
    error: float
    why: str


@dataclass(frozen=True)
class Interval:
    """A point value and its bootstrap interval over seeds."""

    value: float
    low: float
    high: float


def bootstrap(
    statistic: Callable[[Int[np.ndarray, " seeds"]], float],
    seeds: int,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval:
    r"""Percentile interval of a statistic under resampling of seeds with replacement.

    The percentiles are shifted by what resampling adds to the statistic on average: the distance
    of an ensemble's mean from theory, for one, grows by the scatter that repeated seeds bring.
    The statistic's own bias of that kind remains in ``value``, which errs on the strict side.

    ``statistic`` receives indices into the seed dimension. The resampling is fixed, so the same
    ensemble always gives the same interval. With one seed the interval is the whole line: one run
    says nothing about the next. Any resample on which the statistic is not finite counts as
    :math:`+\infty`, so a diverged run can only worsen a verdict.

    >>> bootstrap(lambda rows: float(np.arange(8.0)[rows].mean()), 8).value
    3.5
    """
    value = statistic(np.arange(seeds))
    value = value if math.isfinite(value) else math.inf
    if seeds < 2:
        return Interval(value, -math.inf, math.inf)
    rows = np.random.default_rng(0).integers(0, seeds, size=(resamples, seeds))
    draws = np.asarray([statistic(row) for row in rows], dtype=np.float64)
    draws[~np.isfinite(draws)] = math.inf
    # 'lower'/'higher' keep infinities exact where interpolation would give inf - inf.
    tail = (1.0 - level) / 2.0
    low = float(np.quantile(draws, tail, method="lower"))
    high = float(np.quantile(draws, 1.0 - tail, method="higher"))
    added = float(np.mean(draws)) - value if np.isfinite(draws).all() else 0.0
    return Interval(value, low - added, high - added)


def error_interval(statistic: Callable[[Int[np.ndarray, " seeds"]], float], seeds: int) -> Interval:
    """Bootstrap an error: errors are sizes, so an interval that reaches below zero ends there.

    >>> error_interval(lambda rows: float(np.abs(np.arange(2.0)[rows] - 0.5).min()), 2).low
    0.5
    """
    found = bootstrap(statistic, seeds)
    low = max(found.low, 0.0) if math.isfinite(found.low) else found.low
    return Interval(found.value, low, found.high)


def agreement(error: Interval, tolerance: float) -> Agreement:
    """Judge an error interval: wholly under the tolerance, wholly over it, or neither.

    >>> agreement(Interval(0.1, 0.05, 0.2), 0.3), agreement(Interval(0.1, 0.05, 0.2), 0.15)
    ('agrees', 'underpowered')
    """
    if error.high <= tolerance:
        return "agrees"
    if error.low > tolerance:
        return "disagrees"
    return "underpowered"


@dataclass(frozen=True)
class Verdict:
    """What one arm of a study says about one quantity.

    ``agreement`` and ``in_regime`` are separate axes: *disagrees inside its assumptions* is the
    loud case, *agrees outside them* is a finding.
    """

    study: str
    arm: str
    role: Role
    quantity: str
    agreement: Agreement
    expected: Agreement
    error: float
    interval: tuple[float, float]
    tolerance: float
    why: str
    in_regime: bool
    checks: tuple[Check, ...]
    seconds: float

    @property
    def as_expected(self) -> bool:
        """Whether the arm did what the study expects: tests agree, controls disagree."""
        return self.agreement == self.expected

    @property
    def reading(self) -> str:
        """The verdict in words, with both axes."""
        place = "inside" if self.in_regime else "outside"
        return f"{self.agreement} {place} the theory's assumptions"

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain JSON data; infinities become None."""

        def finite(number: float) -> float | None:
            return number if math.isfinite(number) else None

        record = asdict(self)
        record["error"] = finite(self.error)
        record["interval"] = [finite(end) for end in self.interval]
        record["checks"] = [check.to_dict() for check in self.checks]
        return record


def judge(
    *,
    study: str,
    arm: str,
    role: Role,
    tolerance: Tolerance,
    statistic: Callable[[Int[np.ndarray, " seeds"]], float],
    seeds: int,
    checks: Sequence[Check],
    seconds: float,
) -> Verdict:
    """Bootstrap one error over seeds and hold it against its tolerance."""
    error = error_interval(statistic, seeds)
    return Verdict(
        study=study,
        arm=arm,
        role=role,
        quantity=tolerance.quantity.name,
        agreement=agreement(error, tolerance.error),
        expected="disagrees" if role == "control" else "agrees",
        error=error.value,
        interval=(error.low, error.high),
        tolerance=tolerance.error,
        why=tolerance.why,
        in_regime=all(check.holds for check in checks),
        checks=tuple(checks),
        seconds=seconds,
    )
