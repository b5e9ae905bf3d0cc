r"""Growing rates for decoupled decay, :math:`w \leftarrow (1 - \eta_t\lambda) w - \eta_t u_t`.

With :math:`\alpha_t = 1 - \eta_t\lambda`, :math:`A_{t+1} = \alpha_t A_t` and :math:`w_t = A_t
\tilde w_t` the same course is taken without decay

- under descent with momentum (SGDW) at rates :math:`\eta_t/(A_t A_{t+1})` with the momentum
  :math:`\gamma\,\alpha_{t-1}`;
- under Adam (AdamW, epsilon zero) at rates :math:`\eta_t/A_{t+1}` with :math:`\beta_1\alpha` and
  :math:`\beta_2\alpha^2` as decay of its two moments, while the factors :math:`1 - \beta` in front
  of new gradients and the corrections of bias stay those of :math:`\beta`.

Derived here from :math:`g(cw) = g(w)/c`. Source of the rules: loshchilov2019.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from carnotlab.core.errors import require
from carnotlab.experiment.schedules import Tabulated, tabulated


def growing_momentum_schedule(
    rates: Float[np.ndarray, " steps"], decay: float, invariant: tuple[bool, ...]
) -> Tabulated:
    """Return the schedule without decay for descent with momentum and decoupled decay.

    Maps that are not ``invariant`` keep the ``rates``, and must keep their decay.

    >>> growing_momentum_schedule(np.full(3, 0.1), 1.0, (True,)).buffers.round(3).tolist()
    [[1.0], [0.9], [0.9]]
    """
    alphas, scale = _shrinking(rates, decay)
    grown = rates / (scale[:-1] * scale[1:]) / rates[0]
    columns = np.array(invariant)
    buffers = np.concatenate([[1.0], alphas[:-1]])
    return tabulated(
        np.where(columns, grown[:, None], (rates / rates[0])[:, None]),
        buffers=np.where(columns, buffers[:, None], 1.0),
    )


def growing_adam_schedule(
    rates: Float[np.ndarray, " steps"], decay: float, invariant: tuple[bool, ...]
) -> Tabulated:
    """Return the schedule without decay for `shrinking_adam`.

    >>> growing_adam_schedule(np.full(2, 0.5), 1.0, (True,)).rates.tolist()
    [[2.0], [4.0]]
    """
    _, scale = _shrinking(rates, decay)
    grown = rates / scale[1:] / rates[0]
    return tabulated(np.where(np.array(invariant), grown[:, None], (rates / rates[0])[:, None]))


def _shrinking(
    rates: Float[np.ndarray, " steps"], decay: float
) -> tuple[Float[np.ndarray, " steps"], Float[np.ndarray, " times"]]:
    alphas = 1.0 - rates * decay
    require(
        bool((alphas > 0.0).all()),
        f"rate times decay = {float(np.max(rates)) * decay:.3g}",
        "below 1",
        "lower one of them",
    )
    return alphas, np.concatenate([[1.0], np.cumprod(alphas)])


class Moments(NamedTuple):
    """Adam's memory: steps done, and the mean gradient and square of each weight."""

    steps: Any
    mean: Any
    square: Any


def shrinking_adam(
    learning_rate: float,
    shrink: tuple[float, ...] = (1.0,),
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-30,
) -> optax.GradientTransformation:
    r"""Return Adam whose moments decay as :math:`\beta_1\alpha` and :math:`\beta_2\alpha^2`.

    ``shrink`` holds :math:`\alpha` of each linear map, or one for all; at 1 it is Adam. ``eps``
    keeps 0/0 away from weights without gradients, and else is to be far below all gradients.

    >>> rule = shrinking_adam(0.1)
    >>> weights = ({"weight": jnp.ones(1)},)
    >>> step, _ = rule.update(weights, rule.init(weights))
    >>> round(float(step[0]["weight"][0]), 4)
    -0.1
    """

    def each(function: Any, *trees: Any) -> Any:
        return tuple(
            jax.tree.map(partial(function, shrink[at % len(shrink)]), *layers)
            for at, layers in enumerate(zip(*trees, strict=True))
        )

    def init(params: Any) -> Moments:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return Moments(jnp.zeros((), jnp.int32), zeros, zeros)

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Moments]:
        del params
        count = state.steps + 1
        mean = each(lambda a, m, g: b1 * a * m + (1.0 - b1) * g, state.mean, updates)
        square = each(lambda a, s, g: b2 * a * a * s + (1.0 - b2) * g * g, state.square, updates)
        one, two = (1.0 - jnp.power(b * jnp.ones(()), count) for b in (b1, b2))
        moved = jax.tree.map(
            lambda m, s: -learning_rate * (m / one) / (jnp.sqrt(s / two) + eps), mean, square
        )
        return moved, Moments(count, mean, square)

    return optax.GradientTransformation(init, update)
