"""A network trained on a task beside ridge and logistic regression on the same samples."""

import time
from dataclasses import dataclass

import numpy as np
import xarray as xr

from carnotlab.core.quantities import Quantity
from carnotlab.estimators.linear_baseline import KINDS, baseline_errors
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy, SquaredError
from carnotlab.experiment.rules import Adam
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import test_accuracy, test_loss
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.study import Rows, Statistic
from carnotlab.tasks.base import Task
from carnotlab.training.train import train

NETWORK = Quantity("network_error", (), "1", "least error on held-out samples over training")
LINEAR = Quantity("linear_error", ("kind",), "1", "the same of ridge and logistic regression")
LUCK = Quantity("error_of_luck", (), "1", "the same of the most frequent class, or of the mean")


@dataclass(frozen=True)
class AgainstLinear(Computable):
    """One hidden layer of rectifiers on a task, and linear models with validated strengths.

    Errors are shares of held-out samples classified wrongly, or squared errors. The network's is
    that at the record time at which it is least: stopping by the held-out samples themselves is
    an advantage that linear models, whose strength is chosen on training samples, do not have.
    """

    task: Task
    seeds: tuple[int, ...]
    width: int
    steps: int
    rate: float
    records: int

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("against linear", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return self.experiment.training.precision

    @property
    def experiment(self) -> Experiment:
        """The network on the task, trained by Adam on full batches."""
        task = self.task
        network = mlp(task.input_size, (self.width,), task.output_size, parameterization=Standard())
        loss = CrossEntropy() if task.is_classification else SquaredError()
        training = Training(
            Adam(self.rate), duration=self.steps, record=Evenly(self.records), loss=loss
        )
        return Experiment(task, network, training)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train every seed, and fit both linear models once."""
        del store
        began = time.perf_counter()
        data, classes = self.task.data(), self.task.is_classification
        measure = test_accuracy if classes else test_loss
        seen = train(self.experiment, (measure,), self.seeds, progress=progress)
        course = seen[measure.quantity.name].transpose("seed", "time")
        errors = 1.0 - course if classes else 2.0 * course
        linear = np.full(len(KINDS), np.nan)  # a regression has no logistic one
        found = baseline_errors(data, classes)
        linear[: len(found)] = found
        observation = xr.Dataset(
            {
                measure.quantity.name: course,
                NETWORK.name: errors.min("time"),
                LINEAR.name: (("seed", "kind"), [linear] * len(self.seeds)),
                LUCK.name: ("seed", [self._luck()] * len(self.seeds)),
            }
        ).assign_coords(kind=list(KINDS))
        return RunResult(xr.Dataset(), observation, (), time.perf_counter() - began)

    def _luck(self) -> float:
        """Return the error of the most frequent class, or of the mean, of the training samples."""
        data = self.task.data()
        train_y, test_y = (np.asarray(batch.y, dtype=np.float64) for batch in data)
        if self.task.is_classification:
            frequent = int(train_y.sum(axis=0).argmax())
            return float(np.mean(test_y.argmax(axis=1) != frequent))
        return float(np.mean(np.sum((test_y - train_y.mean(axis=0)) ** 2, axis=1)))


def not_reached(run: RunResult) -> Statistic:
    r"""Return the share :math:`1 - (l - e)/(l - n)` of a network's gain that linear models miss.

    :math:`l, e, n` are the errors of luck, of the better linear model and of the network; 0 where
    the linear model is as good or better.
    """
    network, linear = _network(run), _best_linear(run)
    luck = float(run.observation[LUCK.name].values[0])

    def statistic(rows: Rows) -> float:
        mean = float(np.mean(network[rows]))
        return max(1.0 - (luck - linear) / (luck - mean), 0.0) if mean < luck else float("inf")

    return statistic


def gap_to_linear(run: RunResult) -> Statistic:
    """Return the linear model's error over the network's, minus 1; 0 where it is no larger."""
    network, linear = _network(run), _best_linear(run)
    return lambda rows: max(linear / float(np.mean(network[rows])) - 1.0, 0.0)


def _network(run: RunResult) -> np.ndarray:
    return np.asarray(run.observation[NETWORK.name].values, dtype=np.float64)


def _best_linear(run: RunResult) -> float:
    return float(np.nanmin(run.observation[LINEAR.name].values[0]))
