"""Beside every result on real data: what a regularized linear model makes of the same samples."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import xarray as xr
from rich.table import Table

from carnotlab.core.data import Data
from carnotlab.core.errors import InputError
from carnotlab.estimators.linear_baseline import logistic_baseline, ridge_baseline
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import SquaredError
from carnotlab.runs.run import Computable, Progress, RunResult, execute, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.base import Task
from carnotlab.tasks.real_data import real_data_name

Measured: TypeAlias = Literal["share wrong", "squared error"]

COSTLY = 5e7
"""Training samples times features times classes from where logistic regression takes minutes."""


@dataclass(frozen=True)
class BaselineRow:
    """Errors on the held-out samples of one data set: two linear models, and the networks'.

    ``measured`` is the share of samples classified wrongly, or the mean over samples of the
    squared error summed over outputs. ``logistic`` is None for a regression, for squared errors,
    and where it would take minutes. ``lowest`` and ``highest`` are those of all arms on these
    data, means over seeds at the end of training and None where no arm records such an error;
    ``best`` names the arm of the lowest.
    """

    data: str
    samples: int
    held_out: int
    measured: Measured
    ridge: float
    logistic: float | None
    lowest: float | None
    highest: float | None
    best: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain JSON data."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class LinearBaselineRun(Computable):
    """Test errors of ridge and logistic regression on a task's own training samples.

    The observation holds ``ridge_wrong`` and ``logistic_wrong`` of a classification, NaN where
    they do not exist, and ``ridge_squared_error``.
    """

    task: Task

    @property
    def key(self) -> str:
        """A digest of the task, code, versions and devices."""
        return result_key(type(self), self.task)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Fit both, each strength chosen on the training samples."""
        del store, progress
        ridge, logistic = _wrong(self.task)
        values = {
            "ridge_wrong": ridge,
            "logistic_wrong": logistic,
            "ridge_squared_error": ridge_baseline(self.task.data(), False).test_error,
        }
        return RunResult(xr.Dataset(), xr.Dataset(values), (), 0.0)


def baseline_rows(
    runs: Mapping[str, Computable], results: Mapping[str, RunResult], store: Store | None = None
) -> tuple[BaselineRow, ...]:
    """Return a row for each real data set, and each kind of error, of some arms.

    A run of several data sets has them in order along a dimension ``task``, or no error is shown.
    Runs that record a linear baseline of their own (they change samples or labels on the way)
    are left to their study.
    """
    found: dict[tuple[Task, Measured], list[tuple[float, float, str]]] = {}
    for label, run in runs.items():
        observation = results[label].observation
        if any("baseline" in str(name) for name in observation.data_vars):
            continue
        tasks = tuple(dict.fromkeys(tasks_in(run)))
        for place, task in enumerate(tasks):
            seen = _of_one(observation, place, len(tasks))
            errors = None if seen is None else network_errors(run, seen, task)
            usual: Measured = "share wrong" if task.is_classification else "squared error"
            places = found.setdefault((task, usual if errors is None else errors[0]), [])
            if errors is not None:
                places.append((*errors[1], label))
    return tuple(_row(*where, errors, store) for where, errors in found.items())


def tasks_in(thing: Any) -> Iterator[Task]:
    """Yield the real data sets that a run is described by, wherever its fields hold them.

    >>> from carnotlab.tasks.digits import Digits
    >>> [task.train_size for task in tasks_in((1, LinearBaselineRun(Digits(20, 10))))]
    [20]
    """
    if isinstance(thing, Task):
        if real_data_name(thing) is not None:
            yield thing
    elif isinstance(thing, tuple | list):
        for part in cast("Sequence[Any]", thing):
            yield from tasks_in(part)
    elif dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        for field in dataclasses.fields(thing):
            yield from tasks_in(getattr(thing, field.name))


def network_errors(
    run: Computable, observation: xr.Dataset, task: Task
) -> tuple[Measured, tuple[float, float]] | None:
    """Return the lowest and highest test error at the end of a run, means over seeds.

    What is looked for, in this order: ``test_accuracy`` or ``test_prediction`` of a
    classification, and ``test_loss`` where that is the squared error.
    """
    experiment = getattr(run, "experiment", None)
    if task.is_classification:
        for name in ("test_accuracy", "test_prediction"):
            if name in observation:
                array = _at_the_end(observation[name])
                right = array if name == "test_accuracy" else _right(array, task.data())
                return None if right is None else ("share wrong", _range(1.0 - right))
    if (
        "test_loss" in observation
        and isinstance(experiment, Experiment)
        and isinstance(experiment.training.loss, SquaredError)
    ):
        return "squared error", _range(2.0 * _at_the_end(observation["test_loss"]))
    return None


def baseline_table(rows: Sequence[BaselineRow]) -> tuple[Table, ...]:
    """Return the rows as a table for terminals; none where no arm has real data."""
    if not rows:
        return ()
    table = Table(title="linear baseline: errors on held-out samples", title_justify="left")
    for heading in ("data", "samples", "error", "ridge", "logistic", "networks", "best arm"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*words_of(row))
    return (table,)


def words_of(row: BaselineRow) -> tuple[str, ...]:
    """Return a row in words: data, samples, kind of error, ridge, logistic, networks, best arm.

    >>> words_of(BaselineRow("digits", 9, 5, "share wrong", 0.5, None, 0.2, 0.2, "wide"))
    ('digits', '9 + 5', 'share wrong', '0.5', '–', '0.2', 'wide')
    """

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.3g}"

    networks = number(row.lowest)
    if row.highest is not None and number(row.highest) != networks:
        networks = f"{networks} to {number(row.highest)}"
    samples = f"{row.samples} + {row.held_out}"
    return (
        row.data, samples, row.measured, number(row.ridge), number(row.logistic), networks,
        row.best or "–",
    )  # fmt: skip


def _row(
    task: Task, measured: Measured, errors: list[tuple[float, float, str]], store: Store | None
) -> BaselineRow:
    seen = execute(LinearBaselineRun(task), store).observation
    classes = measured == "share wrong"
    logistic = float(seen["logistic_wrong"]) if classes else float("nan")
    best = min(errors, default=None)
    data = task.data()
    return BaselineRow(
        data=str(real_data_name(task)),
        samples=data.train.size,
        held_out=data.test.size,
        measured=measured,
        ridge=float(seen["ridge_wrong" if classes else "ridge_squared_error"]),
        logistic=None if np.isnan(logistic) else logistic,
        lowest=None if best is None else best[0],
        highest=max((high for _, high, _ in errors), default=None),
        best=None if best is None else best[2],
    )


@lru_cache(maxsize=32)
def _wrong(task: Task) -> tuple[float, float]:
    """Return the shares classified wrongly by ridge and logistic regression, NaN if undefined."""
    if not task.is_classification:
        return float("nan"), float("nan")
    data = task.data()
    ridge = ridge_baseline(data, True).test_error
    if data.train.size * task.input_size * task.output_size > COSTLY:
        return ridge, float("nan")
    try:
        return ridge, logistic_baseline(data).test_error
    except InputError:  # one class, or fewer samples than parts to choose the strength on
        return ridge, float("nan")


def _of_one(observation: xr.Dataset, place: int, tasks: int) -> xr.Dataset | None:
    """Return what was observed on one of the tasks of a run, None where that cannot be told."""
    if observation.sizes.get("task") == tasks:
        return observation.isel(task=place)
    return observation if tasks == 1 else None


def _at_the_end(array: xr.DataArray) -> xr.DataArray:
    return array.isel(time=-1) if "time" in array.dims else array


def _right(outputs: xr.DataArray, data: Data) -> xr.DataArray | None:
    truth = np.asarray(data.test.y).argmax(axis=1)
    if outputs.sizes.get("test_sample") != len(truth):
        return None
    axis = outputs.get_axis_num("output")
    found = outputs.isel(output=0).copy(data=np.asarray(outputs.values).argmax(axis=axis))
    return (found == xr.DataArray(truth, dims="test_sample")).mean("test_sample")


def _range(errors: xr.DataArray) -> tuple[float, float]:
    """Return lowest and highest over all settings of the mean over seeds."""
    means = errors.mean("seed") if "seed" in errors.dims else errors
    return float(means.min()), float(means.max())
