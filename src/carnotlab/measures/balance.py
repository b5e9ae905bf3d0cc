"""What gradient flow of a deep linear network conserves, and how far it has drifted."""

from collections.abc import Sequence
from itertools import pairwise

import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State

BALANCE_DRIFT = Quantity(
    "balance_drift", (), "fraction", "change of what gradient flow conserves, over the layers' size"
)


def balance(factors: Sequence[Float[Array, "out in"]]) -> tuple[Float[Array, "units units"], ...]:
    r"""Return :math:`C_l = W_{l+1}^\top W_{l+1} - W_l W_l^\top` of each two neighbouring layers.

    Gradient flow conserves every entry, whatever the start, the data and the loss. One step of
    gradient descent changes it by exactly
    :math:`\eta^2 (G_{l+1}^\top G_{l+1} - G_l G_l^\top)` with :math:`G_l` the gradients, so that
    over a given flow time it drifts in proportion to :math:`\eta`. All zero: balanced. Sources:
    saxe2014, arora2018.

    >>> [matrix.tolist() for matrix in balance([jnp.eye(1), 2.0 * jnp.eye(1)])]
    [[[3.0]]]
    """
    return tuple(after.T @ after - before @ before.T for before, after in pairwise(factors))


def _balance_drift(state: State, data: Data) -> Float[Array, ""]:
    del data
    now, then = (state.model.factors(weights) for weights in (state.weights, state.start))
    drifts = [
        jnp.linalg.norm(new - old) / (jnp.sum(after**2) + jnp.sum(before**2))
        for new, old, (before, after) in zip(
            balance(now), balance(then), pairwise(now), strict=True
        )
    ]
    return jnp.max(jnp.stack(drifts)) if drifts else jnp.zeros(())


balance_drift = Measure(BALANCE_DRIFT, _balance_drift)
r"""The largest :math:`\|C_l - C_l(0)\|_F / (\|W_{l+1}\|_F^2 + \|W_l\|_F^2)` (`balance`); 0 for one
layer. Refused for networks that are not chains of matrices."""
