"""Losses as plain data and as functions: means over samples, sums over outputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, assert_never

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@dataclass(frozen=True)
class SquaredError:
    r"""Squared error :math:`\tfrac12 \langle |y - \hat y|^2 \rangle`.

    The mean is over samples only. A library that also averages over the outputs (as many do)
    has this loss times 2 / outputs, hence the same course at learning rate times outputs / 2.
    """


@dataclass(frozen=True)
class CrossEntropy:
    r"""Cross-entropy in nats, :math:`-\langle\sum_k y_k \log \mathrm{softmax}(\hat y)_k\rangle`."""


Loss: TypeAlias = SquaredError | CrossEntropy


def loss_function(
    loss: Loss,
) -> Callable[[Float[Array, "n k"], Float[Array, "n k"]], Float[Array, ""]]:
    """Return the loss as a function of outputs and targets.

    >>> float(loss_function(SquaredError())(jnp.zeros((1, 2)), jnp.ones((1, 2))))
    1.0
    """
    match loss:
        case SquaredError():
            return lambda outputs, targets: (
                0.5 * jnp.mean(jnp.sum((targets - outputs) ** 2, axis=-1))
            )
        case CrossEntropy():
            return lambda outputs, targets: (
                -jnp.mean(jnp.sum(targets * jax.nn.log_softmax(outputs, axis=-1), axis=-1))
            )
        case _:
            assert_never(loss)
