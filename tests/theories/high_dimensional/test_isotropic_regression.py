"""Courses on white inputs: quadrature by another method, limits, and wide matrices drawn."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.theories.high_dimensional.isotropic_regression import (
    THRESHOLD_GROWTH,
    isotropic_course,
    optimal_stopping,
    spectral_density,
)
from carnotlab.theories.high_dimensional.least_error import stopping_of_mode
from carnotlab.theories.high_dimensional.optimal_ridge import mean_inverse
from carnotlab.theories.high_dimensional.ridgeless_regression import (
    residual_error,
    ridgeless_excess,
)

RATIOS = (0.3, 0.9, 0.999, 1.0, 1.0001, 1.5, 10.0)


def integrated(time, alpha, noise):
    """Excess error by adaptive quadrature in another variable, cut at all scales."""

    def at(phi):
        value = (1 - np.sqrt(alpha)) ** 2 + 4 * np.sqrt(alpha) * np.sin(phi) ** 2
        density = (4 * alpha / np.pi) * np.sin(2 * phi) ** 2 / value
        left = np.exp(-2 * value * time)
        return density * (left + noise / value * np.expm1(-value * time) ** 2)

    cuts = [0.0, *np.geomspace(1e-12, np.pi / 2, 40)]
    parts = [quad(at, a, b, epsabs=0, epsrel=1e-11)[0] for a, b in pairwise(cuts)]
    return sum(parts) + max(1 - alpha, 0)


@pytest.mark.parametrize("alpha", RATIOS)
def test_the_quadrature_is_exact_to_1e_8_near_the_threshold_too(alpha):
    times = np.array([1e-3, 0.1, 1.0, 10.0, 1e3, 1e5])
    found = isotropic_course(times, alpha, noise_variance=0.7).excess
    expected = [integrated(t, alpha, 0.7) for t in times]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("alpha", RATIOS)
def test_the_density_has_the_moments_and_the_resolvent_of_the_law(alpha):
    nodes, weights, zero = spectral_density(alpha)
    assert weights.sum() + zero == pytest.approx(1.0, abs=1e-12)
    assert weights @ nodes == pytest.approx(alpha, rel=1e-12)
    assert weights @ nodes**2 == pytest.approx(alpha * (1 + alpha), rel=1e-12)
    for ridge in (1e-4, 1.0):
        inverse = weights @ (1 / (nodes + ridge)) + zero / ridge
        assert inverse == pytest.approx(float(mean_inverse(alpha, ridge)), rel=1e-10)


@pytest.mark.parametrize("alpha", [0.3, 0.9, 1.1, 3.0])
def test_it_begins_at_nothing_known_and_ends_at_least_squares(alpha):
    variances = {"teacher_variance": 1.3, "noise_variance": 0.4, "start_variance": 0.6}
    course = isotropic_course(np.array([0.0, 1e9]), alpha, **variances)
    assert course.excess[0] == pytest.approx(1.9, rel=1e-12)
    assert course.train[0] == pytest.approx(2.3, rel=1e-12)
    assert course.excess[1] == pytest.approx(float(ridgeless_excess(alpha, **variances)), rel=1e-9)
    left = float(residual_error(alpha, noise_variance=0.4))
    assert course.train[1] == pytest.approx(left, abs=1e-12)


def test_noise_grows_as_the_root_of_time_at_the_threshold():
    times = np.array([1e6, 1e8])
    grown = isotropic_course(times, 1.0, noise_variance=0.3).excess / np.sqrt(times)
    np.testing.assert_allclose(grown, 0.3 * THRESHOLD_GROWTH, rtol=1e-3)
    assert pytest.approx(0.6610, abs=5e-5) == THRESHOLD_GROWTH


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_one_wide_matrix_is_within_one_in_a_hundred(rate):
    """Teacher, start and noise averaged exactly, the matrix drawn: N = 800 inputs, 640 samples."""
    n, p, noise, known = 800, 640, 0.5, 1.2
    x = np.random.default_rng(2).standard_normal((p, n)) / np.sqrt(n)
    values = np.linalg.eigvalsh(x @ x.T)
    times = np.array([0.0, 0.9, 3.0, 15.0, 60.0])
    steps = np.rint(times / (rate or 1.0))[:, None]
    left = (1 - rate * values) ** steps if rate else np.exp(-values * times[:, None])
    excess = np.sum(known * left**2 + noise / values * (1 - left) ** 2, axis=1) / n
    excess += (1 - p / n) * known
    train = np.sum((known * values + noise) * left**2, axis=1) / p
    course = isotropic_course(times, p / n, noise_variance=noise, start_variance=0.2, rate=rate)
    np.testing.assert_allclose(excess, course.excess, rtol=0.01)
    np.testing.assert_allclose(train, course.train, atol=0.01 * course.train[0])


def test_steps_approach_the_flow_in_proportion_to_their_size():
    times = np.array([0.4, 4.0])
    flow = isotropic_course(times, 0.7, noise_variance=0.5).excess
    gaps = [
        np.abs(isotropic_course(times, 0.7, noise_variance=0.5, rate=r).excess - flow)
        for r in (0.02, 0.01)
    ]
    np.testing.assert_allclose(gaps[0] / gaps[1], 2.0, rtol=0.05)


def test_the_best_time_and_its_reference_value():
    best = optimal_stopping(0.9, noise_variance=1.0)
    grid = np.geomspace(0.01, 100, 4000)
    errors = isotropic_course(grid, 0.9, noise_variance=1.0).excess
    assert best.error == pytest.approx(errors.min(), rel=1e-6)
    assert best.at == pytest.approx(grid[np.argmin(errors)], rel=5e-3)
    assert best.error == pytest.approx(0.653, abs=1e-3)
    assert optimal_stopping(0.9).at == np.inf


def test_stopping_each_mode_at_its_time_equals_the_best_ridge():
    nodes, weights, _ = spectral_density(0.8)
    snr = 2.5
    left = np.exp(-nodes * stopping_of_mode(nodes, snr))
    stopped = weights @ (left**2 + (1 - left) ** 2 / (snr * nodes)) + 0.2
    assert stopped == pytest.approx(float(mean_inverse(0.8, 1 / snr)) / snr, rel=1e-9)
    assert stopped < optimal_stopping(0.8, noise_variance=1 / snr).error


def test_mistakes_are_refused():
    with pytest.raises(OutOfReachError, match="diverges"):
        isotropic_course(np.array([1.0]), 1.0, rate=0.6)
    with pytest.raises(InputError, match="from 0 on"):
        isotropic_course(np.array([-1.0]), 1.0)
    with pytest.raises(InputError, match="ratio"):
        spectral_density(0.0)
