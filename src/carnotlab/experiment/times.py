"""When to record, as plain data; steps for discrete rules, flow time for gradient flow."""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_positive


@dataclass(frozen=True)
class At:
    """Record at exactly these times (steps, or flow time under gradient flow)."""

    times: tuple[float, ...]

    def __post_init__(self) -> None:
        require(
            len(self.times) > 0
            and self.times[0] >= 0
            and all(a < b for a, b in zip(self.times, self.times[1:], strict=False)),
            f"times = {self.times}",
            "increasing times from 0 on",
            "sort them and drop repetitions",
        )


@dataclass(frozen=True)
class Evenly:
    """Record at ``count`` evenly spaced times from the start to the end, both included."""

    count: int = 50

    def __post_init__(self) -> None:
        require_positive("count", self.count)


@dataclass(frozen=True)
class Logarithmically:
    """Record at the start and at up to ``count`` log-spaced times from ``first`` to the end.

    Steps are whole numbers, so early ones that coincide are recorded once.
    """

    count: int = 50
    first: float = 1.0

    def __post_init__(self) -> None:
        require_positive("count", self.count)
        require_positive("first", self.first)


RecordTimes: TypeAlias = At | Evenly | Logarithmically


def recorded(times: RecordTimes, end: float, *, whole: bool) -> Float[np.ndarray, " times"]:
    """Return the times to record up to ``end``, rounded to ``whole`` steps if so asked.

    >>> recorded(Logarithmically(3), 100, whole=True).tolist()
    [0.0, 1.0, 10.0, 100.0]
    """
    match times:
        case At(chosen):
            values = np.asarray(chosen, dtype=np.float64)
            require(
                bool(values[-1] <= end),
                f"a record at {values[-1]:g} in a run that ends at {end:g}",
                "record times within the run",
                "train longer or record earlier",
            )
            require(
                not whole or bool(np.all(values == np.rint(values))),
                f"times = {chosen}",
                "whole steps",
                "round them, or use GradientFlow for real-valued time",
            )
        case Evenly(count):
            values = np.linspace(0.0, end, count)
        case Logarithmically(count, first):
            values = np.concatenate([[0.0], np.geomspace(min(first, end), end, count)])
        case _:
            assert_never(times)
    return np.unique(np.rint(values) if whole else values)
