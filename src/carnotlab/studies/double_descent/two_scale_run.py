"""Least squares on features of two scales over time: two descents, one for each scale."""

import time
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Logarithmically, recorded
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure, State
from carnotlab.networks.initialisation import Balanced
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.double_descent.curves import TEST_ERROR, by_size
from carnotlab.studies.linear_networks import one_layer
from carnotlab.theories.high_dimensional.regression_course import regression_course
from carnotlab.training.width_sweep import train_widths


@dataclass(frozen=True)
class TwoScaleRun(Computable):
    """Gradient descent on ``features`` of scale 1 and as many of scale ``scale``, from zero.

    Teacher weights are ``loud`` for the first and ``quiet`` for the others; labels have noise of
    variance ``noise``. Sizes are steps; the error is excess error, from the weights without
    sampling. With ``steps_by_feature`` every feature has a step size of its own, one over its
    variance, as if all had one scale.
    """

    seeds: int
    features: int = 100
    samples: int = 400
    scale: float = 0.1
    loud: float = 0.07
    quiet: float = 1.0
    noise: float = 1.0
    rate: float = 0.2
    duration: int = 2000
    records: int = 40
    steps_by_feature: bool = False

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("two scales over time", self)

    @property
    def times(self) -> tuple[int, ...]:
        """Steps at which the error is recorded."""
        steps = recorded(Logarithmically(self.records), self.duration, whole=True)
        return tuple(int(step) for step in steps)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train on a draw for each seed; the prediction knows scales, teacher and noise only."""
        del store, progress
        began = time.perf_counter()
        scales = np.repeat([1.0, self.scale], self.features)
        teacher = np.repeat([self.loud, self.quiet], self.features)
        if self.steps_by_feature:  # the same as steps of one size on features of one scale
            scales, teacher = np.ones_like(scales), teacher * scales
        variances = scales**2

        def excess(state: State, data: Data) -> Float[Array, ""]:
            del data
            gap = state.model.effective(state.weights)[0][0] - jnp.asarray(teacher)
            return jnp.sum(jnp.asarray(variances) * gap**2)

        measure = Measure(Quantity("excess", (), "1", "excess error of the weights"), excess)

        def draw(seed: int) -> Data:
            random = np.random.default_rng([seed, self.samples, 19])
            x = scales * random.standard_normal((self.samples, len(scales)))
            y = x @ teacher + np.sqrt(self.noise) * random.standard_normal(self.samples)
            return Data(Batch(x, y[:, None]), Batch(x[:1], y[:1, None]))

        training = Training(
            GradientDescent(self.rate),
            self.duration,
            record=Logarithmically(self.records),
            precision="float64",
        )
        experiment = one_layer(len(scales), self.samples, Balanced(1e-12), training)
        found = train_widths({"": experiment}, (measure,), range(self.seeds), draw=draw)
        course = regression_course(
            self.rate * np.asarray(self.times, dtype=np.float64),
            variances,
            teacher**2,
            self.samples,
            noise_variance=self.noise,
            rate=self.rate,
        )
        observation = by_size(self.times, {TEST_ERROR: found["excess"].values[0]})
        prediction = by_size(self.times, {TEST_ERROR: course.excess[None]})
        check = Check(
            "many features",
            "features of each scale are many: 10 over their number",
            10.0 / self.features,
            0.2,
        )
        return RunResult(
            prediction.isel(seed=0, drop=True), observation, (check,), time.perf_counter() - began
        )
