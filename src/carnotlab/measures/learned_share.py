"""How much of what can be learned is learned: the training loss below that of a constant."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State
from carnotlab.measures.losses import batch_loss

LEARNED_SHARE = Quantity(
    "learned_share",
    (),
    "fraction",
    "training loss below that of the targets' mean, relative to it; at least 0",
)


def share_of_loss(state: State, data: Data) -> Float[Array, ""]:
    r"""Return :math:`\max(0, 1 - L / L_0)`, :math:`L_0` the loss of the constant mean of targets.

    0 for a network that tells no inputs apart, 1 for one that fits all of them; 0 where the loss
    is no number, since a diverged network has learned nothing.
    """
    targets = jnp.asarray(data.train.y)
    constant = jnp.broadcast_to(jnp.mean(targets, axis=0), targets.shape)
    ratio = batch_loss(state, data.train) / state.loss(constant, targets)
    return jnp.where(jnp.isfinite(ratio), jnp.clip(1.0 - ratio, 0.0, 1.0), 0.0)


learned_share = Measure(LEARNED_SHARE, share_of_loss)
"""Share of the training loss of a constant that is learned away (`share_of_loss`)."""
