"""Kernels of polynomials are exact: against Gauss–Hermite rules, and moments written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.precision import precision
from carnotlab.networks.activations import LARGEST_DEGREE
from carnotlab.networks.infinite import polynomials

POLYNOMIAL = (0.5, -1.0, 0.25, 2.0, -0.3, 0.1)
PLACES = [(1.0, 1.0, 1.0), (1.0, 1.0, -1.0), (0.3, 2.0, 0.4), (7.0, 0.01, -0.2), (1e-9, 3.0, 0.0)]


@pytest.fixture(autouse=True)
def _float64():
    with precision("float64"):
        yield


def _gauss_hermite(p, a, b, c):
    """Exact for products of degree below twice the number of nodes."""
    z, w = np.polynomial.hermite_e.hermegauss(12)
    w = w / np.sqrt(2 * np.pi)
    v = c / np.sqrt(a) * z[:, None] + np.sqrt(max(b - c**2 / a, 0.0)) * z[None, :]
    results = []
    for q in (np.polynomial.Polynomial(p), np.polynomial.Polynomial(p).deriv()):
        scale = w @ np.abs(q(np.sqrt(a) * z)) * (w @ np.abs(q(np.sqrt(b) * z)))
        results.append(((w * q(np.sqrt(a) * z)) @ q(v) @ w, scale))
    return results


def _arrays(*numbers):
    return tuple(jnp.asarray([float(number)]) for number in numbers)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_any_polynomial_matches_gauss_hermite(place):
    found = polynomials.polynomial(*_arrays(*place), POLYNOMIAL)
    for mine, (expected, scale) in zip(found, _gauss_hermite(POLYNOMIAL, *place), strict=True):
        assert float(mine[0]) == pytest.approx(expected, rel=1e-12, abs=1e-12 * scale)


@pytest.mark.parametrize("degree", [1, 2, 5, 8])
def test_hermite_polynomials_match_gauss_hermite(degree):
    p = np.polynomial.hermite_e.herme2poly(np.eye(degree + 1)[degree])
    p = p / np.sqrt(float(np.prod(np.arange(1, degree + 1))))
    for place in PLACES:
        found = polynomials.hermite(*_arrays(*place), degree)
        for mine, (expected, scale) in zip(found, _gauss_hermite(p, *place), strict=True):
            assert float(mine[0]) == pytest.approx(expected, rel=1e-10, abs=1e-11 * scale)


def test_moments_by_isserlis():
    a, b, c = 0.7, 1.9, -0.6
    square = polynomials.polynomial(*_arrays(a, b, c), (0.0, 0.0, 1.0))
    assert float(square.value[0]) == pytest.approx(a * b + 2 * c**2, rel=1e-14)
    assert float(square.derivative[0]) == pytest.approx(4 * c, rel=1e-14)
    cube = polynomials.polynomial(*_arrays(a, b, c), (0.0, 0.0, 0.0, 1.0))
    assert float(cube.value[0]) == pytest.approx(9 * a * b * c + 6 * c**3, rel=1e-14)
    assert float(cube.derivative[0]) == pytest.approx(9 * (a * b + 2 * c**2), rel=1e-14)


def test_the_highest_hermite_polynomial_keeps_its_digits():
    # At variances of 1 its kernel is the power of the correlation, where sums would cancel.
    n, c = LARGEST_DEGREE, 0.97
    found = jax.jit(polynomials.hermite, static_argnums=3)(*_arrays(1.0, 1.0, c), n)
    assert float(found.value[0]) == pytest.approx(c**n, rel=1e-12)
    assert float(found.derivative[0]) == pytest.approx(n * c ** (n - 1), rel=1e-12)
