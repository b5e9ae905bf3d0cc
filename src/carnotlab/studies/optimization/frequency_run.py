"""One-weight networks that look for a frequency, directly or over inputs that widen."""

import time
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure, State
from carnotlab.networks.activations import Cos
from carnotlab.networks.description import Network
from carnotlab.networks.initialisation import given
from carnotlab.networks.layers import Dense
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.theories.continuation.frequency_matching import VALLEY, frequency_courses
from carnotlab.training.consecutive import train_consecutively

Way: TypeAlias = Literal["direct", "widening inputs", "growing targets"]
FREQUENCY = Quantity("frequency", ("phase",), "1", "the weight at the end of each phase")
"""Seeds are starts."""

SAMPLES = 256
RATE = 1.0
"""Of the widest inputs; the others have it over the square of their reach, as curvature falls."""


def _weight(state: State, data: Data) -> Float[Array, ""]:
    del data
    return state.weights[0]["weight"][0, 0]


WEIGHT = Measure(Quantity("weight", (), "1", "the only weight"), _weight)


@dataclass(frozen=True)
class FrequencyRun(Computable):
    """The model cos(wx) on targets cos(w* x), inputs evenly over [-s, s] with s = 1 in the end.

    ``"widening inputs"`` starts from a reach whose valley holds all ``starts`` and widens it in
    equal ratios; ``"growing targets"`` keeps inputs and grows targets from a tenth, an easier
    problem that has the same local minima. All ways take as many steps. The prediction is of
    infinitely many inputs.
    """

    way: Way
    target: float
    starts: tuple[float, ...]
    phases: int
    steps: int

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("frequency", self)

    @property
    def reaches(self) -> Float[np.ndarray, " phase"]:
        """The half-width of inputs in each phase."""
        if self.way != "widening inputs":
            return np.ones(self.phases)
        farthest = max(abs(start - self.target) for start in self.starts)
        return np.geomspace(min(0.8 * VALLEY / farthest, 1.0), 1.0, self.phases)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train one network from each start; predict each from the closed-form loss."""
        del store, progress
        began = time.perf_counter()
        reaches, starts = self.reaches, np.array(self.starts)
        rates = RATE / reaches**2
        grid = (np.arange(SAMPLES) + 0.5) / SAMPLES * 2.0 - 1.0
        x = np.broadcast_to(
            (reaches[:, None] * grid)[..., None], (len(starts), self.phases, SAMPLES, 1)
        )
        size = np.ones(self.phases)
        if self.way == "growing targets":
            size = np.linspace(0.1, 1.0, self.phases)
        y = size[:, None, None] * np.cos(self.target * x)
        training = Training(
            GradientDescent(RATE), self.steps, record=At((float(self.steps),)), precision="float64"
        )
        network = Network(1, (Dense(1), Cos()), initialisation=given([starts[:, None, None]]))
        experiment = Experiment(
            GaussianRegression(1, SAMPLES, outputs=1, held_out=1), network, training
        )
        batch = Batch(x, y)
        seen = train_consecutively(
            experiment, Data(batch, batch), (WEIGHT,), range(len(starts)), rates=rates
        )[WEIGHT.quantity.name][:, :, 0]
        expected = frequency_courses(starts, self.target, list(reaches), list(rates), self.steps).T
        coords = {"phase": np.arange(self.phases), "reach": ("phase", reaches)}
        check = Check(
            "many inputs",
            "phase between neighbouring inputs at the target frequency, radians",
            self.target * 2.0 / SAMPLES,
            0.5,
        )
        prediction = FREQUENCY.label(expected, ("seed",), coords).to_dataset()
        observation = xr.Dataset({FREQUENCY.name: FREQUENCY.label(seen, ("seed",), coords)})
        return RunResult(prediction, observation, (check,), time.perf_counter() - began)
