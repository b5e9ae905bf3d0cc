"""Students that meet each example once, by difficulty, held against their mean error."""

import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.initialisation import Balanced
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.linear_networks import one_layer, trained_maps
from carnotlab.theories.continual.curriculum import decaying_rates, error_course, ordered

STUDENT_ERROR = Quantity("student_error", (), "1", "squared distance of the weights from teacher's")


@dataclass(frozen=True)
class CurriculumRun(Computable):
    """Linear students on fresh Gaussian examples whose label noise grows with their difficulty.

    Noise variances are evenly spaced from 0 to ``hardest``. With ``decay`` the rate falls as
    1 / (1 + examples per input / decay). Time counts examples per input.
    """

    order: str
    rate: float
    decay: float | None = None
    inputs: int = 50
    load: int = 6
    hardest: float = 2.0
    students: int = 64

    @property
    def rates(self) -> Float[np.ndarray, " examples"]:
        """The learning rate at each example."""
        count = self.load * self.inputs
        if self.decay is None:
            return np.full(count, self.rate)
        return decaying_rates(self.rate, self.decay, count, self.inputs)

    @property
    def noise(self) -> Float[np.ndarray, " examples"]:
        """The label noise of each example, in the order they come."""
        return ordered(np.linspace(0.0, self.hardest, self.load * self.inputs), self.order)

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("curriculum", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train on one example after the other; the prediction knows rates and noise only."""
        del store, progress
        began = time.perf_counter()
        # The order has no part in the draw: students of all orders meet the same inputs.
        random = np.random.default_rng([self.inputs, self.load, 4])
        count = self.load * self.inputs
        x = random.standard_normal((self.students, count, 1, self.inputs))
        teacher = np.full(self.inputs, self.inputs**-0.5)
        noise = np.sqrt(self.noise) * random.standard_normal((self.students, count))
        y = (x @ teacher + noise[:, :, None])[..., None]
        training = Training(GradientDescent(1.0), 1, record=At((1.0,)), precision="float64")
        student = one_layer(self.inputs, 1, Balanced(1e-9), training)
        weights = trained_maps(student, x, y, rates=self.rates / self.inputs)[:, :, 0, 0]
        errors = np.sum((weights - teacher) ** 2, axis=-1)
        expected = error_course(self.rates, self.noise, self.inputs)[1:]
        times = {"time": np.arange(1, count + 1) / self.inputs}
        check = Check(
            "stable steps", "learning rate, of which 2 is the edge", float(self.rates.max()), 1.5
        )
        return RunResult(
            STUDENT_ERROR.label(expected, ("time",), times).to_dataset(),
            STUDENT_ERROR.label(errors, ("seed", "time"), times).to_dataset(),
            (check,),
            time.perf_counter() - began,
        )
