"""Closed forms of least squares and ridge against least squares drawn at random, and limits."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.high_dimensional.optimal_ridge import (
    mean_inverse,
    optimal_ridge,
    optimally_regularized_excess,
    ridge_excess,
)
from carnotlab.theories.high_dimensional.ridgeless_regression import (
    expected_ridgeless_excess,
    least_error_below_threshold,
    residual_error,
    ridgeless_excess,
)


def drawn(inputs, samples, noise, start, draws=2000, seed=0):
    """Return excess and training errors of the least-squares solution nearest to a random start."""
    random = np.random.default_rng(seed)
    excess, train = np.zeros(draws), np.zeros(draws)
    for draw in range(draws):
        x = random.standard_normal((samples, inputs)) / np.sqrt(inputs)
        teacher, w0 = (
            random.standard_normal(inputs),
            np.sqrt(start) * random.standard_normal(inputs),
        )
        y = x @ teacher + np.sqrt(noise) * random.standard_normal(samples)
        w = w0 + np.linalg.pinv(x) @ (y - x @ w0)
        excess[draw] = np.mean((w - teacher) ** 2)
        train[draw] = np.mean((y - x @ w) ** 2)
    return excess, train


@pytest.mark.parametrize(("inputs", "samples"), [(20, 10), (20, 15), (20, 30), (12, 60)])
def test_exact_errors_at_few_inputs_within_three_standard_errors(inputs, samples):
    excess, train = drawn(inputs, samples, 0.7, 0.3)
    expected = expected_ridgeless_excess(samples, inputs, noise_variance=0.7, start_variance=0.3)
    assert abs(excess.mean() - expected) < 3.0 * excess.std() / np.sqrt(2000)
    left = residual_error(samples / inputs, noise_variance=0.7)
    assert abs(train.mean() - left) <= 3.0 * train.std() / np.sqrt(2000) + 1e-12


def test_many_inputs_are_the_limit_of_the_exact_error():
    for alpha in (0.3, 0.9, 1.1, 4.0):
        limit = ridgeless_excess(alpha, noise_variance=0.5, start_variance=0.2)
        gaps = [
            expected_ridgeless_excess(alpha * n, n, noise_variance=0.5, start_variance=0.2) - limit
            for n in (1000, 10000)
        ]
        # 1/N: ten times the inputs, a tenth of the difference.
        assert gaps[1] == pytest.approx(gaps[0] / 10, rel=0.1)


def test_the_peak_is_at_as_many_samples_as_inputs():
    counts = np.arange(1, 200)
    errors = expected_ridgeless_excess(counts, 100, noise_variance=0.01)
    assert np.flatnonzero(np.isinf(errors)).tolist() == [98, 99, 100]  # P = 99, 100, 101
    assert np.all(np.isfinite(expected_ridgeless_excess(counts, 100)))


@pytest.mark.parametrize("snr", [2.0, 5.0, 100.0])
def test_more_samples_hurt_from_the_least_error_on(snr):
    grid = np.linspace(0.0, 0.999, 200_000)
    errors = ridgeless_excess(grid, noise_variance=1.0 / snr)
    assert grid[np.argmin(errors)] == pytest.approx(least_error_below_threshold(snr), abs=1e-4)
    assert least_error_below_threshold(0.5) == 0.0


@pytest.mark.parametrize("alpha", [0.4, 1.0, 2.5])
def test_ridge_against_wide_draws(alpha):
    """Eigenvalues of one large matrix give the error at every ridge, without any closed form."""
    n = 500
    random = np.random.default_rng(1)
    x = random.standard_normal((round(alpha * n), n)) / np.sqrt(n)
    values = np.maximum(np.linalg.eigvalsh(x.T @ x), 0.0)
    for gamma in (0.05, 0.5, 5.0):
        inverse = 1.0 / (values + gamma)
        assert mean_inverse(alpha, gamma) == pytest.approx(inverse.mean(), rel=0.02)
        direct = np.mean((gamma * inverse) ** 2) + 0.3 * np.mean(values * inverse**2)
        assert ridge_excess(alpha, gamma, noise_variance=0.3) == pytest.approx(direct, rel=0.03)


@pytest.mark.parametrize("alpha", [0.2, 0.95, 1.0, 3.0])
@pytest.mark.parametrize("noise", [0.05, 2.0])
def test_the_optimal_ridge_is_the_minimum(alpha, noise):
    best = optimal_ridge(1.0, noise)
    errors = ridge_excess(alpha, best * np.exp(np.linspace(-3, 3, 6001)), noise_variance=noise)
    assert np.argmin(errors) == pytest.approx(3000, abs=2)
    at_best = optimally_regularized_excess(alpha, noise_variance=noise)
    assert errors.min() == pytest.approx(float(at_best), rel=1e-9)


def test_ridge_tends_to_least_squares_and_to_nothing_learned():
    for alpha in (0.5, 2.0):
        small = ridge_excess(alpha, 1e-9, noise_variance=0.5)
        assert small == pytest.approx(float(ridgeless_excess(alpha, noise_variance=0.5)), rel=1e-6)
        assert ridge_excess(alpha, 1e9, noise_variance=0.5) == pytest.approx(1.0, rel=1e-6)


def test_with_the_best_ridge_more_samples_never_hurt():
    errors = optimally_regularized_excess(np.linspace(0.0, 5.0, 500), noise_variance=0.2)
    assert np.all(np.diff(errors) < 0.0)


def test_mistakes_are_refused():
    with pytest.raises(InputError, match="at least 0"):
        ridgeless_excess(-0.1)
    with pytest.raises(InputError, match="above 0"):
        ridge_excess(1.0, 0.0)
    with pytest.raises(InputError, match="noise_variance"):
        optimally_regularized_excess(1.0, noise_variance=0.0)
