"""One experiment against one theory: the shortest way from a description to a figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Interval, Tolerance, Verdict, error_interval, judge
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.runs.run import Run, RunResult, execute
from carnotlab.runs.store import Store
from carnotlab.studies.errors import average_course_error, mean_course_error, observed, predicted
from carnotlab.studies.study import Statistic
from carnotlab.studies.style import (
    Theme,
    draw_experiment,
    draw_residual,
    draw_theory,
    headline,
    style,
)
from carnotlab.theories.base import Theory


@dataclass(frozen=True)
class Comparison:
    """A prediction beside what was observed, with the theory's assumptions as measured.

    ``run`` is what was done, ``result`` holds the labelled arrays on both sides and the checks.
    """

    run: Run
    result: RunResult

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The quantities that were both predicted and observed."""
        return tuple(
            quantity
            for quantity in self.run.theory.predicts
            if quantity.name in self.result.prediction and quantity.name in self.result.observation
        )

    @property
    def in_regime(self) -> bool:
        """Whether every assumption of the theory holds."""
        return all(check.holds for check in self.result.checks)

    def error(self, quantity: Quantity) -> Interval:
        """Return the relative error of a whole course, with its interval over seeds.

        Of the mean over seeds for theories that predict averages over starts, else the mean over
        seeds of each member's error.
        """
        return error_interval(self._statistic(quantity), len(self.run.seeds))

    def judge(self, tolerance: Tolerance) -> Verdict:
        """Hold the error of one quantity against a tolerance that is argued for."""
        return judge(
            study="comparison",
            arm=self.run.theory.name,
            role="test",
            tolerance=tolerance,
            statistic=self._statistic(tolerance.quantity),
            seeds=len(self.run.seeds),
            checks=self.result.checks,
            seconds=self.result.seconds,
        )

    def to_xarray(self) -> xr.DataTree:
        """Return prediction, observation and checks as one labelled tree."""
        return self.result.to_xarray()

    def to_dataframe(self) -> pd.DataFrame:
        """Return scalar courses as rows: quantity, seed, time, predicted, observed."""
        frames: list[pd.DataFrame] = []
        for quantity in self._drawable(dims=0):
            seen, expected = observed(self.result, quantity), predicted(self.result, quantity)
            expected = np.broadcast_to(expected, seen.shape)
            seeds, times = np.meshgrid(
                self.run.seeds, self.run.experiment.training.times, indexing="ij"
            )
            columns = {
                "quantity": quantity.name,
                "seed": seeds.ravel(),
                "time": times.ravel(),
                "predicted": expected.ravel(),
                "observed": seen.ravel(),
            }
            frames.append(pd.DataFrame(columns))
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def plot(self, theme: Theme = "light") -> Figure:
        """Draw every course of at most one dimension, theory over experiment, and residuals."""
        with style(theme):
            shown = self._drawable(dims=1)
            figure = Figure(figsize=(1.0 + 4.0 * len(shown), 4.0))
            grid = figure.add_gridspec(2, len(shown), height_ratios=(3, 1))
            time = np.asarray(self.run.experiment.training.times)
            for column, quantity in enumerate(shown):
                courses = figure.add_subplot(grid[0, column])
                strip = figure.add_subplot(grid[1, column], sharex=courses)
                seen = observed(self.result, quantity).reshape(len(self.run.seeds), len(time), -1)
                expected = predicted(self.result, quantity).mean(axis=0).reshape(len(time), -1)
                for line in range(min(seen.shape[2], 6)):
                    label = ("theory", "experiment") if line == 0 else (None, None)
                    draw_experiment(courses, time, seen[:, :, line], line, label[1])
                    draw_theory(courses, time, expected[:, line], line, label[0])
                    gap = seen[:, :, line].mean(axis=0) - expected[:, line]
                    draw_residual(strip, time, gap, line)
                strip.axhline(0.0, color="0.5", lw=0.6)
                courses.set(
                    title=quantity.name.replace("_", " "),
                    ylabel="" if quantity.unit == "1" else quantity.unit,
                )
                courses.tick_params(labelbottom=False)
                courses.legend(fontsize="small")
                unit = "flow time" if self.run.experiment.training.is_flow else "steps"
                strip.set(xlabel=unit, ylabel="difference")
            inside = "inside" if self.in_regime else "outside"
            headline(figure, f"{self.run.theory.claim} ({inside} its assumptions)")
            return figure

    def __rich__(self) -> Table:
        """Show errors and assumptions as a table in terminals and notebooks."""
        table = Table("", "value", "limit", "", title=self.run.theory.claim)
        for quantity in self.quantities:
            error = self.error(quantity)
            span = f"[{error.low:.2g}, {error.high:.2g}]"
            table.add_row(f"error of {quantity.name}", f"{error.value:.2g}", "", span)
        for check in self.result.checks:
            word = "holds" if check.holds else "breaks"
            table.add_row(check.name, f"{check.value:.2g}", f"{check.limit:.2g}", word)
        return table

    def _statistic(self, quantity: Quantity) -> Statistic:
        averages = self.run.theory.of_averages
        return (average_course_error if averages else mean_course_error)(self.result, quantity)

    def _drawable(self, dims: int) -> tuple[Quantity, ...]:
        return tuple(quantity for quantity in self.quantities if len(quantity.dims) <= dims)


def compare(
    experiment: Experiment,
    theory: Theory,
    seeds: Sequence[int] = range(4),
    *,
    measures: Sequence[Measure] = (),
    out: Path | str | None = None,
) -> Comparison:
    """Predict an experiment, train it from several seeds, and lay one over the other.

    Args:
        experiment: The description of task, network and training.
        theory: What predicts it.
        seeds: One network each.
        measures: What else to record of the trained networks.
        out: A folder to keep the result in and to read it from the next time.

    Raises:
        OutOfReachError: if the theory says nothing about the experiment.

    >>> from carnotlab import GradientDescent, LazyKernel, LinearMap, Training, mlp
    >>> task = LinearMap(3, 1, strengths=(1.0,), samples=12)
    >>> experiment = Experiment(task, mlp(3, (256,), 1), Training(GradientDescent(0.3), 40))
    >>> comparison = compare(experiment, LazyKernel(), seeds=range(4))
    >>> [quantity.name for quantity in comparison.quantities][2:]
    ['train_loss', 'test_loss']
    """
    run = Run(experiment, theory, tuple(seeds), tuple(measures))
    return Comparison(run, execute(run, None if out is None else Store(Path(out))))
