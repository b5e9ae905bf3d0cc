"""Interpolating polynomials against plain loops, conditional laws and reference values."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.tasks.noisy_polynomial import features
from carnotlab.theories.high_dimensional.polynomial_interpolation import (
    condition_number,
    descent,
    least_norm,
    random_interpolator,
    total_variation,
)

POINTS = np.linspace(-0.95, 0.95, 10)
GRID = np.linspace(-1.0, 1.0, 2001)


@pytest.mark.parametrize("basis", ["monomial", "legendre", "chebyshev", "damped legendre"])
@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_the_course_is_gradient_descent_step_by_step(basis, scale):
    B = features(POINTS, basis, 50)
    y = POINTS + 0.1 * np.random.default_rng(0).standard_normal(10)
    rate = 1.0 / np.linalg.norm(B, 2) ** 2 * 10 * 1.3
    start = scale * np.random.default_rng(1).standard_normal(51)
    w = start.copy()
    for step in range(301):
        if step in (0, 1, 17, 300):
            expected = descent(B, y, rate, step, start if scale else None)
            assert np.linalg.norm(w - expected) <= 1e-12 * max(np.linalg.norm(expected), 1e-3)
        w += rate * B.T @ (y - B @ w) / 10


def test_the_end_is_the_least_norm():
    B = features(POINTS, "damped legendre", 50)
    y = np.random.default_rng(0).standard_normal(10)
    ended = descent(B, y, 1.0, 1e5)
    np.testing.assert_allclose(ended, np.linalg.pinv(B) @ y, atol=1e-12)
    np.testing.assert_allclose(least_norm(B, y), np.linalg.pinv(B) @ y, atol=1e-12)


def test_random_interpolators_have_the_conditional_law():
    B = features(POINTS[:3], "legendre", 5)
    y = np.array([1.0, -2.0, 0.5])
    draws = np.array([random_interpolator(B, y, 0.7, seed) for seed in range(4000)])
    np.testing.assert_allclose(draws @ B.T, np.broadcast_to(y, (4000, 3)), atol=1e-12)
    projector = np.eye(6) - np.linalg.pinv(B) @ B
    np.testing.assert_allclose(np.cov(draws.T), 0.49 * projector, atol=0.05)
    np.testing.assert_allclose(draws.mean(axis=0), least_norm(B, y), atol=0.05)


def medians(basis, degree=50, seeds=50):
    B, fine = features(POINTS, basis, degree), features(GRID, basis, degree)
    found = []
    for seed in range(seeds):
        y = POINTS + 0.1 * np.random.default_rng(seed).standard_normal(10)
        curve = fine @ least_norm(B, y)
        found.append([total_variation(curve), np.sqrt(np.mean((curve - GRID) ** 2))])
    return np.median(found, axis=0)


@pytest.mark.parametrize(
    ("basis", "variation", "rms"),
    [
        ("monomial", 88.0, 3.97),
        ("legendre", 19.0, 0.52),
        ("chebyshev", 19.0, 0.52),
        ("damped legendre", 2.1, 0.087),
    ],
)
def test_reference_values_of_ten_points_and_degree_fifty(basis, variation, rms):
    # Medians over 50 draws of the noise, whose scatter a few per cent of the median is.
    found = medians(basis)
    assert found[0] == pytest.approx(variation, rel=0.05)
    assert found[1] == pytest.approx(rms, rel=0.05)


def test_reference_values_beside_them():
    assert medians("legendre", degree=9)[0] == pytest.approx(7.4, rel=0.02)
    assert condition_number(features(POINTS, "monomial", 50)) == pytest.approx(7e6, rel=0.02)
    assert total_variation(GRID) == pytest.approx(2.0)


def test_degree_nine_does_not_depend_on_the_basis():
    y = np.random.default_rng(1).standard_normal(10)
    curves = [
        features(GRID, basis, 9) @ least_norm(features(POINTS, basis, 9), y)
        for basis in ("monomial", "legendre", "damped legendre")
    ]
    np.testing.assert_allclose(curves[0], curves[1], atol=1e-8)
    np.testing.assert_allclose(curves[2], curves[1], atol=1e-8)


def test_refusals():
    with pytest.raises(InputError, match="12 points for 5 features"):
        least_norm(np.ones((12, 5)), np.ones(12))
    with pytest.raises(InputError, match="dependent"):
        least_norm(np.ones((2, 5)), np.ones(2))
    with pytest.raises(InputError, match="diverges"):
        descent(np.eye(2), np.ones(2), 4.1, 3)
