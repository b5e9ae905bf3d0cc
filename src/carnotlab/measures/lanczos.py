"""The largest eigenvalue of a symmetric operator that is known by its products only."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.errors import require

ITERATIONS = 30


class Extreme(NamedTuple):
    r"""An eigenvalue from below, and the residual :math:`|Av - \theta v|` of its unit vector."""

    value: Float[Array, ""]
    residual: Float[Array, ""]


def largest_eigenvalue(
    product: Callable[[Float[Array, " p"]], Float[Array, " p"]],
    start: Float[Array, " p"],
    *,
    iterations: int = ITERATIONS,
) -> Extreme:
    r"""Largest eigenvalue of a symmetric operator known by its products, by Lanczos.

    Builds an orthonormal Krylov basis of ``min(iterations, p)`` vectors from ``start``, each
    orthogonalized twice against all others, and returns the top eigenvalue :math:`\theta` of the
    projected tridiagonal matrix with the residual of its vector.

    Beyond rounding, :math:`\theta` never exceeds the true :math:`\lambda_{\max}`, and some
    eigenvalue lies within ``residual`` of it: :math:`\lambda_{\max}`, unless ``start`` happens to
    be nearly orthogonal to the top vector. The error falls about as
    :math:`e^{-4 m \sqrt{\gamma}}` in :math:`m` iterations, where :math:`\gamma` is the gap below
    the top eigenvalue over the spread of the others. Keeps ``iterations`` vectors in memory;
    traceable. Source: golub2013.

    Raises:
        InputError: if ``iterations`` is below 1.

    >>> spectrum = jnp.array([1.0, 2.0, 5.0])
    >>> round(float(largest_eigenvalue(lambda v: spectrum * v, jnp.ones(3)).value), 4)
    5.0
    """
    require(iterations >= 1, f"iterations = {iterations}", "at least 1", "try the default")
    count = min(iterations, start.size)
    tiny = 10.0 * float(jnp.finfo(start.dtype).eps)

    def step(
        carry: tuple[Array, Array], row: Array
    ) -> tuple[tuple[Array, Array], tuple[Array, Array, Array]]:
        basis, vector = carry
        basis = basis.at[row].set(vector)
        moved = product(vector)
        rest = moved
        for _ in range(2):
            rest = rest - (basis @ rest) @ basis
        length = jnp.linalg.norm(rest)
        # The basis is exhausted: what is left is rounding, not a direction.
        ended = length <= tiny * jnp.linalg.norm(moved)
        following = jnp.where(ended, 0.0, rest / jnp.where(ended, 1.0, length))
        coupling = jnp.where(ended, 0.0, length)
        return (basis, following), (vector @ moved, coupling, jnp.any(vector != 0.0))

    basis = jnp.zeros((count, start.size), start.dtype)
    (basis, _), (diagonal, couplings, filled) = jax.lax.scan(
        step, (basis, start / jnp.linalg.norm(start)), jnp.arange(count)
    )
    # Rows after an early end must not add an eigenvalue: repeat one that is in range already.
    diagonal = jnp.where(filled, diagonal, diagonal[0])
    tridiagonal = jnp.diag(diagonal) + jnp.diag(couplings[:-1], 1) + jnp.diag(couplings[:-1], -1)
    values, vectors = jnp.linalg.eigh(tridiagonal)
    top = basis.T @ vectors[:, -1]
    return Extreme(values[-1], jnp.linalg.norm(product(top) - values[-1] * top))
