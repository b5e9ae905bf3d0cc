"""A study replicated over conditions, as one arm whose members are the conditions."""

import csv
import tempfile
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import xarray as xr

from carnotlab.core.provenance import code_digest
from carnotlab.core.quantities import Quantity
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.robustness.replication import Condition, replicate
from carnotlab.studies.running import resolve
from carnotlab.studies.study import Size, Study
from carnotlab.tasks.bundled_tables import bundled_table
from carnotlab.tasks.reading import file_digest

BROKEN = Quantity("broken", (), "1", "1 where a verdict is not what the study expects, else 0")
UNDECIDED = Quantity("undecided", (), "1", "1 where such verdicts are all underpowered, else 0")
ROWS = 100
"""Rows of a bundled table at most."""


@dataclass(frozen=True)
class TakeawayRun(Computable):
    """Whether a study's verdicts are as it expects, condition by condition.

    The dimension ``seed`` runs over the conditions, so that an interval over it says how much
    the share depends on which conditions were chosen.
    """

    study: Study
    size: Size
    conditions: tuple[Condition, ...]

    @property
    def key(self) -> str:
        """A digest of study, settings, data, code (that which judges too) and versions."""
        settings: list[dict[str, Any]] = []
        for condition in self.conditions:
            resolved = msgspec.structs.asdict(resolve(self.study, self.size, condition.changes))
            if resolved["data"] is not None:
                resolved["data"] = file_digest(resolved["data"])
            settings.append(resolved)
        return result_key("takeaway", self.study.name, settings, code_digest(("studies",)))

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Run the study under every condition; its own arms are kept in the store, too."""
        began = time.perf_counter()
        found = replicate(
            self.study,
            self.size,
            self.conditions,
            out=None if store is None else store.root.parent,
            progress=None if progress is None else lambda _, part: progress(part),
        )
        against = [
            [verdict for verdict in result.verdicts if not verdict.as_expected]
            for result in found.results
        ]
        undecided = [
            bool(each) and all(verdict.agreement == "underpowered" for verdict in each)
            for each in against
        ]
        observation = xr.Dataset(
            {
                BROKEN.name: ("seed", np.array([float(bool(each)) for each in against])),
                UNDECIDED.name: ("seed", np.array(undecided, dtype=float)),
                "condition": ("seed", np.array([each.name for each in self.conditions])),
                "verdicts": ("seed", np.array([len(each.verdicts) for each in found.results])),
            }
        )
        return RunResult(xr.Dataset(), observation, (), time.perf_counter() - began)


def table_files() -> tuple[Path, ...]:
    """Return tables of items and features made of data that come with scikit-learn.

    A hundred digits by their pixels, tumours, wines: the first rows of each, constant features
    left out, as CSV files in a folder that lasts as long as the process.
    """
    folder = Path(_folder().name)
    found: list[Path] = []
    for name in ("digits", "breast_cancer", "wine"):
        path = folder / f"{name}.csv"
        if not path.is_file():
            _write(name, path)
        found.append(path)
    return tuple(found)


def _write(name: str, path: Path) -> None:
    x, _ = bundled_table(name)
    rows = x[:: max(len(x) // ROWS, 1)][:ROWS]
    kept = rows[:, rows.max(axis=0) > rows.min(axis=0)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item", *(f"feature {index}" for index in range(kept.shape[1]))])
        for index, row in enumerate(kept.tolist()):
            writer.writerow([f"item {index}", *row])


@lru_cache(maxsize=1)
def _folder() -> Any:
    return tempfile.TemporaryDirectory(prefix="carnot-tables-", ignore_cleanup_errors=True)
