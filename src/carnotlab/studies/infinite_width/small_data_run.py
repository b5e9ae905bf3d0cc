"""One family of kernels on several small sets: what a study carries out and a store keeps."""

import time
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import xarray as xr

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.estimators.small_data_protocol import FAMILIES, Outcome, protocol
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.small_data_sets import SmallDataSet, with_reporting

ACCURACY = Quantity("accuracy", ("split",), "fraction", "share of test rows classified rightly")
SHUFFLED = Quantity("shuffled_accuracy", ("split",), "fraction", "the same with permuted labels")
MAJORITY = Quantity("majority", (), "fraction", "share of a set's largest class")

STANDARDISED = 0.01
ABSENT = 0.01


@dataclass(frozen=True)
class SmallDataRun(Computable):
    """A family of kernels, by its name in `FAMILIES`, through the protocol on some sets.

    In the result, the dimension ``seed`` that verdicts resample is that of the sets.
    """

    sets: tuple[SmallDataSet, ...]
    family: str
    splits: int

    @property
    def key(self) -> str:
        """A digest of the sets' content, the family, the splits, code, versions and devices."""
        return result_key(type(self), self.sets, self.family, self.splits, version("scikit-learn"))

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Run the protocol on every set; the prediction is what looking at no input would get."""
        del store
        began = time.perf_counter()
        sets = tuple(with_reporting(each, self.splits) for each in self.sets)
        family = FAMILIES[self.family]
        parts = len(sets) * sum(1 for _ in family(np.eye(2)))
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress(done / parts)

        outcomes = [protocol(each, family, progress=step) for each in sets]
        coords = {"data_set": ("seed", np.array([each.name for each in sets]))}
        majority = MAJORITY.label([each.majority for each in sets], ("seed",), coords)
        return RunResult(
            xr.Dataset({MAJORITY.name: majority}),
            _labelled(sets, outcomes),
            _checks(sets),
            time.perf_counter() - began,
        )


def _labelled(sets: tuple[SmallDataSet, ...], outcomes: list[Outcome]) -> xr.Dataset:
    names = np.array([each.name for each in sets])
    variables = {
        ACCURACY.name: ACCURACY.label([each.accuracies for each in outcomes], ("seed",)),
        SHUFFLED.name: SHUFFLED.label([each.shuffled for each in outcomes], ("seed",)),
    }
    facts = {
        "chosen_by": [each.chosen_by for each in outcomes],
        "cost": [each.cost for each in outcomes],
        "unconverged": [each.unconverged for each in outcomes],
        "rows": [len(each.y) for each in sets],
        "features": [each.x.shape[1] for each in sets],
        "classes": [each.classes for each in sets],
    }
    for name in outcomes[0].parameters:
        facts[name] = [each.parameters[name] for each in outcomes]
    return xr.Dataset(
        {**variables, **{name: ("seed", np.array(values)) for name, values in facts.items()}},
        {"data_set": ("seed", names)},
    )


def _checks(sets: tuple[SmallDataSet, ...]) -> tuple[Check, ...]:
    """Measure what the protocol takes for granted; the worst of all sets."""
    scale = [max(np.abs(s.x.mean(axis=0)).max(), np.abs(s.x.std(axis=0) - 1).max()) for s in sets]
    absent = [
        np.mean(~np.isin(each.y[split.test], each.y[split.train]))
        for each in sets
        for split in each.reporting
    ]
    return (
        Check(
            "standardised features",
            "every feature has mean 0 and standard deviation 1 over its set",
            float(max(scale)),
            STANDARDISED,
        ),
        Check(
            "classes trained on",
            "test rows belong to classes that occur among the training rows",
            float(max(absent)),
            ABSENT,
        ),
    )
