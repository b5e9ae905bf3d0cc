"""Learners of known kind: networks that are trained, and plain curves, seen through noise."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float
from scipy.special import erf

from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.modes import MODE_STRENGTH, mode_strength
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.statistics import input_output_modes
from carnotlab.theories.deep_linear.mode_dynamics import time_to_reach
from carnotlab.theories.learners.families import DeepLinear, PowerLaw
from carnotlab.theories.learners.learning_curve import LearningCurve
from carnotlab.training.train import train_sweep

STARTS = (0.01, 0.1)
"""Strengths the networks start from, as shares of what they learn: one for each learner between."""

STEP = 0.05
"""Learning rate times curvature at the end of learning."""

SHARPNESS = 1.5
"""Signal over noise, over the root of two, of a network that has learned all and must decide."""

Kind: TypeAlias = Literal["trained", "power law", "flat"]


@dataclass(frozen=True)
class Simulated:
    """Learners of one kind, each seen once.

    ``trained``: deep linear networks of ``depth`` layers, one mode, by the library's own training.
    Scores are strengths in Gaussian noise of standard deviation ``noise``; with ``trials`` they are
    right answers out of so many, in a choice between two by the sign of a noisy output. With
    ``spread``, each learner is the mean of ``people`` whose speeds differ by factors of that
    logarithmic standard deviation.
    """

    kind: Kind
    learners: int
    blocks: int
    depth: int = 0
    noise: float = 0.01
    trials: int = 0
    people: int = 1
    spread: float = 0.0

    @property
    def truth(self) -> str | None:
        """The family that made the curves; None where there is nothing to be found."""
        match self.kind:
            case "trained":
                return DeepLinear(self.depth).name
            case "power law":
                return PowerLaw().name
            case "flat":
                return None

    def curves(self) -> tuple[LearningCurve, ...]:
        """Return what is seen of each learner."""
        shares = self._shares()
        seen: list[LearningCurve] = []
        time = np.arange(self.blocks) + 0.5
        for learner, course in enumerate(shares):
            random = np.random.default_rng([learner, self.depth, self.trials])
            name = f"{self.truth or self.kind} {learner}"
            if self.trials:
                right = 0.5 + 0.5 * np.asarray(erf(SHARPNESS * course))
                score = random.binomial(self.trials, np.clip(right, 0.0, 1.0)) / self.trials
                trials = np.full(self.blocks, float(self.trials))
                seen.append(LearningCurve(name, time, score, trials, 0.5))
            else:
                score = course + self.noise * random.standard_normal(self.blocks)
                seen.append(LearningCurve(name, time, score, None, 0.0))
        return tuple(seen)

    def _shares(self) -> Float[np.ndarray, "learners blocks"]:
        clock = np.arange(self.blocks) + 0.5
        match self.kind:
            case "flat":
                return np.full((self.learners, self.blocks), 0.3)
            case "power law":
                exponents = np.geomspace(0.4, 1.2, self.learners)
                return 1.0 - 0.95 * (1.0 + clock) ** -exponents[:, None]
            case "trained":
                fine = trained_strengths(self.depth, self.learners, 8 * self.blocks)
                grid = np.linspace(0.0, self.blocks, fine.shape[1])
                rows: list[Float[np.ndarray, " blocks"]] = []
                for learner, course in enumerate(fine):
                    random = np.random.default_rng([learner, 11])
                    speeds = np.exp(self.spread * random.standard_normal(self.people))
                    own = [np.interp(speed * clock, grid, course) for speed in speeds]
                    rows.append(np.mean(own, axis=0))
                return np.stack(rows)


@lru_cache(maxsize=8)
def trained_strengths(
    depth: int, learners: int, records: int
) -> Float[np.ndarray, "learners time"]:
    """Train one network a learner and return its strength along the task's one mode over time.

    Two and a half times as long as it takes to learn half from the middle of the starts.
    """
    task = LinearMap(4, 3, strengths=(1.0,))
    starts = np.geomspace(*STARTS, learners)
    one = np.ones(1)
    middle = np.array([float(np.sqrt(STARTS[0] * STARTS[1]))])
    duration = 2.5 * float(time_to_reach(0.5 * one, depth, one, middle)[0])
    rate = STEP / depth
    training = Training(
        GradientDescent(rate),
        duration=float(max(round(duration / rate), records)),
        record=Evenly(records + 1),
        precision="float64",
    )
    experiments = {
        f"{start:.6g}": Experiment(
            task,
            deep_linear(4, (6,) * (depth - 1), 3, initialisation=Aligned(float(start))),
            training,
        )
        for start in starts
    }
    found = train_sweep(experiments, (mode_strength(input_output_modes(task)),), (0,))
    return np.asarray(found[MODE_STRENGTH.name].values, dtype=np.float64)[:, 0, :, 0]
