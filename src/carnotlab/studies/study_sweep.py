"""A study under many settings: which of its verdicts stand where, as one labelled array."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from carnotlab.core.errors import require
from carnotlab.core.verdicts import Verdict
from carnotlab.runs.run import execute
from carnotlab.runs.store import Store
from carnotlab.runs.sweeps.axes import axes_of
from carnotlab.runs.sweeps.settings import Settings as Table
from carnotlab.runs.sweeps.settings import Value
from carnotlab.studies.running import arms_of, verdicts_of
from carnotlab.studies.study import Settings, Study

PARTS = ("error", "low", "high", "tolerance", "agrees", "as_expected", "in_regime")


def changes_of_each(settings: Table, seeds: int | None) -> tuple[dict[str, Value], ...]:
    """Return what every setting of a sweep changes of a study's own settings.

    Raises:
        InputError: if data are among what is swept.

    >>> from carnotlab.runs.sweeps.settings import grid
    >>> changes_of_each(grid(width=(32, 64)), 4)
    ({'width': 32, 'seeds': 4}, {'width': 64, 'seeds': 4})
    """
    require(
        "data" not in settings.names,
        "data as a setting of a sweep",
        "settings that are numbers or words",
        "use carnot replicate --data",
    )
    everywhere: dict[str, Value] = {} if seeds is None else {"seeds": seeds}
    return tuple(settings.row(row) | everywhere for row in range(len(settings)))


def judge_kept(study: Study, settings: Settings, store: Store) -> tuple[Verdict, ...]:
    """Judge a study by the arms in a store; one that is not there is computed first."""
    arms, _ = arms_of(study, settings)
    return verdicts_of(study, settings, {arm.label: execute(arm.run, store) for arm in arms})


def labelled_verdicts(settings: Table, verdicts: Mapping[int, Sequence[Verdict]]) -> xr.Dataset:
    """Return verdicts ``[setting, judgement]``, settings along axes of their own for a grid.

    ``verdicts`` are by row of the settings, without those that failed. What a setting does not
    judge is not a number. ``error`` has its interval ``low`` to ``high`` and ``tolerance``;
    ``agrees``, ``as_expected`` and ``in_regime`` are 0 or 1. A setting that is called like one of
    them has ``_`` after its name.
    """
    names: dict[str, int] = {}
    for found in verdicts.values():
        for verdict in found:
            names.setdefault(f"{verdict.arm}: {verdict.quantity}", len(names))
    arrays = {part: np.full((len(settings), len(names)), np.nan) for part in PARTS}
    for row, found in verdicts.items():
        for verdict in found:
            at = row, names[f"{verdict.arm}: {verdict.quantity}"]
            low, high = verdict.interval
            parts = {
                "error": verdict.error,
                "low": low,
                "high": high,
                "tolerance": verdict.tolerance,
                "agrees": verdict.agreement == "agrees",
                "as_expected": verdict.as_expected,
                "in_regime": verdict.in_regime,
            }
            for part, value in parts.items():
                arrays[part][at] = value
    columns = {f"{n}_" if n in PARTS else n: settings.column(n) for n in settings.names}
    axes = axes_of(columns, len(settings), settings.shape)
    return xr.Dataset(
        {name: axes.variable(values, ("judgement",)) for name, values in arrays.items()},
        {"judgement": list(names), **axes.coords},
    )
