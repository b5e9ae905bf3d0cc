"""What is minimized: the loss on a batch plus weight decay, and its gradient."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from carnotlab.core.data import Batch
from carnotlab.experiment.losses import loss_function
from carnotlab.experiment.rules import rule_kind
from carnotlab.experiment.training import Training
from carnotlab.networks.finite import Model, Weights


class Gradient(Protocol):
    """Of the loss with decay, by stored weights; and the loss without decay."""

    def __call__(
        self, weights: Weights, start: Weights, batch: Batch, noise: Key[Array, ""] | None = None
    ) -> tuple[Float[Array, ""], Weights]:
        """Return both on a batch; ``noise`` is the key of `Dropout`."""
        ...


def loss_and_gradient(
    model: Model, training: Training, samples: Int[Array, ""] | None = None
) -> Gradient:
    """Return ``(weights, start, batch, noise) -> (loss without decay, gradient with decay)``.

    With ``samples``, which may be traced, only so many first samples of a batch count.
    """
    loss = loss_function(training.loss)

    def on_batch(weights: Weights, batch: Batch, noise: Key[Array, ""] | None) -> Float[Array, ""]:
        outputs, targets = model.apply(weights, jnp.asarray(batch.x), noise), jnp.asarray(batch.y)
        if samples is None:
            return loss(outputs, targets)
        return mean_over_first(samples, loss_by_sample(loss, outputs, targets))

    decay = training.weight_decay
    plain = training.decoupled_decay or (isinstance(decay, float) and decay == 0.0)

    def gradient(
        weights: Weights, start: Weights, batch: Batch, noise: Key[Array, ""] | None = None
    ) -> tuple[Float[Array, ""], Weights]:
        value, slope = jax.value_and_grad(on_batch)(weights, batch, noise)
        if plain:
            return value, slope
        return value, with_decay(training, slope, weights, start, 1.0)

    return gradient


def with_decay(
    training: Training, slope: Weights, weights: Weights, start: Weights, factor: Any
) -> Weights:
    """Return ``slope`` with ``factor`` times each map's decay towards zero or the start."""
    pull: Any = (
        jax.tree.map(lambda w, w0: w - w0, weights, start) if training.decay_to_start else weights
    )
    return by_layer(lambda k, g, w: g + factor * k * w, training.weight_decay, slope, pull)


def by_layer(function: Callable[..., Array], numbers: Any, *trees: Weights) -> Weights:
    """Return ``function(number, *leaves)`` of all leaves, each layer with its own number.

    >>> by_layer(jnp.multiply, (2.0, 3.0), ({"weight": 1.0}, {"weight": 1.0}))[1]["weight"].item()
    3.0
    """
    return tuple(
        jax.tree.map(partial(function, own(numbers, at)), *layers)
        for at, layers in enumerate(zip(*trees, strict=True))
    )


def own(numbers: Any, index: int) -> Any:
    """Return the number of one linear map: its own, or the one for all.

    >>> own((1.0, 2.0), 1), own(3.0, 1)
    (2.0, 3.0)
    """
    if not isinstance(numbers, tuple) and jnp.ndim(numbers) == 0:
        return numbers
    several = cast("Sequence[Any]", numbers)
    return several[index if len(several) > 1 else 0]


def loss_by_sample(
    loss: Callable[[Array, Array], Array],
    outputs: Float[Array, "n k"],
    targets: Float[Array, "n k"],
) -> Float[Array, " n"]:
    """Return what each sample adds to a loss that is a mean over samples."""
    return jax.vmap(lambda output, target: loss(output[None], target[None]))(outputs, targets)


def mean_over_first(samples: Int[Array, ""], values: Float[Array, " n"]) -> Float[Array, ""]:
    """Return the mean of the first ``samples`` values.

    >>> float(mean_over_first(jnp.array(2), jnp.array([1.0, 2.0, 30.0])))
    1.5
    """
    first = jnp.arange(len(values)) < samples
    return jnp.sum(jnp.where(first, values, 0.0)) / samples.astype(values.dtype)


def scale_layers(model: Model, training: Training, updates: Weights, factor: Any) -> Weights:
    """Multiply each layer's update by its learning-rate factor and ``factor``, one or of each."""
    scales = model.rate_scales(rule_kind(training.rule))
    numbers = tuple(scale * own(factor, at) for at, scale in enumerate(scales))
    return by_layer(lambda number, u: (number * u).astype(u.dtype), numbers, updates)
