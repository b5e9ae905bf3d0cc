r"""Gaussian expectations of products, for any elementwise function, by Hermite series.

For :math:`(u, v) \sim N(0, \begin{pmatrix} a & c \\ c & b \end{pmatrix})` and
:math:`\rho = c / \sqrt{ab}`, Mehler's formula turns the two-dimensional integral into a power
series whose coefficients are one-dimensional integrals:

.. math::
    E[f(u) f(v)] = \sum_k h_k(a)\, h_k(b)\, \rho^k, \qquad
    h_k(a) = E[f(\sqrt a z)\, He_k(z)] / \sqrt{k!}, \quad z \sim N(0, 1).

Its cost for a pair is one multiplication an order, where a product rule would need the square of
its nodes. Nothing degenerates at :math:`\rho = \pm 1`, and the truncated series is still a positive
semidefinite kernel. The coefficients come from the trapezoidal rule, which converges
exponentially for analytic integrands with Gaussian tails, faster than Gauss–Hermite nodes do.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Function: TypeAlias = Callable[[Array], Array]

REACH = 13.0
"""Nodes end where the weight, even times the largest polynomial used, is below 1e-16."""


class Rule(NamedTuple):
    """Nodes of a quadrature and the Hermite functions on them, weights included."""

    nodes: Float[np.ndarray, " nodes"]
    weights: Float[np.ndarray, " nodes"]
    basis: Float[np.ndarray, "order nodes"]


@cache
def rule(order: int) -> Rule:
    r"""Return nodes, weights and :math:`w_j\, He_k(z_j) / \sqrt{k!}` for :math:`k` < ``order``.

    >>> basis = rule(8).basis
    >>> bool(np.allclose(basis @ rule(8).nodes, np.eye(8)[1]))
    True
    """
    count = 2 * order + 129
    nodes = np.linspace(-REACH, REACH, count)
    weights = np.exp(-(nodes**2) / 2) * (nodes[1] - nodes[0]) / np.sqrt(2 * np.pi)
    basis = np.empty((order, count))
    basis[0] = weights
    if order > 1:
        basis[1] = nodes * weights
    for k in range(1, order - 1):
        basis[k + 1] = (nodes * basis[k] - np.sqrt(k) * basis[k - 1]) / np.sqrt(k + 1)
    return Rule(nodes, weights, basis)


def coefficients(
    fn: Function, variance: Float[Array, "*shape"], order: int
) -> Float[Array, "*shape order"]:
    r"""Return :math:`h_k(a)` for :math:`k` < ``order`` at each variance :math:`a`."""
    nodes, _, basis = (jnp.asarray(part, variance.dtype) for part in rule(order))
    values = fn(jnp.sqrt(variance)[..., None] * nodes)
    return values @ basis.T


def expected_product(
    fn: Function,
    a: Float[Array, "*#shape"],
    b: Float[Array, "*#shape"],
    c: Float[Array, "*shape"],
    order: int,
) -> Float[Array, "*shape"]:
    r"""Return :math:`E[f(u) f(v)]` by ``order`` terms; ``a`` and ``b`` broadcast against ``c``.

    A variance of zero is a constant, without a division by it.

    >>> one = jnp.ones(1)
    >>> float(jnp.round(expected_product(lambda z: z**2, one, one, 0.5 * one, 4)[0], 6))
    1.5
    """
    spread = jnp.sqrt(a) * jnp.sqrt(b)
    correlation = jnp.where(spread > 0, c / jnp.where(spread > 0, spread, 1.0), 0.0)
    correlation = jnp.clip(correlation, -1.0, 1.0)
    left, right = (jnp.moveaxis(coefficients(fn, v, order), -1, 0) for v in (a, b))

    def horner(total: Array, term: tuple[Array, Array]) -> tuple[Array, None]:
        return total * correlation + term[0] * term[1], None

    total, _ = jax.lax.scan(horner, jnp.zeros_like(correlation), (left, right), reverse=True)
    return total


def relative_error(
    fn: Function, variance: Float[Array, "*shape"], order: int
) -> Float[Array, "*shape"]:
    r"""Bound the error of `expected_product` at equal variances, relative to :math:`E[f^2]`.

    The truncated tail is largest at :math:`\rho = \pm 1`, where by Parseval it is
    :math:`E[f^2] - \sum_{k} h_k^2`. To this is added how much the :math:`h_k^2` change when every
    other node is left out, which is more than their own error. For unequal variances the larger
    bound holds, relative to the root of both :math:`E[f^2]`.

    >>> float(relative_error(lambda z: z**2, jnp.ones(1), 4)[0]) < 1e-5
    True
    """
    nodes, weights, basis = (jnp.asarray(part, variance.dtype) for part in rule(order))
    values = fn(jnp.sqrt(variance)[..., None] * nodes)
    square = values**2 @ weights
    fine = (values @ basis.T) ** 2
    coarse = (values[..., ::2] @ (2 * basis[:, ::2]).T) ** 2
    error = jnp.abs(square - jnp.sum(fine, axis=-1)) + jnp.sum(jnp.abs(fine - coarse), axis=-1)
    # Not where the square is above zero: what is no number must not pass for exact.
    return jnp.where(square == 0, 0.0, error / jnp.where(square == 0, 1.0, square))
