"""Norms and angles of real networks with batch norm in long training, beside equilibrium's."""

import time
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Data
from carnotlab.core.keys import key_for
from carnotlab.core.precision import Precision
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.schedules import tabulated
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure, State
from carnotlab.measures.bound import bind
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.normalization.invariance_checks import invariance_checks
from carnotlab.studies.normalization.normalized_networks import (
    Kind,
    small_network,
    without_scale,
)
from carnotlab.tasks.base import Task
from carnotlab.theories.scale_invariance.invariance import drift
from carnotlab.theories.scale_invariance.norms import equilibrium, relaxation_steps
from carnotlab.training.train import train

UNSCALED = Quantity("unscaled_weights", ("weight",), "1", "all weights without scale")
UNIT_GRADIENT = Quantity(
    "unit_gradient", (), "1", "mean square of batch gradients at unit norm of the weights"
)
MEAN_SHARE = Quantity(
    "mean_share", (), "1", "correlation of gradients of two batches at the same weights"
)
NORM_RATIO = Quantity("norm_ratio", (), "1", "norm late in training over that of equilibrium")
ANGLE_RATIO = Quantity("angle_ratio", (), "1", "angle a step late over that of equilibrium")
COURSE = Quantity("norm_over_time", (), "1", "norm of all weights without scale")
BATCHES = 8
"""Batches whose gradients are compared at each record."""


def _flat(weights: tuple[dict[str, Array], ...]) -> Float[Array, " weight"]:
    return jnp.concatenate([jnp.ravel(layer["weight"]) for layer in weights[:-1]])


def _unscaled(state: State, data: Data) -> Float[Array, " weight"]:
    del data
    return _flat(state.weights)


def _gradients(state: State, data: Data, size: int) -> Float[Array, "batch weight"]:
    x, y = jnp.asarray(data.train.x), jnp.asarray(data.train.y)
    keys = jax.random.split(key_for(0, "batches to compare"), BATCHES)

    def one(key: Array) -> Float[Array, " weight"]:
        rows = jax.random.choice(key, len(x), (size,), replace=False)

        def loss(weights: tuple[dict[str, Array], ...]) -> Float[Array, ""]:
            return state.loss(state.model.apply(weights, x[rows]), y[rows])

        return _flat(jax.grad(loss)(state.weights))

    return jax.vmap(one)(keys)


def _unit_gradient(state: State, data: Data, size: int) -> Float[Array, ""]:
    gradients = _gradients(state, data, size)
    return jnp.mean(jnp.sum(gradients**2, axis=1)) * jnp.sum(_flat(state.weights) ** 2)


def _mean_share(state: State, data: Data, size: int) -> Float[Array, ""]:
    gradients = _gradients(state, data, size)
    own = jnp.sum(gradients**2)
    products = jnp.sum(jnp.sum(gradients, axis=0) ** 2) - own
    return products / (BATCHES - 1) / own


@dataclass(frozen=True)
class NetworkNormsRun(Computable):
    """One network in long training at a constant rate and decay, looked at in its last steps.

    All maps without scale count as one vector of weights, which is free of scale for certain.
    """

    task: Task
    kind: Kind
    width: int
    rate: float
    decay: float
    momentum: float
    steps: int
    seeds: tuple[int, ...]
    batch: int = 16
    window: int = 100
    pool: int = 1
    numbers: Precision = "float32"

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("norms of a network", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return self.numbers

    @property
    def experiment(self) -> Experiment:
        """The network in training; the head has the same rate and decay."""
        network = small_network(
            self.kind, self.task, self.width, max(self.seeds) + 1, pool=self.pool
        )
        early = np.unique(np.linspace(0, self.steps - self.window, 30).astype(int))
        times = (*early.tolist(), *range(self.steps - self.window + 1, self.steps + 1))
        training = Training(
            GradientDescent(self.rate, self.momentum),
            self.steps,
            Minibatch(self.batch),
            CrossEntropy(),
            tabulated(np.ones(self.steps)),
            self.decay,
            record=At(tuple(float(each) for each in times)),
            precision=self.numbers,
        )
        return Experiment(self.task, network, training)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train, and hold norms and angles of the last steps to those of equilibrium."""
        del store
        began, experiment = time.perf_counter(), self.experiment
        measures = (
            Measure(UNSCALED, _unscaled),
            Measure(UNIT_GRADIENT, bind(_unit_gradient, self.batch)),
            Measure(MEAN_SHARE, bind(_mean_share, self.batch)),
        )
        seen = train(experiment, measures, self.seeds, progress=progress)
        weights = seen[UNSCALED.name].values.astype(np.float64)
        norms = np.linalg.norm(weights, axis=2)
        late = slice(-self.window, None)
        now, then = weights[:, late][:, 1:], weights[:, late][:, :-1]
        cosine = np.sum(now * then, axis=2) / norms[:, late][:, 1:] / norms[:, late][:, :-1]
        angle = np.sqrt(np.mean(np.arccos(np.minimum(cosine, 1.0)) ** 2, axis=1))
        squares = seen[UNIT_GRADIENT.name].values
        norm = np.mean(norms[:, late] ** 4, axis=1) ** 0.25
        ends = [
            equilibrium(self.rate, self.decay, float(square), self.momentum)
            for square in squares[:, late].mean(axis=1)
        ]
        found = {
            NORM_RATIO: norm / np.array([end.norm for end in ends]),
            ANGLE_RATIO: angle / ends[0].angle,
            COURSE: norms,
        }
        clock = {"time": seen["time"], "seed": seen["seed"]}
        observation = labelled(found, ("seed", "time"), clock)
        observation[MEAN_SHARE.name] = seen[MEAN_SHARE.name]
        prediction = labelled({COURSE: [end.norm for end in ends]}, ("seed",)).assign_attrs(
            relaxation=relaxation_steps(self.rate, self.decay, self.momentum)
        )
        share = float(np.mean(seen[MEAN_SHARE.name].values[:, late]))
        checks = (
            *invariance_checks(experiment, without_scale(experiment.network)),
            Check("noise dominates", "correlation of gradients of two batches", share, 0.05),
            Check(
                "no drift",
                "change of the mean square of gradients at unit norm, in logarithm",
                float(np.mean([drift(row) for row in squares[:, late]])),
                0.1,
            ),
        )
        return RunResult(prediction, observation, checks, time.perf_counter() - began)
