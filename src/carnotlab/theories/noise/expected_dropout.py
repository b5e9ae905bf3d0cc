r"""Dropout in any network as an explicit penalty: exact behind the last activation, else leading.

Units of a `Dropout` layer act as masks :math:`m_j` of mean 1 and variance :math:`(1-q)/q` on the
outputs :math:`f(m)`. To second order in the noise the loss grows on average by

.. math:: \tfrac12 \frac{1-q}{q} \Bigl\langle \sum_j
          \frac{\partial f}{\partial m_j}^{\!\top} H\, \frac{\partial f}{\partial m_j}
          \Bigr\rangle,

with H the Hessian of the loss by outputs: I for half the squared error, :math:`\mathrm{diag}(p) -
pp^\top` for cross-entropy. With squared error and nothing but a linear layer behind the dropout
this is all of it, whatever is in front. Elsewhere it leaves out what the curvature of f and of the
loss makes of the noise: terms in the residuals of the same order, and all higher ones.

Descent on the loss with this penalty is then what training with dropout follows on average, up to
terms of the order of the rate. Sources: wager2013, wei2020.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from carnotlab.core.data import Data
from carnotlab.core.errors import OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy, Loss, SquaredError, loss_function
from carnotlab.measures.base import Measure, State
from carnotlab.measures.losses import (
    TEST_ACCURACY,
    TEST_LOSS,
    TRAIN_LOSS,
    test_accuracy,
    test_loss,
    train_loss,
)
from carnotlab.networks.finite import Model, Weights, scalings
from carnotlab.networks.forward import Pass, apply_layers
from carnotlab.networks.layers import Dense, Dropout, has_noise
from carnotlab.networks.shapes import after
from carnotlab.theories.base import Theory, TheoryAssumption, require_start
from carnotlab.theories.regime import plain_learning_rate

Penalty = Callable[[Weights, Float[Array, "n *input"]], Float[Array, ""]]


def dropout_penalty_of(model: Model, loss: Loss) -> Penalty:
    """Return ``(weights, x) -> penalty``, differentiable, of all `Dropout` layers of a network.

    Raises:
        OutOfReachError: for noise inside blocks or on weights (`DropConnect`).

    >>> from carnotlab.networks.description import Network
    >>> from carnotlab.networks.parameterization import Standard
    >>> network = Network(1, (Dropout(0.5), Dense(1)), Standard())
    >>> penalty = dropout_penalty_of(Model(network), SquaredError())
    >>> float(penalty(({"weight": jnp.array([[2.0]])},), jnp.array([[3.0]])))
    18.0
    """
    layers = model.network.layers
    if has_noise(tuple(each for each in layers if not isinstance(each, Dropout))):
        raise OutOfReachError(
            "noise on weights or inside blocks for the expected loss of dropout",
            "Dropout between the layers of a chain",
            "use Dropout there",
        )
    keeps = tuple(layer.keep for layer in layers if isinstance(layer, Dropout))

    def one(weights: Weights, x: Array, masks: tuple[Array, ...]) -> Array:
        run = Pass(iter(zip(scalings(model.network), weights, strict=True)), lambda _: None, None)
        left = iter(masks)
        activity = x.reshape(1, *model.network.shape)
        for layer in layers:
            if isinstance(layer, Dropout):
                activity = activity * next(left)
            else:
                activity = apply_layers((layer,), run, activity)
        return activity[0]

    def of_sample(weights: Weights, x: Array) -> Array:
        masks = tuple(jnp.ones(shape, x.dtype) for shape in _shapes(model))
        outputs = one(weights, x, masks)
        slopes = jax.jacrev(one, argnums=2)(weights, x, masks)
        total = jnp.zeros((), x.dtype)
        for keep, slope in zip(keeps, slopes, strict=True):
            flat = slope.reshape(slope.shape[0], -1)
            total = total + 0.5 * (1.0 - keep) / keep * _curved(loss, outputs, flat)
        return total

    return lambda weights, x: jnp.mean(jax.vmap(of_sample, in_axes=(None, 0))(weights, x))


@dataclass(frozen=True)
class ExpectedDropout(Theory):
    """Courses of losses and accuracy under descent on the mean loss of dropout, start by start.

    For chains with `Dropout` layers under gradient descent on full batches. ``penalty`` takes the
    noise for none, or for a decay of all weights by ``decay``, in place of what it is. Predicts
    ``train_loss``, ``test_loss`` and ``test_accuracy``, ``[seed, time]``. Sources: wager2013,
    wei2020.

    >>> from carnotlab.experiment.rules import GradientDescent
    >>> from carnotlab.experiment.times import At
    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.description import Network
    >>> from carnotlab.networks.parameterization import Standard
    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> experiment = Experiment(
    ...     LinearMap(2, 1, (3.0,)),
    ...     Network(2, (Dropout(0.5), Dense(1)), Standard()),
    ...     Training(GradientDescent(0.1), 2000, record=At((2000,))),
    ... )
    >>> found = ExpectedDropout().predict(experiment, experiment.start((0,)))
    >>> float(found["train_loss"][0, -1].round(4))  # half the map is learned: 1.5**2 / 2
    1.125
    """

    penalty: Literal["dropout", "none", "decay"] = "dropout"
    decay: float = 0.0

    name: ClassVar[str] = "expected_dropout"
    claim: ClassVar[str] = "dropout is descent on the loss with an explicit penalty"
    references: ClassVar[tuple[str, ...]] = ("wager2013", "wei2020")
    predicts: ClassVar[tuple[Quantity, ...]] = (TRAIN_LOSS, TEST_LOSS, TEST_ACCURACY)
    of_averages: ClassVar[bool] = True
    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        TheoryAssumption(
            "noise on outputs alone",
            "squared error, and one layer of dropout with only a linear layer behind it: 0 if so, "
            "1 if the penalty is the leading term",
            0.5,
            lambda experiment, _: 0.0 if _is_exact(experiment) else 1.0,
        ),
    )

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Descend the loss with its penalty from each start.

        Raises:
            OutOfReachError: for another rule or batch, or noise that is not covered.
        """
        training = experiment.training
        theory = "the expected loss of dropout"
        if plain_learning_rate(experiment, theory, any_loss=True, noise=True) == 0.0:
            raise OutOfReachError(
                f"gradient flow for {theory}", "a rule with steps", "use GradientDescent()"
            )
        with precision(training.precision):
            kind = np.dtype(training.precision)
            data = jax.tree.map(lambda a: jnp.asarray(a, dtype=kind), experiment.task.data())
            strengths = jnp.asarray(
                [self.penalty == "dropout", self.decay * (self.penalty == "decay")], dtype=kind
            )
            found = _program(experiment)(require_start(start), strengths, data)
        courses = (np.asarray(values, dtype=np.float64) for values in found)
        values = dict(zip(self.predicts, courses, strict=True))
        return labelled(values, ("seed", "time"), {"time": training.times})

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return losses and accuracy, without noise."""
        del experiment
        return (train_loss, test_loss, test_accuracy)


@lru_cache(maxsize=8)
def _program(experiment: Experiment) -> Callable[..., Any]:
    """Return the descent of members, given the strengths of the penalty and of a decay."""
    model, training = experiment.model, experiment.training
    loss = loss_function(training.loss)
    added = dropout_penalty_of(model, training.loss)
    times = training.times.astype(np.int32)
    bounds = np.stack([np.concatenate([[0], times[:-1]]), times], axis=1)
    rule: Any = training.rule
    scales = model.rate_scales("gradient")

    def objective(weights: Weights, strengths: Float[Array, "2"], data: Data) -> Array:
        x, y = jnp.asarray(data.train.x), jnp.asarray(data.train.y)
        value = loss(model.apply(weights, x), y) + strengths[0] * added(weights, x)
        size = sum(jnp.sum(w**2) for w in jax.tree.leaves(weights))
        return value + 0.5 * strengths[1] * size

    def step(weights: Weights, strengths: Float[Array, "2"], data: Data) -> Weights:
        slopes = jax.grad(objective)(weights, strengths, data)
        return tuple(
            jax.tree.map(lambda w, g, s=scale: w - s * rule.learning_rate * g, layer, slope)
            for layer, slope, scale in zip(weights, slopes, scales, strict=True)
        )

    def member(weights: Weights, strengths: Float[Array, "2"], data: Data) -> Any:
        def interval(now: Weights, ends: Array) -> tuple[Weights, Any]:
            now = jax.lax.fori_loop(ends[0], ends[1], lambda _, w: step(w, strengths, data), now)
            state = State(model, now, weights, loss)
            return now, tuple(
                each.fn(state, data) for each in (train_loss, test_loss, test_accuracy)
            )

        return jax.lax.scan(interval, weights, jnp.asarray(bounds))[1]

    return jax.jit(jax.vmap(member, in_axes=(0, None, None)))


def _shapes(model: Model) -> tuple[tuple[int, ...], ...]:
    """Return the shape of activity at each dropout."""
    shape, found = model.network.shape, []
    for layer in model.network.layers:
        shape = after(shape, layer)
        if isinstance(layer, Dropout):
            found.append(shape)
    return tuple(found)


def _curved(loss: Loss, outputs: Float[Array, " k"], slopes: Float[Array, "k m"]) -> Array:
    """Return the sum over masks of slopes squared in the metric of the loss."""
    squares = slopes**2
    match loss:
        case SquaredError():
            return jnp.sum(squares)
        case CrossEntropy():
            p = jax.nn.softmax(outputs)
            return jnp.sum(p @ squares) - jnp.sum((p @ slopes) ** 2)


def _is_exact(experiment: Experiment) -> bool:
    layers = experiment.network.layers
    noisy = [index for index, layer in enumerate(layers) if isinstance(layer, Dropout)]
    return (
        experiment.training.loss == SquaredError()
        and len(noisy) == 1
        and all(isinstance(layer, Dense) for layer in layers[noisy[0] + 1 :])
    )
