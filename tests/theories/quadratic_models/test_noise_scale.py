"""Noise scales against gradients drawn, and mean drops against steps taken."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.quadratic_models.least_squares_risk import excess_courses
from carnotlab.theories.quadratic_models.noise_scale import (
    least_squares_moments,
    noise_from_two_batches,
    samples_over_least,
)

H = np.array([2.0, 0.5, 0.1])
DELTA = np.array([0.3, -1.0, 2.0])


def gradients(batch, draws, noise, seed):
    random = np.random.default_rng(seed)
    x = random.standard_normal((draws, batch, 3)) * np.sqrt(H)
    e = noise**0.5 * random.standard_normal((draws, batch))
    return np.einsum("dbi,db->di", x, x @ DELTA - e) / batch


def test_moments_are_those_of_gradients_drawn():
    g = gradients(1, 400_000, 0.7, 0)
    found = least_squares_moments(H, DELTA, 0.7)
    mean, noise = g.mean(axis=0), np.cov(g.T)
    assert found.square == pytest.approx(mean @ mean, rel=0.02)
    assert found.noise == pytest.approx(np.trace(noise), rel=0.02)
    assert found.bend == pytest.approx(mean @ (H * mean), rel=0.02)
    assert found.noise_bend == pytest.approx(H @ np.diag(noise), rel=0.02)
    # control: the two scales differ, so neither can stand for the other
    assert abs(found.simple_scale / found.critical_batch - 1.0) > 0.1


def test_the_mean_drop_is_that_of_the_exact_risk():
    found = least_squares_moments(H, DELTA, 0.7)
    for batch, rate in ((1, 0.05), (8, 0.3)):
        # Along eigenvectors cross terms do not enter the risk, so squares are enough.
        course = excess_courses(np.array([rate]), H, DELTA**2, batch=batch, noise_variance=0.7)
        assert course[0] - course[1] == pytest.approx(found.mean_drop(rate, batch), rel=1e-12)


def test_the_best_rate_is_best_and_halves_the_drop_at_the_critical_batch():
    found = least_squares_moments(H, DELTA, 0.7)
    for batch in (1.0, found.critical_batch, 1e9):
        best = found.best_rate(batch)
        drop = found.mean_drop(best, batch)
        assert drop > found.mean_drop(0.99 * best, batch)
        assert drop > found.mean_drop(1.01 * best, batch)
    most = found.mean_drop(found.best_rate(1e12), 1e12)
    half = found.mean_drop(found.best_rate(found.critical_batch), found.critical_batch)
    assert half == pytest.approx(most / 2, rel=1e-9)


def test_two_batch_sizes_measure_the_scale_and_a_mean_of_ratios_does_not():
    truth = least_squares_moments(H, DELTA, 0.7)
    small = np.sum(gradients(2, 200_000, 0.7, 1) ** 2, axis=1)
    large = np.sum(gradients(16, 200_000, 0.7, 2) ** 2, axis=1)
    found = noise_from_two_batches(small, large, 2, 16)
    assert found.square == pytest.approx(truth.square, rel=0.03)
    assert found.noise == pytest.approx(truth.noise, rel=0.03)
    assert found.scale == pytest.approx(truth.simple_scale, rel=0.05)
    single = (small - large) / (1 / 2 - 1 / 16) / ((16 * large - 2 * small) / 14)
    assert abs(np.mean(single) / truth.simple_scale - 1.0) > 0.3
    # control: batches confounded
    assert noise_from_two_batches(small, large, 2, 32).scale != pytest.approx(found.scale, rel=0.05)


def test_nothing_is_made_of_nothing():
    with pytest.raises(InputError, match="without gradient"):
        least_squares_moments(H, np.zeros(3))
    with pytest.raises(InputError, match="batches"):
        noise_from_two_batches(np.ones(1), np.ones(1), 4, 4)
    with pytest.raises(InputError, match="steps_over_least"):
        samples_over_least(1.0)
    assert noise_from_two_batches(np.array([4.0]), np.array([1.0]), 1, 4).scale == np.inf
