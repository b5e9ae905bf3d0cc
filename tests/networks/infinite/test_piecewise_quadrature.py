"""Functions with kinks and jumps: right where these are declared, and the error says where not."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr

from carnotlab.core.precision import precision
from carnotlab.networks.activations import Abs, Pointwise, Relu, Silu, Step, Tanh
from carnotlab.networks.infinite import piecewise_quadrature
from carnotlab.networks.infinite.dual_activations import dual, series_error

_dual = jax.jit(dual, static_argnums=(0, 4))
_error = jax.jit(series_error, static_argnums=(0, 2))

VARIANCES = [(1.0, 1.0), (0.3, 2.0), (1e-3, 30.0), (100.0, 100.0)]
NEAR = [1e-12, 1e-8, 1e-4, 1e-2]
CORRELATIONS = np.array([-1.0, *(n - 1 for n in NEAR), -0.6, 0.0, 1e-4, 0.5, 0.9,
                         *(1 - n for n in reversed(NEAR)), 1.0])  # fmt: skip


def _step(z):
    return jnp.where(z > 0, 1.0, 0.0)


def _late_step(z):
    return jnp.where(z > 0.37, 1.0, 0.0)


def _late_relu(z):
    return jax.nn.relu(z - 0.37)


def _tent(z):
    return jnp.exp(-jnp.abs(z))


def _growing_wave(z):
    return z * jnp.sin(z)


@pytest.fixture(autouse=True)
def _float64():
    with precision("float64"):
        yield


def _both(layer, a, b, c, order=0):
    found = _dual(layer, *(jnp.asarray(np.broadcast_to(v, np.shape(c))) for v in (a, b, c)), order)
    return [np.asarray(part) for part in found]


def _scales(own, other):
    return [np.sqrt(one * two) for one, two in zip(own, other, strict=True)]


def _own(layer, variance, order=0):
    v = np.full(1, float(variance))
    return [part[0] for part in _both(layer, v, v, v, order)]


def _bound(layer, a, b, order):
    return float(_error(layer, jnp.asarray([float(a), float(b)]), order))


CLOSED = [
    (Pointwise(jax.nn.relu, (0.0,)), Relu()),
    (Pointwise(lambda z: jnp.where(z > 0, z, -z), (0.0,)), Abs()),
    (Pointwise(_step, (0.0,)), Step()),
    (Pointwise(jnp.tanh), Tanh()),
    (Pointwise(jax.nn.silu), Silu()),
]


@pytest.mark.parametrize("order", [0, 64])
@pytest.mark.parametrize(("layer", "exact"), CLOSED, ids=str)
def test_error_bounds_hold_against_closed_forms(layer, exact, order):
    for a, b in VARIANCES:
        c = CORRELATIONS * np.sqrt(a * b)
        bound = _bound(layer, a, b, order)
        scales = _scales(_own(exact, a), _own(exact, b))
        expected = _both(exact, a, b, c)
        for mine, true, scale in zip(_both(layer, a, b, c, order), expected, scales, strict=True):
            # The mixtures that tanh and swish are compared with are good to 1e-11.
            assert (np.abs(mine - true) <= (bound + 1e-11) * scale).all(), (a, b)
        assert order > 0 or bound < 1e-9


def _conditional(name, m, s):
    """Return E[f(v)] and E[f'(v)] for v ~ N(m, s²), in closed form."""
    if name == "step":
        return ndtr((m - 0.37) / s), 0.0
    if name == "relu":
        x = (m - 0.37) / s
        return s * (x * ndtr(x) + np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)), ndtr(x)
    up = np.exp(s**2 / 2 - m) * ndtr(m / s - s)
    down = np.exp(s**2 / 2 + m) * ndtr(-m / s - s)
    return up + down, down - up


NUMPY = {
    "step": (lambda u: float(u > 0.37), lambda u: 0.0, 0.37, _late_step),
    "relu": (lambda u: max(u - 0.37, 0.0), lambda u: float(u > 0.37), 0.37, _late_relu),
    "tent": (lambda u: np.exp(-abs(u)), lambda u: -np.sign(u) * np.exp(-abs(u)), 0.0, _tent),
}


def _reference(name, a, b, c):
    """Adaptive integration over u of f(u) E[f(v)|u], the inner mean in closed form."""
    value, slope, kink, _ = NUMPY[name]
    spread, tilt = np.sqrt(b - c**2 / a), c / a
    ends = sorted({-9.0, 0.0, 9.0, kink / np.sqrt(a),
                   *(kink / tilt / np.sqrt(a) + k * spread / tilt / np.sqrt(a)
                     for k in (-6, 0, 6) if tilt)})  # fmt: skip
    ends = [end for end in ends if -9.0 <= end <= 9.0]
    results = []
    for which, fn in enumerate((value, slope)):

        def integrand(z, which=which, fn=fn):
            u = np.sqrt(a) * z
            density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
            return density * fn(u) * _conditional(name, tilt * u, spread)[which]

        results.append(
            sum(
                quad(integrand, low, high, epsabs=1e-13, epsrel=1e-12, limit=200)[0]
                for low, high in pairwise(ends)
            )
        )
    return results


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("step", False),
        ("relu", True),
        pytest.param("step", True, marks=pytest.mark.slow),
        pytest.param("relu", False, marks=pytest.mark.slow),
        pytest.param("tent", True, marks=pytest.mark.slow),
        pytest.param("tent", False, marks=pytest.mark.slow),
    ],
)
def test_error_estimates_hold_for_kinks_anywhere(name, declared):
    kink, function = NUMPY[name][2:]
    layer = Pointwise(function, (kink,) if declared else ())
    exact = Pointwise(function, (kink,))
    for a, b in ((1.0, 1.0), (0.3, 2.0)):
        c = np.array([-0.9, -0.3, 0.2, 0.7, 0.99]) * np.sqrt(a * b)
        expected = np.transpose([_reference(name, a, b, each) for each in c])
        bound = _bound(layer, a, b, 0)
        scales = _scales(_own(exact, a), _own(exact, b))
        for mine, true, scale in zip(_both(layer, a, b, c), expected, scales, strict=True):
            assert (np.abs(mine - true) <= (bound + 1e-12) * scale).all()
        if declared:
            assert bound < 1e-9
        elif kink != 0.0:  # zero always ends a panel
            assert bound > 1e-5


@pytest.mark.slow
def test_error_estimates_hold_where_waves_are_too_short_to_resolve():
    # At a variance of 100, sixteen periods lie within the density. E[u sin u v sin v] from
    # derivatives of E[cos(su) cos(tv)] in s and t at 1, which jax takes here.
    def cosines(s, t, a, b, c):
        near = jnp.exp(-(s**2 * a + t**2 * b - 2 * s * t * c) / 2)
        return (near + jnp.exp(-(s**2 * a + t**2 * b + 2 * s * t * c) / 2)) / 2

    layer = Pointwise(_growing_wave)
    exact = jax.vmap(jax.grad(jax.grad(cosines, 0), 1), (None, None, None, None, 0))
    for variance in (1.0, 4.0, 100.0):
        c = CORRELATIONS * variance
        true = np.asarray(exact(1.0, 1.0, variance, variance, jnp.asarray(c)))
        for order in (0, 64):
            bound = _bound(layer, variance, variance, order)
            mine = _both(layer, variance, variance, c, order)[0]
            assert (np.abs(mine - true) <= (bound + 1e-13) * true[-1]).all()
            assert (bound < 1e-9) == (variance < 100.0)


def test_without_finite_expectation_the_error_is_infinite():
    assert np.isposinf(float(_error(Pointwise(lambda z: 1 / z), jnp.ones(1), 0)))
    assert np.isposinf(float(_error(Pointwise(jnp.log), jnp.ones(1), 64)))


def test_chunks_change_nothing():
    layer = Pointwise(_late_relu, (0.37,))
    x = np.random.default_rng(0).normal(size=(24, 6))
    c = x @ x.T / 6
    a = np.diagonal(c)
    assert c.size > piecewise_quadrature.CHUNK
    whole = _dual(layer, *map(jnp.asarray, (a[:, None], a[None, :], c)), 0)
    row = _dual(layer, *map(jnp.asarray, (a[3:4, None], a[None, :], c[3:4])), 0)
    for large, small in zip(whole, row, strict=True):
        np.testing.assert_allclose(np.asarray(large)[3:4], small, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(large, np.asarray(large).T, rtol=1e-9, atol=1e-10)
        assert np.linalg.eigvalsh(np.asarray(large))[0] > -1e-9
