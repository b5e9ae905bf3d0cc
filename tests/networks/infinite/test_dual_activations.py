"""Closed forms and series against independent integration in two dimensions."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf, ndtr

from carnotlab.core.precision import precision
from carnotlab.networks.activations import Erf, Gelu, LeakyRelu, Linear, Relu, Sin, Tanh, activation
from carnotlab.networks.infinite.dual_activations import dual


def _density(z):
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


# Written out here, so that neither function nor derivative is the library's.
SMOOTH = {
    Linear(): (lambda z: z, np.ones_like),
    Erf(): (erf, lambda z: 2 / np.sqrt(np.pi) * np.exp(-(z**2))),
    Gelu(): (lambda z: z * ndtr(z), lambda z: ndtr(z) + z * _density(z)),
    Sin(): (np.sin, np.cos),
    Tanh(): (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
}
RECTIFIERS = {Relu(): 0.0, LeakyRelu(0.3): 0.3, LeakyRelu(-0.5): -0.5, LeakyRelu(1.5): 1.5}
VARIANCES = [(1.0, 1.0), (0.3, 2.0), (2.5, 2.5), (1e-6, 0.7)]
CORRELATIONS = [-1.0, -1 + 1e-8, -0.9, -0.3, 0.0, 0.5, 0.99, 1 - 1e-8, 1.0]
ORDER = 256

_dual = jax.jit(dual, static_argnums=(0, 4))


def _library(layer, a, b, c):
    with precision("float64"):
        result = _dual(layer, *(jnp.asarray([float(v)]) for v in (a, b, c)), ORDER)
        return float(result.value[0]), float(result.derivative[0])


def _tensor_rule(fn, a, b, c):
    """Trapezoidal rule in decorrelated variables: exponentially accurate, nothing to invert."""
    z = np.linspace(-10, 10, 321)
    w = _density(z) * (z[1] - z[0])
    u = np.sqrt(a) * z
    v = c / np.sqrt(a) * z[:, None] + np.sqrt(max(b - c**2 / a, 0.0)) * z[None, :]
    return float((w * fn(u)) @ fn(v) @ w)


def _angular(fn, a, b, c, radial):
    """Integrate a positively homogeneous function over the angle alone, kinks at the ends."""
    theta = np.arccos(np.clip(c / np.sqrt(a * b), -1, 1))

    def integrand(t):
        return fn(np.sqrt(a) * np.cos(t)) * fn(np.sqrt(b) * np.cos(t - theta))

    quarter = np.pi / 2
    kinks = {-quarter, quarter, 3 * quarter, theta - quarter, theta + quarter}
    ends = sorted({(t + quarter) % (2 * np.pi) for t in kinks} | {0.0, 2 * np.pi})
    return radial / (2 * np.pi) * sum(
        quad(integrand, low - quarter, high - quarter, epsabs=1e-13)[0]
        for low, high in pairwise(ends)
        if high - low > 1e-14
    )  # fmt: skip


@pytest.mark.parametrize("layer", SMOOTH, ids=str)
@pytest.mark.parametrize(("a", "b"), VARIANCES)
def test_smooth_activations_match_two_dimensional_quadrature(layer, a, b):
    for correlation in CORRELATIONS:
        c = correlation * np.sqrt(a * b)
        for fn, found in zip(SMOOTH[layer], _library(layer, a, b, c), strict=True):
            expected = _tensor_rule(fn, a, b, c)
            assert found == pytest.approx(expected, rel=1e-10, abs=1e-12), (correlation, fn)


@pytest.mark.parametrize("layer", RECTIFIERS, ids=str)
@pytest.mark.parametrize(("a", "b"), VARIANCES)
def test_rectifiers_match_integration_over_the_angle(layer, a, b):
    slope = RECTIFIERS[layer]

    def value(z):
        return z if z > 0 else slope * z

    def derivative(z):
        return 1.0 if z > 0 else slope

    for correlation in CORRELATIONS:
        c = correlation * np.sqrt(a * b)
        found = _library(layer, a, b, c)
        # The arc cosine in the reference turns rounding into 1e-12 beside a correlation of 1.
        tolerance = {"rel": 1e-10, "abs": 1e-11}
        assert found[0] == pytest.approx(_angular(value, a, b, c, 2.0), **tolerance)
        assert found[1] == pytest.approx(_angular(derivative, a, b, c, 1.0), **tolerance)


@pytest.mark.parametrize("layer", [*SMOOTH, *RECTIFIERS], ids=str)
def test_derivative_kernel_is_the_slope_in_the_covariance(layer):
    # d/dc E[φφ] = E[φ'φ']: a path that knows no derivative of φ. Five-point stencil, O(h⁴).
    a, b, h = 1.3, 0.8, 1e-3
    for c in (-0.7, 0.0, 0.4, 0.9):
        low2, low, high, high2 = (_library(layer, a, b, c + k * h)[0] for k in (-2, -1, 1, 2))
        slope = (low2 - 8 * low + 8 * high - high2) / (12 * h)
        assert _library(layer, a, b, c)[1] == pytest.approx(slope, abs=2e-9)


@pytest.mark.parametrize("layer", [*SMOOTH, *RECTIFIERS], ids=str)
def test_zero_variance_is_the_activation_at_zero(layer):
    with precision("float64"):
        fn = activation(layer)
        at_zero = float(fn(jnp.asarray(0.0)))
        slope = float(jax.grad(fn)(jnp.asarray(0.0)))  # what a finite network propagates
    both = _library(layer, 0.0, 0.0, 0.0)
    assert both == pytest.approx((at_zero**2, slope**2), abs=1e-12)
    one = _library(layer, 0.0, 1.0, 0.0)
    mean_slope = _tensor_rule_mean(layer)
    assert one == pytest.approx((0.0, slope * mean_slope), abs=1e-12)


def _tensor_rule_mean(layer):
    if layer in RECTIFIERS:
        return (1 + RECTIFIERS[layer]) / 2
    z = np.linspace(-10, 10, 321)
    return float(_density(z) @ SMOOTH[layer][1](z)) * (z[1] - z[0])


@pytest.mark.parametrize("layer", [Erf(), Gelu(), Sin(), *RECTIFIERS], ids=str)
@pytest.mark.parametrize("variance", [1e-12, 1e4])
def test_closed_forms_keep_their_digits_at_extreme_variances(layer, variance):
    # Small: φ(z) = φ'(0) z (rectifiers: their exact value); large: bounded, nothing overflows.
    c = 0.3 * variance
    value, derivative = _library(layer, variance, variance, c)
    assert np.isfinite([value, derivative]).all()
    if layer in RECTIFIERS:
        unit = _library(layer, 1.0, 1.0, 0.3)
        assert (value / variance, derivative) == pytest.approx(unit, rel=1e-12)
    elif variance < 1:
        slope = {Erf: 2 / np.sqrt(np.pi), Gelu: 0.5, Sin: 1.0}[type(layer)]
        assert value == pytest.approx(slope**2 * c, rel=1e-10)
