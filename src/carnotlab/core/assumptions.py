"""Assumptions a theory makes, and what was measured of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

E = TypeVar("E")
S = TypeVar("S")


@dataclass(frozen=True)
class Check:
    """An assumption's measured value beside its limit.

    ``holds`` is true iff ``value <= limit``; a value that is not a number fails.

    >>> Check("whitened inputs", "the input covariance is the identity", 0.3, 0.05).holds
    False
    >>> Check("whitened inputs", "the input covariance is the identity", float("nan"), 1.0).holds
    False
    """

    name: str
    statement: str
    value: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the measured value is within the limit."""
        return not math.isnan(self.value) and self.value <= self.limit

    def to_dict(self) -> dict[str, Any]:
        """Return name, value, limit and verdict as plain data; infinities become None."""
        value = self.value if math.isfinite(self.value) else None
        return {
            "name": self.name,
            "statement": self.statement,
            "value": value,
            "limit": self.limit,
            "holds": self.holds,
        }


@dataclass(frozen=True)
class Assumption(Generic[E, S]):
    """A condition under which a theory was derived, as something that can be measured.

    ``measure(experiment, start)`` returns how far the experiment is from fulfilling it, in the
    units of ``limit``. It may look at the description and at the state at time zero, never at the
    run that will be judged.
    """

    name: str
    statement: str
    limit: float
    measure: Callable[[E, S], float]

    def check(self, experiment: E, start: S) -> Check:
        """Measure the assumption on one experiment."""
        value = float(self.measure(experiment, start))
        return Check(self.name, self.statement, value, self.limit)
