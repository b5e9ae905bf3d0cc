"""Two linear layers of one unit under label noise, fresh at every step or fixed."""

import time
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Array

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.batching import FullBatch, Online
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure, State
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import given
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.theories.noise.label_noise_balance import imbalance_course
from carnotlab.training.train import train

LAYER_IMBALANCE = Quantity(
    "layer_imbalance", (), "1", "square of the second layer's weight minus that of the first"
)
BATCH = 2


def _imbalance(state: State, data: Data) -> Array:
    del data
    first, second = state.model.effective(state.weights)
    return second[0, 0] ** 2 - first[0, 0] ** 2


layer_imbalance = Measure(LAYER_IMBALANCE, _imbalance)


@dataclass(frozen=True)
class BalanceRun(Computable):
    """One path of two weights from an unbalanced fit; labels ``fresh`` or the same throughout."""

    noise_variance: float
    rate: float
    steps: int
    members: int
    fresh: bool = True
    stretch: float = 1.3

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("balance under label noise", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train all members; the law knows the start, the rate and the noise."""
        del store
        began = time.perf_counter()
        task = GaussianRegression(1, BATCH, noise_variance=self.noise_variance, held_out=1)
        fit = abs(float(task.teacher[0, 0]))
        second, first = self.stretch * fit**0.5, fit**0.5 / self.stretch
        sign = float(np.sign(task.teacher[0, 0]))
        one = np.ones((self.members, 1, 1))
        start = given([first * one, sign * second * one])
        training = Training(
            GradientDescent(self.rate),
            self.steps,
            batching=Online(BATCH) if self.fresh else FullBatch(),
            record=Evenly(30),
        )
        experiment = Experiment(task, deep_linear(1, (1,), 1, initialisation=start), training)
        seen = train(experiment, [layer_imbalance], tuple(range(self.members)), progress=progress)
        law = imbalance_course(
            training.times,
            second**2 - first**2,
            self.rate,
            self.noise_variance,
            BATCH,
            second**2 + first**2,
        )
        label = LAYER_IMBALANCE.label(law, ("time",), {"time": training.times})
        check = Check(
            "fresh labels",
            "noise of labels is drawn anew: 0 if so",
            0.0 if self.fresh else 1.0,
            0.0,
        )
        return RunResult(
            xr.Dataset({LAYER_IMBALANCE.name: label}), seen, (check,), time.perf_counter() - began
        )
