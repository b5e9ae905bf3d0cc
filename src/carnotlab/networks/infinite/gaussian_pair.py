"""What all Gaussian expectations start from: two correlated variables, and two results."""

from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float

Numbers: TypeAlias = Float[Array, "*#shape"]

ROUNDING = 32
"""Distance of a correlation from ±1 that inner products of equal samples show, in rounding units:
1e-14 in float64."""


class Dual(NamedTuple):
    r"""``value`` is :math:`E[\phi(u)\phi(v)]`, ``derivative`` :math:`E[\phi'(u)\phi'(v)]`."""

    value: Numbers
    derivative: Numbers


def determinant(a: Numbers, b: Numbers, c: Numbers) -> Numbers:
    """Return ab - c², zero where the correlation is ±1 up to rounding.

    The square root of rounding errors is not small; without this, duplicated samples would differ
    by 1e-8 in a rectifier's kernel.

    >>> float(determinant(jnp.ones(()), jnp.ones(()), jnp.asarray(0.5)))
    0.75
    """
    spread = jnp.sqrt(a) * jnp.sqrt(b)
    size = jnp.abs(c)
    tolerance = ROUNDING * float(jnp.finfo(c.dtype).eps) * spread
    return jnp.where(spread - size > tolerance, (spread - size) * (spread + size), 0.0)
