"""A claim that was tuned on one data set: the control of `robust_takeaway`."""

import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.study import (
    Arm,
    Judgement,
    Results,
    Rows,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
)
from carnotlab.tasks.bundled_tables import bundled_table
from carnotlab.tasks.drawing import generator

HOME = "digits"
SETS = (HOME, "iris", "wine", "breast_cancer", "diabetes", "linnerud")
STRENGTHS = 10.0 ** np.arange(-6.0, 7.1, 0.5)
BY_STRENGTH = Quantity("held_out_error", ("strength",), "1", "squared error over the variance")
LOST = Tolerance(
    Quantity("error_lost", (), "fraction", "held-out error above the least on a grid, over it"),
    0.02,
    "a penalty within a factor of three of the best, the spacing of the grid, loses this much",
)


class TunedSettings(Settings, frozen=True, kw_only=True):
    """Settings of `TunedRidge`: one of the data sets that come with scikit-learn."""

    seeds: int = 8
    table: str = HOME


class TunedRidge(Study):
    """Ridge regression with the penalty that was best on the digits."""

    name: ClassVar[str] = "tuned-ridge"
    question: ClassVar[str] = "Is the penalty that is best for ridge regression on digits the best?"
    message: ClassVar[str] = "On the digits it is, and on other data it is not."
    source: ClassVar[tuple[str, ...]] = ()
    data: ClassVar[str] = "sets that come with scikit-learn (real)"
    settings: ClassVar[type[Settings]] = TunedSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        del size
        return TunedSettings()

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return ridge regression on a set and on the digits."""
        own = TunedSettings.of(settings)
        names = dict.fromkeys((HOME, own.table))
        return tuple(Arm(name, RidgeByStrength(name, own.seeds)) for name in names), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge what the strength that is best on the digits loses."""
        del labels
        table = TunedSettings.of(settings).table

        def error(results: Results) -> Statistic:
            home, here = (_errors(results[name]) for name in (HOME, table))
            tuned = int(home.mean(axis=0).argmin())

            def lost(rows: Rows) -> float:
                means = here[rows].mean(axis=0)
                return float(means[tuned] / means.min() - 1.0)

            return lost

        return (Judgement(table, "test", LOST, (table,), error),)

    def figure(self, result: StudyResult) -> Figure:
        """Draw the error over the strength."""
        figure = Figure(figsize=(4.0, 3.0))
        axes = figure.add_subplot()
        for label, run in result.results.items():
            axes.plot(STRENGTHS, _errors(run).mean(axis=0), label=label)
        axes.set(xscale="log", xlabel="penalty", ylabel="held-out error")
        axes.legend()
        return figure


@dataclass(frozen=True)
class RidgeByStrength(Computable):
    """Held-out errors of ridge regression on raw features, of random halves, by strength."""

    table: str
    draws: int

    @property
    def key(self) -> str:
        """A digest of the description, code and versions."""
        return result_key("ridge by strength", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Fit every strength on each half by one decomposition."""
        del store, progress
        began = time.perf_counter()
        x, y = bundled_table(self.table)
        errors: list[Float[np.ndarray, " strengths"]] = []
        for draw in range(self.draws):
            order = generator(draw, "halves").permutation(len(x))
            train, test = order[: len(x) // 2], order[len(x) // 2 :]
            mean, level = x[train].mean(axis=0), y[train].mean(axis=0)
            left, singular, right = np.linalg.svd(x[train] - mean, full_matrices=False)
            shown, seen = left.T @ (y[train] - level), (x[test] - mean) @ right.T
            spread = float(np.mean(np.sum((y[test] - level) ** 2, axis=1)))
            row = [
                np.mean(
                    np.sum(
                        (y[test] - level - (seen * singular / (singular**2 + k)) @ shown) ** 2,
                        axis=1,
                    )
                )
                / spread
                for k in STRENGTHS
            ]
            errors.append(np.array(row))
        observation = xr.Dataset({BY_STRENGTH.name: (("seed", "strength"), np.stack(errors))})
        return RunResult(xr.Dataset(), observation, (), time.perf_counter() - began)


def _errors(run: RunResult) -> Float[np.ndarray, "seed strength"]:
    return np.asarray(run.observation[BY_STRENGTH.name].values, dtype=np.float64)
