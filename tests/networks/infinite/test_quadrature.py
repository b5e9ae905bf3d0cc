"""The Hermite series: exact where it must be, and its error bound is one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln

from carnotlab.core.precision import precision
from carnotlab.networks.infinite import quadrature
from carnotlab.networks.infinite.quadrature import coefficients, rule

expected_product = jax.jit(quadrature.expected_product, static_argnums=(0, 4))
relative_error = jax.jit(quadrature.relative_error, static_argnums=(0, 2))


@pytest.fixture(autouse=True)
def _float64():
    with precision("float64"):
        yield


def _at(*values):
    return tuple(jnp.asarray([float(v)]) for v in values)


def test_coefficients_of_the_cosine_at_the_highest_order():
    # E[cos(s z) He_k(z)] / sqrt(k!) = s^k exp(-s²/2) cos(k pi / 2) / sqrt(k!), by Rodrigues.
    s, k = 4.0, np.arange(1024)
    size = np.exp(k * np.log(s) - s**2 / 2 - gammaln(k + 1) / 2)
    found = np.asarray(coefficients(jnp.cos, jnp.asarray([s**2]), 1024))[0]
    assert np.abs(found - size * np.array([1, 0, -1, 0])[k % 4]).max() < 1e-14
    assert rule(1024).nodes[0] == -rule(1024).nodes[-1]


def test_polynomials_are_exact():
    a, b, c = 0.5, 2.0, 0.6
    assert expected_product(lambda z: z**2, *_at(a, b, c), 8)[0] == pytest.approx(
        a * b + 2 * c**2, rel=1e-13
    )
    assert expected_product(lambda z: z**3, *_at(a, b, c), 8)[0] == pytest.approx(
        9 * a * b * c + 6 * c**3, rel=1e-13
    )


def test_functions_with_a_mean():
    # E[cos u cos v] = exp(-(a + b)/2) cosh c.
    a, b, c = 1.0, 1.5, -0.7
    expected = np.exp(-(a + b) / 2) * np.cosh(c)
    assert expected_product(jnp.cos, *_at(a, b, c), 64)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("fn", [jnp.tanh, jax.nn.relu, jnp.abs], ids=["tanh", "relu", "abs"])
@pytest.mark.parametrize("order", [16, 64])
def test_the_bound_holds(fn, order):
    for a, b in ((1.0, 1.0), (0.5, 6.0)):
        square = [expected_product(fn, *_at(v, v, v), 1024)[0] for v in (a, b)]
        bounds = [
            float(relative_error(fn, *_at(v), order)[0] * s)
            for v, s in zip((a, b), square, strict=True)
        ]
        for correlation in (-1.0, -0.5, 0.2, 0.9, 1.0):
            c = correlation * np.sqrt(a * b)
            coarse = float(expected_product(fn, *_at(a, b, c), order)[0])
            fine = float(expected_product(fn, *_at(a, b, c), 1024)[0])
            assert abs(coarse - fine) <= np.sqrt(bounds[0] * bounds[1]) + 1e-14


def test_the_bound_says_when_the_series_is_too_short():
    # A sharp sigmoid needs more terms; the bound falls with them and rises with the variance.
    errors = [float(relative_error(jnp.tanh, *_at(9.0), n)[0]) for n in (16, 64, 256)]
    assert errors[0] > 1e-3 > errors[1] > 1e-6 > errors[2]
    assert float(relative_error(jnp.tanh, *_at(0.1), 64)[0]) < 1e-13


def test_series_is_positive_semidefinite_even_when_short():
    x = np.random.default_rng(0).normal(size=(30, 3))
    c = jnp.asarray(x @ x.T)
    a = jnp.diagonal(c)
    matrix = np.asarray(expected_product(jax.nn.relu, a[:, None], a[None, :], c, 8))
    assert np.linalg.eigvalsh(matrix).min() > -1e-12 * np.abs(matrix).max()


def test_zero_variance_gives_no_nan_in_value_or_gradient_use():
    a, b, c = _at(0.0, 1.0, 0.0)
    assert float(expected_product(jnp.tanh, a, b, c, 64)[0]) == pytest.approx(0.0, abs=1e-15)
    assert float(relative_error(jnp.tanh, a, 64)[0]) == 0.0
