"""A study under many settings: which of its verdicts stand where, as one labelled array."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from carnotlab.core.errors import require
from carnotlab.runs.sweeps.settings import Settings, Value
from carnotlab.studies.arm_work import require_same_key
from carnotlab.studies.catalogue import find_study
from carnotlab.studies.running import arms_of, resolve, run_study
from carnotlab.studies.study import Size, StudyResult

PARTS = ("error", "low", "high", "tolerance", "agrees", "as_expected", "in_regime")


@dataclass(frozen=True)
class Point:
    """One setting of a study that is swept; ``key`` is that of its first arm where it is asked."""

    study: str
    size: Size
    changes: tuple[tuple[str, Value], ...]
    key: str = ""

    def arm_key(self) -> str:
        """Return the key of the study's first arm under this setting, in this process."""
        study = find_study(self.study)
        arms, _ = arms_of(study, resolve(study, self.size, dict(self.changes)))
        return arms[0].run.key

    def result(self, out: Path) -> StudyResult:
        """Run what is missing of the study under this setting, and judge it."""
        return run_study(find_study(self.study), self.size, dict(self.changes), out=out)


@dataclass(frozen=True)
class PointWork:
    """Computing the arms of a setting into a folder, where the judge finds them."""

    out: Path

    def __call__(self, point: Point) -> int:
        """Return how many verdicts are not as the study expects.

        Raises:
            InputError: if this process would file results under other keys than the one that asks.
        """
        require_same_key(point.arm_key(), point.key)
        return sum(not verdict.as_expected for verdict in point.result(self.out).verdicts)


def points_of(study: str, size: Size, settings: Settings, seeds: int | None) -> tuple[Point, ...]:
    """Return the points of a sweep, each setting checked against the study's own.

    Raises:
        InputError: for an unknown study, a setting it does not have, or a value that does not fit.

    >>> from carnotlab.runs.sweeps.settings import grid
    >>> found = points_of("deep-linear-stages", "smoke", grid(width=(32, 64)), 4)
    >>> [dict(point.changes)["width"] for point in found]
    [32, 64]
    """
    chosen = find_study(study)
    require(
        "data" not in settings.names,
        "data as a setting of a sweep",
        "settings that are numbers or words",
        "use carnot replicate --data",
    )
    points: list[Point] = []
    for row in range(len(settings)):
        changes: dict[str, Value] = dict(settings.row(row))
        if seeds is not None:
            changes["seeds"] = seeds
        resolve(chosen, size, changes)
        point = Point(study, size, tuple(changes.items()))
        points.append(replace(point, key=point.arm_key()))
    return tuple(points)


def labelled_verdicts(settings: Settings, results: Mapping[int, StudyResult | None]) -> xr.Dataset:
    """Return verdicts ``[setting, judgement]``, settings along axes of their own for a grid.

    ``results`` are by row of the settings; None where one failed. What a setting does not judge is
    not a number. ``error`` has its interval ``low`` to ``high`` and ``tolerance``; ``agrees``,
    ``as_expected`` and ``in_regime`` are 0 or 1. A setting that is called like one of them
    has ``_`` after its name.
    """
    names: dict[str, int] = {}
    for result in results.values():
        for verdict in result.verdicts if result else ():
            names.setdefault(f"{verdict.arm}: {verdict.quantity}", len(names))
    arrays = {part: np.full((len(settings), len(names)), np.nan) for part in PARTS}
    for row, result in results.items():
        for verdict in result.verdicts if result else ():
            at = row, names[f"{verdict.arm}: {verdict.quantity}"]
            low, high = verdict.interval
            found = {
                "error": verdict.error,
                "low": low,
                "high": high,
                "tolerance": verdict.tolerance,
                "agrees": verdict.agreement == "agrees",
                "as_expected": verdict.as_expected,
                "in_regime": verdict.in_regime,
            }
            for part, value in found.items():
                arrays[part][at] = value
    return _along_axes(settings, arrays, list(names))


def _along_axes(
    settings: Settings, arrays: Mapping[str, np.ndarray[Any, Any]], judgements: Sequence[str]
) -> xr.Dataset:
    coords: dict[str, Any] = {"judgement": list(judgements)}
    names = {name: f"{name}_" if name in PARTS else name for name in settings.names}
    if settings.shape is None:
        leading: tuple[str, ...] = ("setting",)
        shape: tuple[int, ...] = (len(settings),)
        coords |= {names[name]: ("setting", settings.column(name)) for name in settings.names}
    else:
        leading, shape = tuple(names.values()), settings.shape
        coords |= {names[name]: values for name, values in settings.axes().items()}
    return xr.Dataset(
        {
            name: ((*leading, "judgement"), values.reshape(*shape, len(judgements)))
            for name, values in arrays.items()
        },
        coords,
    )
