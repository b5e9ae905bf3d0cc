"""Linear networks trained on draws of their own, held against the mean that theory predicts."""

import time
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import labelled
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TEST_LOSS, TRAIN_LOSS
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Gaussian
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.drawing import generator
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.tasks.spectra import Isotropic, Spectrum, eigenvalues
from carnotlab.theories.high_dimensional.deterministic_equivalents import largest_eigenvalue
from carnotlab.theories.high_dimensional.regression_over_time import RegressionOverTime
from carnotlab.training.consecutive import train_consecutively


@dataclass(frozen=True)
class CourseRun(Computable):
    r"""One linear layer on Gaussian inputs; every member has inputs, noise and start of its own.

    The teacher is one for all, with weights of variance 1. ``start`` is :math:`\sigma_0`, the
    standard deviation of weights at time zero. The held-out loss is that of the population, exact:
    held-out samples are the axes, scaled. ``believed`` is a control: the spectrum that theory takes
    the inputs to have; ``ignorant`` another: it takes weights to start at zero.
    """

    inputs: int
    samples: int
    spectrum: Spectrum = field(default_factory=Isotropic)
    noise: float = 0.0
    start: float = 0.0
    steps: int = 400
    draws: int = 24
    records: int = 30
    believed: Spectrum | None = None
    ignorant: bool = False

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("regression over time", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    @property
    def rate(self) -> float:
        """Learning rate: times the largest curvature expected, 0.8."""
        variances = eigenvalues(self.spectrum, self.inputs) / self.inputs
        return 0.8 / largest_eigenvalue(variances, self.samples)

    def experiment(
        self, spectrum: Spectrum | None = None, start: float | None = None
    ) -> Experiment:
        """Return the experiment of one member, whose samples are replaced by those of each."""
        task = GaussianRegression(
            self.inputs,
            self.samples,
            input_spectrum=spectrum or self.spectrum,
            noise_variance=self.noise,
            held_out=1,
            noisy_held_out=False,
        )
        scale = self.start if start is None else start
        # Standard weights have variance 1 / inputs.
        size = max(scale, 1e-9) * float(np.sqrt(self.inputs))
        return Experiment(
            task,
            deep_linear(self.inputs, (), 1, initialisation=Gaussian(size)),
            Training(GradientDescent(self.rate), self.steps, record=Logarithmically(self.records)),
        )

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train all members; the prediction knows spectrum, teacher, noise and starts only."""
        del store, progress
        began = time.perf_counter()
        experiment, theory = self.experiment(), RegressionOverTime()
        seeds = tuple(range(self.draws))
        measures = theory.measures(experiment)
        seen = train_consecutively(experiment, self.data(), measures, seeds)
        own = self.experiment(self.believed, 0.0 if self.ignorant else None)
        prediction = theory.predict(own, own.start(seeds))
        clocks = {
            "time": experiment.training.times,
            "flow_time": ("time", experiment.training.flow_times),
        }
        observation = labelled(
            {quantity: seen[quantity.name][:, 0] for quantity in (TRAIN_LOSS, TEST_LOSS)},
            ("seed", "time"),
            {**clocks, "seed": list(seeds)},
        )
        prediction = prediction.mean("seed")
        checks = (
            *theory.check(own, own.start(seeds)),
            Check(
                "description true",
                "the theory is given the spectrum and the start that there are: 0 if so",
                float(self.believed is not None or self.ignorant),
                0.0,
            ),
        )
        return RunResult(prediction, observation, checks, time.perf_counter() - began)

    def data(self) -> Data:
        """Return samples of every member, ``[seed, 1, n, inputs]``; held-out ones are the axes."""
        task = self.experiment().task
        assert isinstance(task, GaussianRegression)
        random = generator(self.samples, f"course {self.inputs}")
        shape = (self.draws, 1, self.samples, self.inputs)
        x = (random.standard_normal(shape) * np.sqrt(task.variances)).astype(np.float32)
        noise = np.sqrt(self.noise) * random.standard_normal((*shape[:3], 1))
        y = x @ task.teacher.T + noise
        axes = np.diag(np.sqrt(self.inputs * task.variances))
        held_out = np.broadcast_to(axes, (self.draws, 1, *axes.shape))
        return Data(Batch(x, y), Batch(held_out, held_out @ task.teacher.T))


def mean_course(result: RunResult, name: str) -> Float[np.ndarray, " time"]:
    """Return a loss over time, mean over draws."""
    return result.observation[name].transpose("seed", "time").values.mean(axis=0)
