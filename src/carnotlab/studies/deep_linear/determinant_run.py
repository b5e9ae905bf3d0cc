"""Training of deep linear networks, with the sign that balanced layers cannot change."""

import time
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.measures.base import Measure, State
from carnotlab.measures.losses import train_loss
from carnotlab.measures.modes import end_to_end_map
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.statistics import input_covariance, input_output_correlation
from carnotlab.theories.deep_linear.factors import starting_factors, worst_imbalance
from carnotlab.training.train import train

DETERMINANT = Quantity(
    "determinant_sign", (), "1", "sign of the determinant of a square map; 0 where it is not square"
)
STUCK_LOSS = Quantity("stuck_loss", (), "loss", "loss with all modes learned but the weakest")
NOTHING = Quantity("loss_of_nothing", (), "loss", "loss of outputs that are all zero")
TASK_SIGN = Quantity("determinant_of_task", (), "1", "sign of the determinant of the map wanted")


def _determinant(state: State, data: Data) -> Float[Array, ""]:
    del data
    matrix = end_to_end_map(state.model.factors(state.weights))
    if matrix.shape[0] != matrix.shape[1]:
        return jnp.zeros((), matrix.dtype)
    return jnp.linalg.slogdet(matrix)[0]


determinant_sign = Measure(DETERMINANT, _determinant)
"""Sign of the determinant of a deep linear network's map where that is square, else 0."""


@dataclass(frozen=True)
class DeterminantRun(Computable):
    """An experiment with a deep linear network on whitened inputs, and its seeds.

    The prediction is of the task alone: the sign of its determinant, and the loss at which
    balanced layers of the other sign must stop, half the squared weakest strength.
    """

    experiment: Experiment
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """A digest of description, seeds, code, versions and devices."""
        return result_key(type(self), self.experiment, self.seeds)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return self.experiment.training.precision

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train; check how balanced the start is and how large the steps are."""
        del store
        began = time.perf_counter()
        experiment = self.experiment
        observation = train(
            experiment, (train_loss, determinant_sign), self.seeds, progress=progress
        )
        task = experiment.task
        wanted = input_output_correlation(task) @ np.linalg.pinv(input_covariance(task))
        strengths = np.linalg.svd(wanted, compute_uv=False)
        square = wanted.shape[0] == wanted.shape[1]
        sign = float(np.linalg.slogdet(wanted)[0]) if square else 0.0
        targets = np.asarray(task.data().train.y)
        prediction = labelled(
            {
                STUCK_LOSS: 0.5 * strengths[-1] ** 2,
                NOTHING: 0.5 * np.mean(np.sum(targets**2, axis=1)),
                TASK_SIGN: sign,
            }
        )
        rule = experiment.training.rule
        rate = rule.learning_rate if isinstance(rule, GradientDescent) else 0.0
        depth = experiment.network.depth
        checks = (
            Check(
                "balanced start",
                "W'W of each layer equals WW' of the one before where neither ends the network; "
                "|difference| over the sum of the two layers' squared norms",
                self._imbalance(),
                1e-4,
            ),
            Check(
                "small steps",
                "learning rate times the largest curvature at the solution, D s^(2-2/D)",
                rate * depth * float(strengths[0]) ** (2.0 - 2.0 / depth),
                0.5,
            ),
        )
        return RunResult(prediction, observation, checks, time.perf_counter() - began)

    def _imbalance(self) -> float:
        """Return the worst imbalance of square layers; ends of other shape cannot be balanced."""
        starts = starting_factors(self.experiment, self.experiment.start(self.seeds))
        return worst_imbalance(
            [one for one in factors if one.shape[0] == one.shape[1]] for factors in starts
        )
