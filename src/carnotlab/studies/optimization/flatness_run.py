"""A trained network at many scales of its layers: one function, measured for flatness at each."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from carnotlab.core.assumptions import Check
from carnotlab.core.keys import key_for
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.batching import FullBatch, Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import Loss, loss_function
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure, State
from carnotlab.measures.bound import bind
from carnotlab.measures.curvature import largest_hessian_eigenvalue
from carnotlab.measures.flatness import gauss_newton_norm, relative_sharpness
from carnotlab.networks.activations import Relu, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.base import Task
from carnotlab.tasks.digits import Digits
from carnotlab.theories.curvature.rescaled_layers import (
    layer_factors,
    layer_traces,
    least_trace,
    scaled_hessian,
)
from carnotlab.training.train import train

MEASURES = ("sharpness", "sharpness times norm", "relative sharpness", "Gauss-Newton norm")
"""Naive, normalized as a whole, and two that no scaling of units can change."""
FLATNESS = Quantity("flatness", ("scale", "measure"), "1", "measures of flatness, by scaling")
PREDICTED = Quantity("predicted_sharpness", ("scale",), "1", "largest eigenvalue of D⁻¹HD⁻¹")
CHANGE = Quantity("change_of_function", ("scale",), "1", "change of held-out outputs over them")
BY_UNITS = Quantity("flatness_by_units", ("measure",), "1", "the same, single units scaled")
HELD_OUT = Quantity("held_out_loss", (), "loss", "loss on held-out images")
TRACES = Quantity("traces", ("trace",), "1", "trace of the Hessian, and the least by scaling")
WEIGHTS = Quantity("weights", ("parameter",), "1", "all stored weights")


def _flat(state: State, data: Any) -> Float[Array, " p"]:
    del data
    return ravel_pytree(state.weights)[0]


@dataclass(frozen=True)
class FlatnessRun(Computable):
    """A network of two hidden layers on digits; first layer times c, last over c, for each scale c.

    The prediction is the dense Hessian behind training, scaled; the observation is measured at the
    scaled weights by products. With ``tanh`` the scaled network is another function. ``batch``
    None is a full batch.
    """

    scales: tuple[float, ...]
    tanh: bool
    batch: int | None
    images: int
    hidden: int
    steps: int
    rate: float
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("flatness", self)

    @property
    def experiment(self) -> Experiment:
        """The network and its training, without biases."""
        network = mlp(
            64, (self.hidden, self.hidden), 10, activation=Tanh() if self.tanh else Relu(),
            parameterization=Standard(),
        )  # fmt: skip
        batching = FullBatch() if self.batch is None else Minibatch(self.batch)
        training = Training(
            GradientDescent(self.rate),
            self.steps,
            batching,
            record=At((float(self.steps),)),
            precision="float64",
        )
        return Experiment(Digits(self.images, 300, centre_targets=True), network, training)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train, then look at each scale."""
        del store, progress
        began = time.perf_counter()
        experiment = self.experiment
        found = train(experiment, (Measure(WEIGHTS, bind(_flat)),), self.seeds)
        ends = np.asarray(found[WEIGHTS.name].values)[:, -1]
        with precision("float64"):
            look = _looker(experiment.task, experiment.network, experiment.training.loss)
            members = [self._member(experiment, look, jnp.asarray(end), s)
                       for s, end in zip(self.seeds, ends, strict=True)]  # fmt: skip
        seen = {name: np.stack([member[name] for member in members]) for name in members[0]}
        coords = {"scale": list(self.scales), "measure": list(MEASURES)}
        prediction = PREDICTED.label(
            seen[PREDICTED.name], ("seed",), {"scale": list(self.scales)}
        ).to_dataset()
        observed = (FLATNESS, BY_UNITS, CHANGE, HELD_OUT, TRACES)
        observation = labelled({each: seen[each.name] for each in observed}, ("seed",), coords)
        check = Check(
            "homogeneous activations",
            "activations that are not homogeneous of degree one; 0 if none",
            float(self.tanh),
            0.5,
        )
        return RunResult(prediction, observation, (check,), time.perf_counter() - began)

    def _member(
        self, experiment: Experiment, look: "_Looker", flat: Float[Array, " p"], seed: int
    ) -> dict[str, Any]:
        """Return everything of one network, from its trained weights."""
        twin = mlp(64, (self.hidden, self.hidden), 10, parameterization=Standard())
        _, restore = ravel_pytree(jax.tree.map(lambda a: a[0], experiment.start((seed,))))
        weights, hessian = restore(flat), np.asarray(look.hessian(flat))
        outputs = np.asarray(look.outputs(flat))
        flatness, change, expected = [], [], []
        for scale in self.scales:
            factors = (scale, 1.0, 1.0 / scale)
            scaled = jax.tree.map(lambda a, b: a * b, weights, layer_factors(twin, factors))
            other = ravel_pytree(scaled)[0]
            flatness.append(np.asarray(look.flatness(other)))
            gap = np.linalg.norm(np.asarray(look.outputs(other)) - outputs)
            # A network whose units are all off has no outputs that could change.
            change.append(gap / (float(np.linalg.norm(outputs)) or 1.0))
            law = scaled_hessian(twin, hessian, weights, factors)
            expected.append(float(np.linalg.eigvalsh(law)[-1]))
        random = np.random.default_rng(seed)
        first, second, last = (layer["weight"] for layer in weights)
        a, b = np.exp(random.normal(size=(2, self.hidden)))
        units = (
            {"weight": first * a[:, None]},
            {"weight": second * b[:, None] / a},
            {"weight": last / b},
        )
        traces = layer_traces(hessian, weights)
        # At weights that are no minimum a layer's trace may be negative: nothing is least then.
        least = least_trace(traces) if np.all(traces > 0.0) else float("nan")
        return {
            FLATNESS.name: np.stack(flatness),
            BY_UNITS.name: np.asarray(look.flatness(ravel_pytree(units)[0])),
            CHANGE.name: np.array(change),
            PREDICTED.name: np.array(expected),
            HELD_OUT.name: float(look.held_out(flat)),
            TRACES.name: np.array([float(traces.sum()), least]),
        }


@dataclass(frozen=True)
class _Looker:
    """Compiled functions of flat weights."""

    flatness: Callable[[Array], Array]
    outputs: Callable[[Array], Array]
    hessian: Callable[[Array], Array]
    held_out: Callable[[Array], Array]


@lru_cache(maxsize=4)
def _looker(task: Task, network: Network, loss_kind: Loss) -> _Looker:
    model, loss_of = Model(network), loss_function(loss_kind)
    data = jax.tree.map(jnp.asarray, task.data())
    _, restore = ravel_pytree(model.start(0))

    def loss(flat: Array) -> Float[Array, ""]:
        return loss_of(model.apply(restore(flat), data.train.x), data.train.y)

    def flatness(flat: Array) -> Float[Array, " measure"]:
        key = key_for(0, "curvature")
        top = largest_hessian_eigenvalue(loss, flat, key, iterations=60).value
        return jnp.stack(
            [
                top,
                top * flat @ flat,
                relative_sharpness(loss, flat, key, iterations=60).value,
                gauss_newton_norm(
                    lambda w: model.apply(restore(w), data.train.x),
                    lambda f: loss_of(f, data.train.y),
                    flat,
                ),
            ]
        )

    return _Looker(
        jax.jit(flatness),
        jax.jit(lambda flat: model.apply(restore(flat), data.test.x)),
        jax.jit(jax.hessian(loss)),
        jax.jit(lambda flat: loss_of(model.apply(restore(flat), data.test.x), data.test.y)),
    )
