r"""What an activation does to a Gaussian process.

:math:`E[\phi(u)\phi(v)]` and :math:`E[\phi'(u)\phi'(v)]` for
:math:`(u, v) \sim N(0, \begin{pmatrix} a & c \\ c & b \end{pmatrix})`. The forms are
written so that nothing cancels or divides by zero at correlations of :math:`\pm 1`, at small
variances and at a variance of zero, where :math:`\phi'` is the finite network's own.
"""

from typing import NamedTuple, TypeAlias, assert_never

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.networks.activations import (
    Activation,
    Erf,
    Gelu,
    LeakyRelu,
    Linear,
    Relu,
    Sin,
    Tanh,
    activation,
)
from carnotlab.networks.infinite.quadrature import Function, expected_product, relative_error
from carnotlab.networks.infinite.tanh import mixture

Numbers: TypeAlias = Float[Array, "*#shape"]

ROUNDING = 32 * 2.0**-52
"""Distance of a correlation from ±1 that inner products of equal samples show in float64."""


class Dual(NamedTuple):
    r"""``value`` is :math:`E[\phi(u)\phi(v)]`, ``derivative`` :math:`E[\phi'(u)\phi'(v)]`."""

    value: Numbers
    derivative: Numbers


def dual(layer: Activation, a: Numbers, b: Numbers, c: Numbers, order: int) -> Dual:
    """Return both expectations; ``a`` and ``b`` broadcast against ``c``.

    ``order`` is the number of terms of the Hermite series, for activations without closed form;
    0 takes what is slower and good at any variance.

    >>> one = jnp.ones(1)
    >>> float(dual(Relu(), one, one, one, 0).value[0])
    0.5
    """
    match layer:
        case Linear():
            return Dual(c, jnp.ones_like(c))
        case Relu():
            return _rectifier(a, b, c, 0.0)
        case LeakyRelu(slope):
            return _rectifier(a, b, c, slope)
        case Erf():
            return _erf(a, b, c)
        case Gelu():
            return _gelu(a, b, c)
        case Sin():
            return _sin(a, b, c)
        case Tanh():
            if order == 0:
                return Dual(*mixture(a, b, c))
            return Dual(*(expected_product(fn, a, b, c, order) for fn in _with_derivative(layer)))
        case _:
            assert_never(layer)


def series_error(layer: Activation, variance: Numbers, order: int) -> Float[Array, ""]:
    """Return the largest relative error of the series at these variances: 0 without a series."""
    match layer:
        case Linear() | Relu() | LeakyRelu() | Erf() | Gelu() | Sin():
            return jnp.zeros(())
        case Tanh():
            if order == 0:
                return jnp.zeros(())
            errors = [relative_error(fn, variance, order) for fn in _with_derivative(layer)]
            return jnp.max(jnp.stack(errors))
        case _:
            assert_never(layer)


def _with_derivative(layer: Activation) -> tuple[Function, Function]:
    fn = activation(layer)

    def derivative(z: Array) -> Array:
        return jax.jvp(fn, (z,), (jnp.ones_like(z),))[1]

    return fn, derivative


def _rest(a: Numbers, b: Numbers, c: Numbers) -> Numbers:
    """Return the determinant ab - c², zero where the correlation is ±1 up to rounding.

    The square root of rounding errors is not small; without this, duplicated samples would differ
    by 1e-8 in a rectifier's kernel.
    """
    spread = jnp.sqrt(a) * jnp.sqrt(b)
    size = jnp.abs(c)
    return jnp.where(spread - size > ROUNDING * spread, (spread - size) * (spread + size), 0.0)


def _rectifier(a: Numbers, b: Numbers, c: Numbers, slope: float) -> Dual:
    r"""Arc-cosine kernels; :math:`\phi = s z + (1 - s) \max(z, 0)`. Source: cho2009.

    With :math:`q = \sqrt{ab - c^2}` and :math:`\theta = \arccos\rho = \mathrm{atan2}(q, c)`,
    :math:`E[\max(u,0)\max(v,0)] = (q + (\pi - \theta)c)/2\pi` and
    :math:`P(u > 0, v > 0) = (\pi - \theta)/2\pi`. Where a variance is zero, so is :math:`u`, and
    :math:`\phi'(0) = s`, as automatic differentiation has it.
    """
    q = jnp.sqrt(_rest(a, b, c))
    quadrant = 0.5 - jnp.arctan2(q, c) / (2 * jnp.pi)
    value = slope * c + (1 - slope) ** 2 * (q / (2 * jnp.pi) + quadrant * c)
    u, v = jnp.where(a > 0, 1.0, 0.0), jnp.where(b > 0, 1.0, 0.0)
    derivative = slope**2 + slope * (1 - slope) * (u + v) / 2 + (1 - slope) ** 2 * quadrant * u * v
    return Dual(value, derivative)


def _erf(a: Numbers, b: Numbers, c: Numbers) -> Dual:
    r"""Arc-sine kernel, :math:`\frac{2}{\pi}\arcsin\frac{2c}{\sqrt{(1+2a)(1+2b)}}`.

    The derivative's is :math:`4 / (\pi\sqrt D)` with :math:`D = (1+2a)(1+2b) - 4c^2`, the
    determinant of :math:`1 + 2\Sigma`. Source: williams1996.
    """
    root = jnp.sqrt(1 + 2 * a + 2 * b + 4 * _rest(a, b, c))
    return Dual((2 / jnp.pi) * jnp.arctan2(2 * c, root), (4 / jnp.pi) / root)


def _gelu(a: Numbers, b: Numbers, c: Numbers) -> Dual:
    r"""Closed form for :math:`\phi(z) = z\Phi(z)`, by integrating by parts.

    With :math:`D = (1+a)(1+b) - c^2`, :math:`M = E[n(u)n(v)] = 1/(2\pi\sqrt D)` (:math:`n` the
    normal density), :math:`P = E[\Phi(u)\Phi(v)] = \frac14 + \mathrm{atan2}(c, \sqrt D)/2\pi`,
    Stein's lemma :math:`E[u g] = a E[\partial_u g] + c E[\partial_v g]` gives
    :math:`E[v\,\Phi(u) n(v)] = cM/(1+b)` and :math:`E[v\, n(u)\Phi(v)] = (b - c^2/(1+a))M`, hence

    .. math::
        E[\phi\phi] = cP + M\,(ab + (s - 1)c^2), \qquad s = \tfrac{1}{1+a} + \tfrac{1}{1+b}.

    Its derivative with respect to :math:`c` is :math:`E[\phi'\phi']`.
    """
    determinant = 1 + a + b + _rest(a, b, c)
    root = jnp.sqrt(determinant)
    m = 1 / (2 * jnp.pi * root)
    p = 0.25 + jnp.arctan2(c, root) / (2 * jnp.pi)
    s = 1 / (1 + a) + 1 / (1 + b)
    square = a * b + (s - 1) * c**2
    return Dual(c * p + m * square, p + c * m * (2 * s - 1 + square / determinant))


def _sin(a: Numbers, b: Numbers, c: Numbers) -> Dual:
    r""":math:`e^{-(a+b)/2}\sinh c` and :math:`e^{-(a+b)/2}\cosh c`, without overflow."""
    size = jnp.abs(c)
    near = 0.5 * jnp.exp(size - (a + b) / 2)
    ratio = jnp.expm1(-2 * size)
    return Dual(-jnp.sign(c) * near * ratio, near * (2 + ratio))
