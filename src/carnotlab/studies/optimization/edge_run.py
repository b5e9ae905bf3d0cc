"""The sharpness of networks trained by full-batch descent, over the limit of their rule."""

import time
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from carnotlab.core.assumptions import Check
from carnotlab.core.keys import key_for
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import loss_function
from carnotlab.experiment.rules import Adam
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.curvature import SHARPNESS, hessian_vector_product, sharpness
from carnotlab.measures.lanczos import largest_eigenvalue
from carnotlab.measures.losses import TRAIN_LOSS, train_loss
from carnotlab.networks.activations import Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.digits import Digits
from carnotlab.theories.curvature.stability import Stepped, largest_stable_curvature
from carnotlab.training.train import train

RATIO = Quantity("sharpness_over_limit", (), "1", "largest curvature over the rule's limit")
SHORTFALL = 0.03
"""An edge counts as reached where the sharpness came to within this share of it."""


def digits_task(images: int) -> Digits:
    """Return digits whose targets are large enough that curvature rises in training."""
    return Digits(images, 10, standardise="per feature", centre_targets=True, target_scale=3.0)


def smooth_network() -> Network:
    """Return a network of two hidden layers of 32 hyperbolic tangents."""
    return mlp(
        64, (32, 32), 10, activation=Tanh(), weight_variance=1.0, bias_variance=0.0,
        parameterization=Standard(),
    )  # fmt: skip


@dataclass(frozen=True)
class EdgeRun(Computable):
    """One rule on digits; the prediction is that curvature settles at the rule's limit.

    The check says whether the limit was reached in the first half of training.
    """

    rule: Stepped
    network: Network
    images: int
    steps: int
    records: int
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("edge of stability", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    @property
    def experiment(self) -> Experiment:
        """The network trained by the rule."""
        training = Training(self.rule, self.steps, record=Evenly(self.records))
        return Experiment(digits_task(self.images), self.network, training)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train; the prediction knows the rule only."""
        del store
        began = time.perf_counter()
        limit = largest_stable_curvature(self.rule)
        if isinstance(self.rule, Adam):
            seen = _adam(self.experiment, self.rule, self.seeds)
        else:
            measures = (sharpness(iterations=15), train_loss)
            seen = train(self.experiment, measures, self.seeds, progress=progress)
        ratio = np.asarray(seen[SHARPNESS.name].values, dtype=np.float64) / limit
        seen[RATIO.name] = RATIO.label(ratio, ("seed", "time"))
        first = ratio[:, : ratio.shape[1] // 2]
        short = 1.0 - float(np.nanmin(np.nanmax(first, axis=1)))
        check = Check(
            "edge reached",
            "curvature came up to the limit in the first half of training; shortfall, worst seed",
            max(short, 0.0),
            SHORTFALL,
        )
        expected = RATIO.label(np.ones(ratio.shape[1]), ("time",)).to_dataset()
        return RunResult(expected, seen, (check,), time.perf_counter() - began)


def _adam(experiment: Experiment, rule: Adam, seeds: tuple[int, ...]) -> xr.Dataset:
    """Train by Adam and measure the Hessian preconditioned by its second moments.

    The library's training does not show a rule's memory to measures, hence these own steps.
    """
    training, model = experiment.training, experiment.model
    loss_of = loss_function(training.loss)
    data = experiment.task.data().train
    with precision(training.precision):
        x = jnp.asarray(data.x, training.precision)
        y = jnp.asarray(data.y, training.precision)
        steps = optax.adam(rule.learning_rate, rule.b1, rule.b2, rule.eps)
        start = experiment.start(seeds)

        def loss(weights: object) -> Array:
            return loss_of(model.apply(weights, x), y)  # pyright: ignore[reportArgumentType]

        def preconditioned(weights: object, memory: object) -> Float[Array, ""]:
            count, moments = optax.tree.get(memory, "count"), optax.tree.get(memory, "nu")
            correction = 1.0 - rule.b2 ** jnp.maximum(count, 1)
            flat, restore = ravel_pytree(weights)
            root = (jnp.sqrt(ravel_pytree(moments)[0] / correction) + rule.eps) ** -0.5

            def product(vector: Array) -> Array:
                inner = hessian_vector_product(loss, weights, restore(root * vector))
                return root * ravel_pytree(inner)[0]

            begin = jax.random.normal(key_for(0, "curvature"), flat.shape, flat.dtype)
            return largest_eigenvalue(product, begin, iterations=15).value

        def step(carry: tuple[object, object], _: None) -> tuple[tuple[object, object], None]:
            weights, memory = carry
            updates, memory = steps.update(jax.grad(loss)(weights), memory)  # pyright: ignore
            return (optax.apply_updates(weights, updates), memory), None  # pyright: ignore

        every = int(training.times[1])

        def interval(
            carry: tuple[object, object], _: None
        ) -> tuple[tuple[object, object], tuple[Array, Array]]:
            carry, _ = jax.lax.scan(step, carry, None, length=every)
            return carry, (preconditioned(*carry), loss(carry[0]))

        def member(weights: object) -> tuple[Array, Array]:
            begun = (weights, steps.init(weights))  # pyright: ignore[reportArgumentType]
            return jax.lax.scan(interval, begun, None, length=len(training.times) - 1)[1]

        top, losses = jax.jit(jax.vmap(member))(start)
    times = {"seed": list(seeds), "time": every * np.arange(1, len(training.times))}
    return labelled({SHARPNESS: top, TRAIN_LOSS: losses}, ("seed", "time"), times)
