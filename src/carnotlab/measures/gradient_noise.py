"""The noise of gradients of single samples, over the gradient of all."""

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from carnotlab.core.data import Data
from carnotlab.core.errors import OutOfReachError
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State

NOISE_SCALE = Quantity(
    "gradient_noise_scale", (), "1", "trace of the gradients' covariance over |mean|², in samples"
)
BLOCK = 64


def _noise_scale(state: State, data: Data) -> Float[Array, ""]:
    if state.model.couples_samples:
        raise OutOfReachError(
            "gradients of single samples through BatchNorm",
            "samples that are mapped each by itself",
            "use GroupNorm() or LayerNorm()",
        )
    flat, restore = ravel_pytree(state.weights)

    def gradient(x: Array, y: Array) -> Float[Array, " p"]:
        return jax.grad(lambda w: state.loss(state.model.apply(restore(w), x[None]), y[None]))(flat)

    x, y = jnp.asarray(data.train.x), jnp.asarray(data.train.y)
    sums = jax.lax.map(
        lambda xy: (lambda g: (g, jnp.sum(g**2)))(gradient(*xy)),
        (x, y),
        batch_size=min(BLOCK, len(x)),
    )
    square = jnp.sum(jnp.mean(sums[0], axis=0) ** 2)
    return (jnp.mean(sums[1]) - square) / square


gradient_noise_scale = Measure(NOISE_SCALE, _noise_scale)
r"""The simple noise scale :math:`\mathrm{tr}\,\Sigma/|G|^2` on the training samples, exactly.

:math:`\langle|g_n|^2\rangle/|\langle g_n\rangle|^2 - 1` over samples drawn with replacement: the
batch size at which noise and gradient are equal. Source: mccandlish2018.
"""
