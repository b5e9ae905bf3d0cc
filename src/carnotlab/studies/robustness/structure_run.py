"""One network trained on several kinds of data of one shape, each beside its kernel's theory."""

import time
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import xarray as xr

from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.losses import (
    TEST_ACCURACY,
    TEST_LOSS,
    TRAIN_LOSS,
    test_accuracy,
    test_loss,
    train_loss,
    train_prediction,
)
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.base import Task
from carnotlab.theories.lazy_kernel import LazyKernel
from carnotlab.training.consecutive import train_consecutively

LEFT_BY_CLASS = Quantity(
    "left_by_class", ("class",), "1", "mean squared error on the training samples of each class"
)
ALIGNMENT = Quantity("kernel_alignment", (), "1", "cosine between kernel and products of targets")
MEASURES = (train_loss, test_loss, test_accuracy, train_prediction)


@dataclass(frozen=True)
class StructureRun(Computable):
    """The same seeds, network and rule on each of some tasks of equal shapes.

    Results have a dimension ``task``. Assumptions are checked on the task ``checked`` alone; to be
    strict, one whose labels move the weights far.
    """

    experiment: Experiment
    tasks: tuple[Task, ...]
    seeds: tuple[int, ...]
    checked: int = 0

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("structure of data", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return self.experiment.training.precision

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Predict from each kind of data, then train on each: compiled once, as shapes are equal.

        Raises:
            OutOfReachError: if the kernel's theory says nothing about the experiment.
        """
        del store
        began = time.perf_counter()
        each = [replace(self.experiment, task=task) for task in self.tasks]
        predictions = [_predicted(experiment) for experiment in each]
        start = self.experiment.start(self.seeds)
        checks = LazyKernel().check(each[self.checked], start)
        found: list[xr.Dataset] = []
        for index, task in enumerate(self.tasks):
            if progress is not None:
                progress(index / len(self.tasks))
            data = jax.tree.map(self._for_each_seed, task.data())
            records = train_consecutively(self.experiment, data, MEASURES, self.seeds)
            found.append(self._labelled({n: values[:, 0] for n, values in records.items()}, task))
        observation = xr.concat(found, "task", join="exact")
        prediction = xr.concat(predictions, "task", join="exact")
        return RunResult(prediction, observation, checks, time.perf_counter() - began)

    def _for_each_seed(self, array: Any) -> Any:
        return np.broadcast_to(array, (len(self.seeds), 1, *np.shape(array)))

    def _labelled(self, values: dict[str, Any], task: Task) -> xr.Dataset:
        training = self.experiment.training
        targets = np.asarray(task.data().train.y, dtype=np.float64)
        codes = targets.argmax(axis=1)
        left = np.sum((values["train_prediction"] - targets) ** 2, axis=-1)
        by_class = [left[..., codes == code].mean(axis=-1) for code in np.unique(codes)]
        parts = [
            TRAIN_LOSS.label(values["train_loss"], ("seed", "time")),
            TEST_LOSS.label(values["test_loss"], ("seed", "time")),
            TEST_ACCURACY.label(values["test_accuracy"], ("seed", "time")),
            LEFT_BY_CLASS.label(np.stack(by_class, axis=-1), ("seed", "time")),
        ]
        return xr.merge(parts).assign_coords(
            seed=np.array(self.seeds),
            time=training.times,
            flow_time=("time", training.flow_times),
        )


def of_task(result: RunResult, index: int, prediction: int | None = None) -> RunResult:
    """Return one kind of data's part of a result; the prediction may be that of another kind."""
    other = index if prediction is None else prediction
    return replace(
        result,
        prediction=result.prediction.isel(task=other),
        observation=result.observation.isel(task=index),
    )


def _predicted(experiment: Experiment) -> xr.Dataset:
    predicted = LazyKernel().predict(experiment)[[TRAIN_LOSS.name, TEST_LOSS.name]]
    train = experiment.task.data().train
    kernel = kernels(experiment.network, train.x).ntk
    targets = np.asarray(train.y) - np.mean(train.y, axis=0)
    products = targets @ targets.T
    cosine = float(np.sum(kernel * products) / np.linalg.norm(kernel) / np.linalg.norm(products))
    return predicted.assign({ALIGNMENT.name: cosine})
