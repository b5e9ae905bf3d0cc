"""The eigenvalue of largest size of a symmetric operator, by repeated multiplication."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.errors import require
from carnotlab.measures.lanczos import Extreme


def dominant_eigenvalue(
    product: Callable[[Float[Array, " p"]], Float[Array, " p"]],
    start: Float[Array, " p"],
    *,
    iterations: int = 100,
) -> Extreme:
    r"""Eigenvalue of largest absolute value of a symmetric operator known by its products.

    Keeps two vectors. The error falls as :math:`|\lambda_2/\lambda_1|^{2t}`, far more slowly than
    that of `largest_eigenvalue`, and where the two largest have opposite signs and equal size not
    at all: read the residual, within which some eigenvalue lies. An indefinite Hessian may have
    its dominant eigenvalue at the negative end. Source: golub2013.

    Raises:
        InputError: if ``iterations`` is below 1.

    >>> spectrum = jnp.array([1.0, 2.0, -5.0])
    >>> round(float(dominant_eigenvalue(lambda v: spectrum * v, jnp.ones(3)).value), 4)
    -5.0
    """
    require(iterations >= 1, f"iterations = {iterations}", "at least 1", "try the default")

    def step(_: int, vector: Array) -> Array:
        moved = product(vector)
        length = jnp.linalg.norm(moved)
        # A vector that the operator takes to zero is an eigenvector already.
        return jnp.where(length > 0.0, moved / jnp.where(length > 0.0, length, 1.0), vector)

    unit = jax.lax.fori_loop(0, iterations, step, start / jnp.linalg.norm(start))
    moved = product(unit)
    value = unit @ moved
    return Extreme(value, jnp.linalg.norm(moved - value * unit))
