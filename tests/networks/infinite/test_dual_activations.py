"""Closed forms and series against independent integration in two dimensions."""

from itertools import pairwise
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf, expit, ndtr

from carnotlab.core.precision import precision
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
from carnotlab.networks.infinite.dual_activations import dual, series_error


def _density(z):
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def _bell_product(z):
    return z * jnp.exp(-(z**2) / 2)


# Written out here, so that neither function nor derivative is the library's.
SMOOTH = {
    Linear(): (lambda z: z, np.ones_like),
    Erf(): (erf, lambda z: 2 / np.sqrt(np.pi) * np.exp(-(z**2))),
    Erf(0.6): (lambda z: erf(0.6 * z), lambda z: 1.2 / np.sqrt(np.pi) * np.exp(-0.36 * z**2)),
    Gelu(): (lambda z: z * ndtr(z), lambda z: ndtr(z) + z * _density(z)),
    Tanh(): (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    Sigmoid(): (expit, lambda z: expit(z) * expit(-z)),
    Softplus(): (lambda z: np.logaddexp(z, 0), expit),
    Silu(): (lambda z: z * expit(z), lambda z: expit(z) * (1 + z * expit(-z))),
    Sin(): (np.sin, np.cos),
    Sin(1.7, 0.4): (lambda z: np.sin(1.7 * z + 0.4), lambda z: 1.7 * np.cos(1.7 * z + 0.4)),
    Cos(): (np.cos, lambda z: -np.sin(z)),
    Cos(0.6): (lambda z: np.cos(0.6 * z), lambda z: -0.6 * np.sin(0.6 * z)),
    GaussianBell(): (lambda z: np.exp(-(z**2)), lambda z: -2 * z * np.exp(-(z**2))),
    GaussianBell(2.0): (lambda z: np.exp(-(z**2) / 4), lambda z: -z / 2 * np.exp(-(z**2) / 4)),
    Exponential(): (np.exp, np.exp),
    Exponential(-0.4): (lambda z: np.exp(-0.4 * z), lambda z: -0.4 * np.exp(-0.4 * z)),
    Monomial(3): (lambda z: z**3, lambda z: 3 * z**2),
    Polynomial((0.5, -1.0, 0.0, 0.2)): (
        lambda z: 0.5 - z + 0.2 * z**3,
        lambda z: -1 + 0.6 * z**2,
    ),
    Hermite(2): (lambda z: (z**2 - 1) / np.sqrt(2), lambda z: np.sqrt(2) * z),
    Pointwise(_bell_product): (
        lambda z: z * np.exp(-(z**2) / 2),
        lambda z: (1 - z**2) * np.exp(-(z**2) / 2),
    ),
}
SLOPES = {
    Relu(): (0.0, 1.0),
    LeakyRelu(0.3): (0.3, 1.0),
    LeakyRelu(-0.5): (-0.5, 1.0),
    LeakyRelu(1.5): (1.5, 1.0),
    Abs(): (-1.0, 1.0),
}
JUMPS = {Step(): (0.0, 1.0), Sign(): (-1.0, 1.0)}  # levels left and right
ALL = [*SMOOTH, *SLOPES, *JUMPS]
WITH_SERIES = [Tanh(), Sigmoid(), Softplus(), Silu(), Pointwise(_bell_product)]

VARIANCES = [(1.0, 1.0), (0.3, 2.0), (2.5, 2.5), (1e-6, 0.7)]
CORRELATIONS = np.array([-1.0, -1 + 1e-8, -0.9, -0.3, 0.0, 0.5, 0.99, 1 - 1e-8, 1.0])
ORDER = 256

_dual = jax.jit(dual, static_argnums=(0, 4))


def _library(layer, a, b, c, order=ORDER, kind="float64"):
    """Evaluate at any shape, padded to one, so that every layer is compiled once."""
    with precision(kind):
        flat = [np.resize(np.broadcast_to(v, np.shape(c)), 36) for v in (a, b, c)]
        found = _dual(layer, *(jnp.asarray(v, dtype=kind) for v in flat), order)
        return [np.asarray(part)[: np.size(c)].reshape(np.shape(c)) for part in found]


def _tensor_rule(fn, a, b, c):
    """Trapezoidal rule in decorrelated variables: exponentially accurate, nothing to invert."""
    z = np.linspace(-13, 13, 417)
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


def _grid():
    return [np.ravel(part) for part in np.broadcast_arrays(
        np.array(VARIANCES)[:, :1], np.array(VARIANCES)[:, 1:],
        CORRELATIONS * np.sqrt(np.prod(VARIANCES, axis=1))[:, None],
    )]  # fmt: skip


def test_no_activation_is_left_out():
    assert {type(layer) for layer in ALL} == set(get_args(Activation))


@pytest.mark.parametrize(
    ("layer", "order"),
    [*((layer, ORDER) for layer in SMOOTH), *((layer, 0) for layer in WITH_SERIES)],
    ids=str,
)
def test_smooth_activations_match_two_dimensional_quadrature(layer, order):
    a, b, c = _grid()
    for fn, found in zip(SMOOTH[layer], _library(layer, a, b, c, order), strict=True):
        expected = np.array([_tensor_rule(fn, *place) for place in zip(a, b, c, strict=True)])
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=2e-11 if order == 0 else 1e-12)


@pytest.mark.parametrize("layer", SLOPES, ids=str)
def test_rectifiers_match_integration_over_the_angle(layer):
    negative, positive = SLOPES[layer]

    def value(z):
        return positive * z if z > 0 else negative * z

    def derivative(z):
        return positive if z > 0 else negative

    _compare_over_the_angle(layer, (value, 2.0), (derivative, 1.0))


@pytest.mark.parametrize("layer", JUMPS, ids=str)
def test_jumps_match_integration_over_the_angle(layer):
    left, right = JUMPS[layer]
    _compare_over_the_angle(layer, (lambda z: right if z > 0 else left, 1.0), (lambda _: 0.0, 1.0))


def _compare_over_the_angle(layer, *functions):
    a, b, c = _grid()
    for (fn, radial), found in zip(functions, _library(layer, a, b, c), strict=True):
        expected = [_angular(fn, *place, radial) for place in zip(a, b, c, strict=True)]
        # The arc cosine in the reference turns rounding into 1e-12 beside a correlation of 1.
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("layer", [layer for layer in ALL if layer not in JUMPS], ids=str)
def test_derivative_kernel_is_the_slope_in_the_covariance(layer):
    # d/dc E[φφ] = E[φ'φ']: a path that knows no derivative of φ. Five-point stencil, O(h⁴).
    a, b, h = 1.3, 0.8, 1e-3
    c = np.array([-0.7, 0.0, 0.4, 0.9])
    low2, low, high, high2 = (_library(layer, a, b, c + k * h)[0] for k in (-2, -1, 1, 2))
    slope = (low2 - 8 * low + 8 * high - high2) / (12 * h)
    # h⁴/30 times the fifth derivative, 3e-14 times up to 1e4 for the steepest, below rounding / h.
    np.testing.assert_allclose(_library(layer, a, b, c)[1], slope, rtol=2e-9, atol=2e-9)


@pytest.mark.parametrize("layer", ALL, ids=str)
def test_zero_variance_is_the_activation_at_zero(layer):
    with precision("float64"):
        fn = activation(layer)
        at_zero = float(fn(jnp.asarray(0.0)))
        slope = float(jax.grad(fn)(jnp.asarray(0.0)))  # what a finite network propagates
    mean, mean_slope = _means(layer)
    for order in (ORDER, 0):
        value, derivative = _library(layer, [0.0, 0.0], [0.0, 1.0], np.zeros(2), order)
        assert value == pytest.approx([at_zero**2, at_zero * mean], rel=1e-10, abs=1e-12)
        assert derivative == pytest.approx([slope**2, slope * mean_slope], rel=1e-10, abs=1e-12)


def _means(layer):
    """Return the means of φ and φ' under a standard normal."""
    if layer in SLOPES:
        negative, positive = SLOPES[layer]
        return (positive - negative) / np.sqrt(2 * np.pi), (positive + negative) / 2
    if layer in JUMPS:
        return sum(JUMPS[layer]) / 2, 0.0
    z = np.linspace(-13, 13, 417)
    return [float(_density(z) @ fn(z)) * (z[1] - z[0]) for fn in SMOOTH[layer]]


BOUNDED = [Erf(), Gelu(), Sin(), Sin(1.7, 0.4), Cos(), GaussianBell(), *SLOPES, *JUMPS]


@pytest.mark.parametrize("layer", BOUNDED, ids=str)
@pytest.mark.parametrize("variance", [1e-12, 1e4])
def test_closed_forms_keep_their_digits_at_extreme_variances(layer, variance):
    # Small: φ(z) = φ(0) + φ'(0) z (rectifiers: their exact value); large: nothing overflows.
    c = np.array([0.3 * variance])
    value, derivative = (part[0] for part in _library(layer, variance, variance, c))
    assert np.isfinite([value, derivative]).all()
    if layer in SLOPES or layer in JUMPS:
        unit = [part[0] for part in _library(layer, 1.0, 1.0, np.array([0.3]))]
        scale = variance if layer in SLOPES else 1.0
        assert (value / scale, derivative) == pytest.approx(unit, rel=1e-12)
    elif variance < 1:
        at_zero, slope = (float(fn(np.zeros(()))) for fn in SMOOTH[layer])
        assert value == pytest.approx(at_zero**2 + slope**2 * c[0], rel=1e-10)


@pytest.mark.parametrize("layer", ALL, ids=str)
def test_single_precision_agrees_and_does_not_overflow(layer):
    a, b, c = _grid()
    order = ORDER if layer in WITH_SERIES else 0
    own = [_library(layer, v, v, v, order) for v in (a, b)]
    for i, (single, double) in enumerate(
        zip(_library(layer, a, b, c, order, "float32"), _library(layer, a, b, c, order),
            strict=True)
    ):  # fmt: skip
        scale = np.sqrt(own[0][i] * own[1][i])
        # Beside a correlation of ±1 the angle is the square root of rounding: 3e-4 of it is left.
        assert (np.abs(single - double) <= 3e-3 * scale).all()
        apart = np.abs(c) < 0.995 * np.sqrt(a * b)
        assert (np.abs(single - double) <= 3e-5 * scale)[apart].all()
    if layer in BOUNDED:
        for variance in (0.0, 1e-12, 1e4):
            large = _library(layer, variance, variance, np.array([0.5 * variance]), 0, "float32")
            assert np.isfinite(large).all()


@pytest.mark.parametrize("layer", ALL, ids=str)
def test_gram_matrices_are_positive_semidefinite(layer):
    x = np.random.default_rng(0).normal(size=(6, 3))
    x = np.concatenate([x[:5], x[:1] * -0.5])
    c = x @ x.T / 3
    a = np.diagonal(c)
    for order in (ORDER, 0):
        for matrix in _library(layer, a[:, None], a[None, :], c, order):
            eigenvalues = np.linalg.eigvalsh((matrix + matrix.T) / 2)
            assert eigenvalues[0] >= -1e-10 * max(eigenvalues[-1], 1e-300)


def test_no_gradient_passes_a_jump():
    for layer in JUMPS:
        assert (_library(layer, 1.0, 1.0, CORRELATIONS)[1] == 0.0).all()


def test_exponentials_overflow_to_infinity_and_not_before():
    value, _ = _library(Exponential(), [350.0, 360.0], [350.0, 360.0], np.array([350.0, 360.0]))
    assert value[0] == pytest.approx(np.exp(700.0), rel=1e-12)
    assert np.isposinf(value[1])


@pytest.mark.parametrize("layer", WITH_SERIES, ids=str)
def test_series_errors_are_bounds(layer):
    a, b = 1.0, 6.0
    c = CORRELATIONS * np.sqrt(a * b)
    with precision("float64"):
        bounds = [float(series_error(layer, jnp.asarray([v]), 16)) for v in (a, b)]
    own = [_library(layer, v, v, np.array([v]), 0) for v in (a, b)]
    for i, (short, exact) in enumerate(
        zip(_library(layer, a, b, c, 16), _library(layer, a, b, c, 0), strict=True)
    ):
        scale = np.sqrt(own[0][i] * own[1][i] * bounds[0] * bounds[1])
        assert (np.abs(short - exact) <= scale + 1e-10).all()
        assert bounds[1] > 0


def test_closed_forms_have_no_error():
    for layer in ALL:
        if layer not in WITH_SERIES:
            assert float(series_error(layer, jnp.ones(2), 0)) == 0.0
            assert float(series_error(layer, jnp.ones(2), 64)) == 0.0
