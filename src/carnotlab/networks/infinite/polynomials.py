r"""Kernels of polynomials: finite sums, exact at any variances.

Expanded in Hermite polynomials of :math:`z = u/\sqrt a`, a polynomial has coefficients
:math:`a^{k/2} g_k(a)` with polynomials :math:`g_k`, and Mehler's formula
:math:`E[He_k(z)He_l(z')] = k!\,\delta_{kl}\,\rho^k` gives

.. math::
    E[\phi(u)\phi(v)] = \sum_k g_k(a)\, g_k(b)\, c^k, \qquad
    E[\phi'(u)\phi'(v)] = \sum_k k\, g_k(a)\, g_k(b)\, c^{k-1}:

no correlation, hence nothing to divide by where a variance is zero.
"""

from collections.abc import Sequence
from math import comb, factorial, sqrt
from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array

from carnotlab.networks.infinite.gaussian_pair import Dual, Numbers

Expansion: TypeAlias = tuple[tuple[float, ...], ...]
"""Row k holds the coefficients of the polynomial :math:`g_k`, the constant first."""


def polynomial(a: Numbers, b: Numbers, c: Numbers, coefficients: Sequence[float]) -> Dual:
    r"""Return the kernels of :math:`\sum_m p_m z^m`.

    :math:`z^m = \sum_j \frac{m!}{2^j j! (m-2j)!} He_{m-2j}(z)` gives
    :math:`g_k(a) = \sum_j p_{k+2j} \frac{(k+2j)!}{2^j j! \sqrt{k!}} a^j`.

    >>> one = jnp.ones(1)
    >>> float(polynomial(one, one, 0.5 * one, (0.0, 0.0, 1.0)).value[0])  # ab + 2c²
    1.5
    """
    degree = len(coefficients) - 1
    rows = tuple(
        tuple(
            coefficients[k + 2 * j] * (factorial(k + 2 * j) // (2**j * factorial(j)) / _root(k))
            for j in range((degree - k) // 2 + 1)
        )
        for k in range(degree + 1)
    )
    return _sums(rows, a, b, c)


def hermite(a: Numbers, b: Numbers, c: Numbers, degree: int) -> Dual:
    r"""Return the kernels of :math:`He_n(z) / \sqrt{n!}`: :math:`c^n`, at variances of 1.

    By the multiplication theorem, :math:`g_{n-2i}(a) = \frac{(a-1)^i}{2^i i!}\sqrt{n!/(n-2i)!}`,
    where the coefficients of :math:`He_n` would cancel.

    >>> one = jnp.ones(1)
    >>> float(hermite(one, one, 0.5 * one, 3).value[0])
    0.125
    """
    rows: list[tuple[float, ...]] = [()] * (degree + 1)
    for i in range(degree // 2 + 1):
        k = degree - 2 * i
        ratio = comb(degree, k) * factorial(degree - k)
        rows[k] = (*[0.0] * i, sqrt(ratio) / (2**i * factorial(i)))
    return _sums(tuple(rows), a - 1, b - 1, c)


def _sums(rows: Expansion, x: Numbers, y: Numbers, c: Numbers) -> Dual:
    """Sum both series by Horner's rule, which gives the slope on the way."""
    value, slope = jnp.zeros_like(c), jnp.zeros_like(c)
    for row in reversed(rows):
        slope = slope * c + value
        value = value * c + _at(row, x) * _at(row, y)
    return Dual(value, slope)


def _at(row: tuple[float, ...], x: Numbers) -> Array:
    total = jnp.zeros_like(x)
    for coefficient in reversed(row):
        total = total * x + coefficient
    return total


def _root(k: int) -> float:
    return sqrt(factorial(k))
