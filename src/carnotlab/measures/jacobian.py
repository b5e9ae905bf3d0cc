"""The input-output Jacobian: by how much directions of the input are stretched or squeezed."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import Data, RealArray
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State
from carnotlab.measures.bound import bind

JACOBIAN_MEAN = Quantity(
    "jacobian_mean", (), "1", "mean squared singular value of the input-output Jacobian"
)
JACOBIAN_SPREAD = Quantity(
    "jacobian_spread",
    (),
    "1",
    "variance of squared singular values of the Jacobian over the square of their mean",
)
JACOBIAN_SINGULAR_VALUES = Quantity(
    "jacobian_singular_values",
    ("singular_value",),
    "1",
    "singular values of the input-output Jacobian, largest first",
)


class Moments(NamedTuple):
    """Mean and relative variance of squared singular values."""

    mean: Array
    spread: Array


def jacobian_mean_at(x: RealArray) -> Measure:
    r"""Measure :math:`\operatorname{tr} J J^\top / N` at one input ``x: [inputs]``.

    N is the smaller of the numbers of inputs and outputs. Source: pennington2017.

    >>> jacobian_mean_at(jnp.ones(3)).quantity.name
    'jacobian_mean'
    """
    return Measure(JACOBIAN_MEAN, bind(mean_squared_singular_value, x))


def jacobian_spread_at(x: RealArray) -> Measure:
    r"""Measure :math:`m_2 / m_1^2 - 1`, with :math:`m_k = \operatorname{tr}(J J^\top)^k / N`.

    0 if and only if all singular values are equal: dynamical isometry. Source: pennington2017.

    >>> jacobian_spread_at(jnp.ones(3)).quantity.name
    'jacobian_spread'
    """
    return Measure(JACOBIAN_SPREAD, bind(spread_of_singular_values, x))


def jacobian_singular_values_at(x: RealArray) -> Measure:
    """Measure all singular values of the Jacobian at one input, largest first.

    >>> jacobian_singular_values_at(jnp.ones(3)).quantity.dims
    ('singular_value',)
    """
    return Measure(JACOBIAN_SINGULAR_VALUES, bind(singular_values_of_jacobian, x))


def jacobian(state: State, x: RealArray) -> Float[Array, "outputs inputs"]:
    """Return the derivatives of all outputs by all entries of one input."""
    at = jnp.asarray(x)
    return jax.jacrev(lambda one: state.model.apply(state.weights, one[None])[0])(at)


def mean_squared_singular_value(state: State, data: Data, x: RealArray) -> Float[Array, ""]:
    """Return the mean squared singular value at one input."""
    del data
    return _moments(jacobian(state, x)).mean


def spread_of_singular_values(state: State, data: Data, x: RealArray) -> Float[Array, ""]:
    """Return the relative variance of squared singular values at one input."""
    del data
    return _moments(jacobian(state, x)).spread


def singular_values_of_jacobian(
    state: State, data: Data, x: RealArray
) -> Float[Array, " singular_value"]:
    """Return the singular values at one input, largest first."""
    del data
    return jnp.linalg.svd(jacobian(state, x), compute_uv=False)


def _moments(matrix: Float[Array, "outputs inputs"]) -> Moments:
    rows, columns = matrix.shape
    # Products of the smaller size hold all singular values that are not zero by shape.
    gram = matrix @ matrix.T if rows <= columns else matrix.T @ matrix
    size = min(rows, columns)
    first = jnp.trace(gram) / size
    return Moments(first, jnp.sum(gram**2) / size / first**2 - 1.0)
