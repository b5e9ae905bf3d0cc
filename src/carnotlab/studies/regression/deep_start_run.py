"""Two-layer linear networks from starts of several sizes: how soon they learn, what they keep."""

import time
from dataclasses import dataclass

import numpy as np

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.layer_matrices import END_TO_END_MAP, end_to_end_matrix
from carnotlab.measures.losses import TRAIN_LOSS, train_loss
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import given
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.drawing import generator
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.theories.high_dimensional.frozen_directions import frozen_error, time_per_e_fold
from carnotlab.training.consecutive import train_consecutively

FROZEN = Quantity("frozen_error", ("scale",), "loss", "excess error outside the samples' span")
HALF_TIME = Quantity("half_time", ("scale",), "flow time", "when half the training loss is gone")


@dataclass(frozen=True)
class DeepStartRun(Computable):
    r"""Networks with Gaussian weights of standard deviation ``scales`` at time zero, both layers.

    No label noise. ``frozen_error`` is the squared part of the learned map outside the samples'
    span: what the start adds to the excess error, on average over teachers.
    """

    inputs: int = 60
    samples: int = 30
    hidden: int = 16
    scales: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    draws: int = 12
    steps: int = 1500

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("deep starts", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train every scale and draw in one program; the prediction knows sizes and scales."""
        del store, progress
        began = time.perf_counter()
        random = generator(self.inputs, "deep starts")
        x = random.standard_normal((self.draws, self.samples, self.inputs)) / np.sqrt(self.inputs)
        unit = [
            random.standard_normal((self.draws, *shape))
            for shape in ((self.hidden, self.inputs), (1, self.hidden))
        ]
        members = len(self.scales) * self.draws
        sizes = np.repeat(self.scales, self.draws)[:, None, None]
        starts = [sizes * np.tile(layer, (len(self.scales), 1, 1)) for layer in unit]
        task = GaussianRegression(self.inputs, self.samples, held_out=1)
        # The curvature at the end: that of the samples times the squared second layer.
        largest = (1.0 + np.sqrt(self.inputs / self.samples)) ** 2 / self.inputs
        rate = 0.25 / (largest * np.sqrt(float(self.samples)))
        experiment = Experiment(
            task,
            deep_linear(self.inputs, (self.hidden,), 1, initialisation=given(starts)),
            Training(GradientDescent(float(rate)), self.steps, record=Evenly(151)),
        )
        x = np.tile(x, (len(self.scales), 1, 1))[:, None]
        batch = Batch(x, x @ task.teacher.T)
        measured = train_consecutively(
            experiment, Data(batch, batch), (train_loss, end_to_end_matrix), tuple(range(members))
        )
        shape = (len(self.scales), self.draws, -1)
        train = measured[TRAIN_LOSS.name][:, 0].reshape(shape)
        clock = experiment.training.flow_times
        ends = measured[END_TO_END_MAP.name][:, 0, -1, 0]
        frozen = np.array([_outside(*each) for each in zip(x[:, 0], ends, strict=True)])
        frozen = frozen.reshape(shape[:2])
        halves = np.array([[_half_time(clock, row) for row in rows] for rows in train])
        coords = {"scale": list(self.scales)}
        predicted = [frozen_error(self.inputs, self.samples, scale**2) for scale in self.scales]
        observation = labelled(
            {FROZEN: frozen.T, HALF_TIME: halves.T},
            ("seed",),
            {**coords, "seed": list(range(self.draws))},
        )
        e_fold = time_per_e_fold(self.inputs, self.samples)
        later = e_fold * np.log(max(self.scales) / np.array(self.scales))
        prediction = labelled({FROZEN: predicted, HALF_TIME: later}, coords=coords)
        left = float(np.max(train[:, :, -1] / train[:, :, 0]))
        checks = (
            Check(
                "samples learned",
                "training ends with its samples fitted: largest share of the loss that is left",
                left,
                1e-3,
            ),
        )
        return RunResult(prediction, observation, checks, time.perf_counter() - began)


def _outside(x: np.ndarray, weights: np.ndarray) -> float:
    """Return the mean square of the weights that no sample speaks of."""
    return float(np.mean((weights - np.linalg.pinv(x) @ (x @ weights)) ** 2))


def _half_time(clock: np.ndarray, loss: np.ndarray) -> float:
    after = int(np.argmax(loss < 0.5 * loss[0]))
    if after == 0:
        return float("inf")
    before, behind = loss[after - 1], loss[after]
    part = (before - 0.5 * loss[0]) / (before - behind)
    return float(clock[after - 1] + part * (clock[after] - clock[after - 1]))
