"""The noise of gradients of single samples, over the gradient of all."""

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State
from carnotlab.measures.sums_over_samples import summed_over_samples

NOISE_SCALE = Quantity(
    "gradient_noise_scale", (), "1", "trace of the gradients' covariance over |mean|², in samples"
)


def _noise_scale(state: State, data: Data) -> Float[Array, ""]:
    flat, restore = ravel_pytree(state.weights)

    def gradient(x: Array, y: Array) -> tuple[Float[Array, " p"], Float[Array, ""]]:
        own = jax.grad(lambda w: state.loss(state.model.apply(restore(w), x[None]), y[None]))(flat)
        return own, jnp.sum(own**2)

    x, y = jnp.asarray(data.train.x), jnp.asarray(data.train.y)
    total, squares = summed_over_samples(gradient, x, y)
    square = jnp.sum((total / len(x)) ** 2)
    return (squares / len(x) - square) / square


gradient_noise_scale = Measure(NOISE_SCALE, _noise_scale)
r"""The simple noise scale :math:`\mathrm{tr}\,\Sigma/|G|^2` on the training samples, exactly.

:math:`\langle|g_n|^2\rangle/|\langle g_n\rangle|^2 - 1` over samples drawn with replacement: the
batch size at which noise and gradient are equal. Source: mccandlish2018.
"""
