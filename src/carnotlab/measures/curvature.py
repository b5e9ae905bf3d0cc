"""Curvature of the loss: products with its Hessian, and its largest eigenvalue."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key

from carnotlab.core.data import Data
from carnotlab.core.keys import key_for
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State
from carnotlab.measures.bound import bind
from carnotlab.measures.lanczos import ITERATIONS, Extreme, largest_eigenvalue
from carnotlab.measures.losses import batch_loss
from carnotlab.measures.rates import rates_of, scaled

SHARPNESS = Quantity(
    "sharpness", (), "1/flow time", "largest Hessian eigenvalue of the training loss"
)
SHARPNESS_RESIDUAL = Quantity(
    "sharpness_residual", (), "1", "residual of the largest Hessian eigenvalue, relative to it"
)


def hessian_vector_product(
    loss: Callable[[Any], Float[Array, ""]], weights: Any, vector: Any
) -> Any:
    r"""Product :math:`H v` of the Hessian of ``loss`` at ``weights`` with ``vector``.

    Weights, vector and product are trees of one structure. Costs about two gradients; exact where
    the loss is twice differentiable. Source: pearlmutter1994.

    >>> loss = lambda w: w[0] ** 2 * w[1]
    >>> hessian_vector_product(loss, jnp.array([1.0, 3.0]), jnp.ones(2)).tolist()
    [8.0, 2.0]
    """
    return jax.jvp(jax.grad(loss), (weights,), (vector,))[1]


def gauss_newton_vector_product(
    outputs: Callable[[Any], Array],
    loss: Callable[[Array], Float[Array, ""]],
    weights: Any,
    vector: Any,
) -> Any:
    r"""Product :math:`J^\top H_L J v` with the Gauss–Newton part of the Hessian.

    :math:`J` is the Jacobian of ``outputs(weights)`` and :math:`H_L` the Hessian of
    ``loss(outputs)``; positive semidefinite for a convex loss. It is the whole Hessian where the
    outputs are linear in the weights or the loss is stationary in every output. Source:
    schraudolph2002.

    >>> gauss_newton_vector_product(lambda w: w**2, lambda f: 0.5 * jnp.sum(f**2),
    ...     jnp.array([1.0, 3.0]), jnp.ones(2)).tolist()
    [4.0, 36.0]
    """
    return gauss_newton_operator(outputs, loss, weights)(vector)


def gauss_newton_operator(
    outputs: Callable[[Any], Array],
    loss: Callable[[Array], Float[Array, ""]],
    weights: Any,
) -> Callable[[Any], Any]:
    r"""Return :math:`v \mapsto J^\top H_L J v` with the forward pass done once, for many products.

    See `gauss_newton_vector_product`.

    >>> times = gauss_newton_operator(lambda w: w**2, lambda f: 0.5 * jnp.sum(f**2),
    ...     jnp.array([1.0, 3.0]))
    >>> times(jnp.ones(2)).tolist(), times(jnp.array([1.0, 0.0])).tolist()
    ([4.0, 36.0], [4.0, 0.0])
    """
    predicted, push_forward = jax.linearize(outputs, weights)
    pull_back = jax.linear_transpose(push_forward, weights)

    def product(vector: Any) -> Any:
        return pull_back(hessian_vector_product(loss, predicted, push_forward(vector)))[0]

    return product


def largest_hessian_eigenvalue(
    loss: Callable[[Any], Float[Array, ""]],
    weights: Any,
    key: Key[Array, ""],
    *,
    iterations: int = ITERATIONS,
    rate_scales: tuple[float, ...] | None = None,
) -> Extreme:
    r"""Largest eigenvalue of the Hessian of ``loss``, from a random start vector of ``key``.

    With learning-rate factors :math:`r_l` of the layers it is that of
    :math:`R^{1/2} H R^{1/2}`: gradient descent at rate :math:`\eta` is stable for
    :math:`\lambda_{\max} < 2/\eta`. Unit: loss per squared weight, 1/flow time. Convergence as in
    :func:`largest_eigenvalue`; read the residual. Source: cohen2021.

    Raises:
        InputError: if there is not one rate for each layer, or ``iterations`` is below 1.

    >>> bowl = lambda w: w[0]["weight"] @ jnp.array([1.0, 4.0])
    >>> found = largest_hessian_eigenvalue(
    ...     lambda w: 0.5 * bowl(w) ** 2, ({"weight": jnp.ones(2)},), jax.random.key(0))
    >>> round(float(found.value), 4)
    17.0
    """
    roots = [rate**0.5 for rate in rates_of(weights, rate_scales)]
    flat, restore = ravel_pytree(weights)

    def product(vector: Array) -> Array:
        inner = hessian_vector_product(loss, weights, scaled(restore(vector), roots))
        return ravel_pytree(scaled(inner, roots))[0]

    start = jax.random.normal(key, flat.shape, flat.dtype)
    return largest_eigenvalue(product, start, iterations=iterations)


def sharpness(*, iterations: int = ITERATIONS, seed: int = 0) -> Measure:
    """Measure the largest Hessian eigenvalue of the training loss, without weight decay.

    With the learning-rate factors of gradient rules (`largest_hessian_eigenvalue`).

    >>> sharpness().quantity.unit
    '1/flow time'
    """
    return Measure(SHARPNESS, bind(_sharpness, iterations, seed))


def sharpness_residual(*, iterations: int = ITERATIONS, seed: int = 0) -> Measure:
    """Measure the residual of `sharpness` over its absolute value: the share that may be wrong.

    >>> sharpness_residual().quantity.unit
    '1'
    """
    return Measure(SHARPNESS_RESIDUAL, bind(_sharpness_residual, iterations, seed))


def extreme_of_state(state: State, data: Data, iterations: int, seed: int) -> Extreme:
    """Return the largest Hessian eigenvalue of the training loss at the present weights."""
    return largest_hessian_eigenvalue(
        lambda weights: batch_loss(state._replace(weights=weights), data.train),
        state.weights,
        key_for(seed, "curvature"),
        iterations=iterations,
        rate_scales=state.model.rate_scales("gradient"),
    )


def _sharpness(state: State, data: Data, iterations: int, seed: int) -> Float[Array, ""]:
    return extreme_of_state(state, data, iterations, seed).value


def _sharpness_residual(state: State, data: Data, iterations: int, seed: int) -> Float[Array, ""]:
    found = extreme_of_state(state, data, iterations, seed)
    return found.residual / jnp.abs(found.value)
