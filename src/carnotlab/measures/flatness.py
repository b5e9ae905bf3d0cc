"""Flatness that does not depend on how a network's weights are scaled."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key

from carnotlab.measures.curvature import gauss_newton_vector_product, hessian_vector_product
from carnotlab.measures.lanczos import ITERATIONS, Extreme, largest_eigenvalue


def relative_sharpness(
    loss: Callable[[Any], Float[Array, ""]],
    weights: Any,
    key: Key[Array, ""],
    *,
    iterations: int = ITERATIONS,
) -> Extreme:
    r"""Largest eigenvalue of :math:`|W| H |W|`, W the diagonal of the weights, by Lanczos.

    Curvature by relative changes of every weight: unchanged by any scaling of weights that leaves
    the function alone, of layers or of single units. A weight at zero counts as fixed. Unit: loss.
    Source: kwon2021 (to second order).

    >>> tilted = lambda w: 0.5 * w[0] ** 2 * w[1] ** 2
    >>> one, other = (relative_sharpness(tilted, jnp.array(w), jax.random.key(0)).value
    ...     for w in ([1.0, 1.0], [8.0, 0.125]))
    >>> round(float(one), 4) == round(float(other), 4) == 3.0
    True
    """
    flat, restore = ravel_pytree(weights)
    size = jnp.abs(flat)

    def product(vector: Array) -> Array:
        moved = hessian_vector_product(loss, weights, restore(size * vector))
        return size * ravel_pytree(moved)[0]

    start = jax.random.normal(key, flat.shape, flat.dtype)
    return largest_eigenvalue(product, start, iterations=iterations)


def gauss_newton_norm(
    outputs: Callable[[Any], Array], loss: Callable[[Array], Float[Array, ""]], weights: Any
) -> Float[Array, ""]:
    r"""Return :math:`w^\top G w`, G the Gauss–Newton matrix: the Fisher–Rao norm, squared.

    For cross-entropy G is the Fisher matrix. In a homogeneous network of D layers without biases
    :math:`Jw = D f`, so it is :math:`D^2 f^\top H_L f`: a function of the outputs alone, which no
    reparameterization can change. Source: liang2019.

    >>> float(gauss_newton_norm(lambda w: w[0] * w[1:], lambda f: 0.5 * jnp.sum(f**2),
    ...     jnp.array([2.0, 3.0])))
    144.0
    """
    moved = gauss_newton_vector_product(outputs, loss, weights, weights)
    return ravel_pytree(weights)[0] @ ravel_pytree(moved)[0]
