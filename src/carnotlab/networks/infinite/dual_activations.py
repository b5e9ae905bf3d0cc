r"""What an activation does to a Gaussian process.

:math:`E[\phi(u)\phi(v)]` and :math:`E[\phi'(u)\phi'(v)]` for
:math:`(u, v) \sim N(0, \begin{pmatrix} a & c \\ c & b \end{pmatrix})`. The forms are
written so that nothing cancels or divides by zero at correlations of :math:`\pm 1`, at small
variances and at a variance of zero, where :math:`\phi'` is the finite network's own.
"""

import math
from typing import assert_never

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.networks.activations import (
    Abs,
    Activation,
    Cos,
    Erf,
    Exponential,
    GaussianBell,
    Gelu,
    Hermite,
    LeakyRelu,
    Linear,
    Monomial,
    Pointwise,
    Polynomial,
    Relu,
    Sigmoid,
    Sign,
    Silu,
    Sin,
    Softplus,
    Step,
    Tanh,
    activation,
)
from carnotlab.networks.infinite import (
    error_functions,
    exponentials,
    logistic,
    piecewise_quadrature,
    polynomials,
    rectifiers,
)
from carnotlab.networks.infinite.gaussian_pair import Dual, Numbers
from carnotlab.networks.infinite.quadrature import Function, expected_product, relative_error


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
            return rectifiers.rectifier(a, b, c, 0.0, 1.0)
        case LeakyRelu(slope):
            return rectifiers.rectifier(a, b, c, slope, 1.0)
        case Abs():
            return rectifiers.rectifier(a, b, c, -1.0, 1.0)
        case Step():
            return rectifiers.step(a, b, c)
        case Sign():
            return rectifiers.sign(a, b, c)
        case Erf(scale):
            return error_functions.erf(a, b, c, scale)
        case Gelu():
            return error_functions.gelu(a, b, c)
        case Tanh():
            return _series(layer, a, b, c, order) if order else logistic.tanh(a, b, c)
        case Sigmoid():
            return _series(layer, a, b, c, order) if order else logistic.sigmoid(a, b, c)
        case Softplus():
            return _series(layer, a, b, c, order) if order else logistic.softplus(a, b, c)
        case Silu():
            return _series(layer, a, b, c, order) if order else logistic.silu(a, b, c)
        case Sin(frequency, shift):
            return exponentials.wave(a, b, c, frequency, math.sin(shift), math.cos(shift))
        case Cos(frequency):
            return exponentials.wave(a, b, c, frequency, 1.0, 0.0)
        case GaussianBell(width):
            return exponentials.bell(a, b, c, width)
        case Exponential(rate):
            return exponentials.exponential(a, b, c, rate)
        case Monomial(degree):
            return polynomials.polynomial(a, b, c, (*[0.0] * degree, 1.0))
        case Polynomial(coefficients):
            return polynomials.polynomial(a, b, c, coefficients)
        case Hermite(degree):
            return polynomials.hermite(a, b, c, degree)
        case Pointwise(function, kinks):
            if order:
                return _series(layer, a, b, c, order)
            both = _with_derivative(function)
            return piecewise_quadrature.expected_products(both, kinks, a, b, c)
        case _:
            assert_never(layer)


def series_error(layer: Activation, variance: Numbers, order: int) -> Float[Array, ""]:
    """Return the largest relative error of `dual` at these variances: 0 where it is exact.

    Bounded for series; estimated for `Pointwise` at order 0, and large there if the function has
    kinks that were not declared.

    >>> float(series_error(Relu(), jnp.ones(1), 64))
    0.0
    """
    match layer:
        case Pointwise(function, kinks) if order == 0:
            both = _with_derivative(function)
            return jnp.max(piecewise_quadrature.relative_error(both, kinks, variance))
        case Tanh() | Sigmoid() | Softplus() | Silu() | Pointwise() if order > 0:
            functions = _apart(_with_derivative(activation(layer)))
            errors = jnp.stack([relative_error(fn, variance, order) for fn in functions])
            return jnp.max(jnp.where(jnp.isfinite(errors), errors, jnp.inf))
        case _:
            return jnp.zeros(())


def _series(layer: Activation, a: Numbers, b: Numbers, c: Numbers, order: int) -> Dual:
    functions = _apart(_with_derivative(activation(layer)))
    return Dual(*(expected_product(fn, a, b, c, order) for fn in functions))


def _with_derivative(function: Function) -> piecewise_quadrature.WithDerivative:
    def both(z: Array) -> tuple[Array, Array]:
        return jax.jvp(function, (z,), (jnp.ones_like(z),))

    return both


def _apart(both: piecewise_quadrature.WithDerivative) -> tuple[Function, Function]:
    return lambda z: both(z)[0], lambda z: both(z)[1]
