"""Any spectrum over time: the white formula, hand-stepped draws, ridge as its end, exact sums."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.theories.high_dimensional.contours import descent_contour, flow_contour
from carnotlab.theories.high_dimensional.deterministic_equivalents import (
    continued_ridge,
    largest_eigenvalue,
    ridge_errors,
)
from carnotlab.theories.high_dimensional.effective_ridge import effective_ridge
from carnotlab.theories.high_dimensional.isotropic_regression import isotropic_course
from carnotlab.theories.high_dimensional.optimal_ridge import ridge_excess
from carnotlab.theories.high_dimensional.regression_course import (
    best_ridge,
    optimal_stopping_time,
    regression_course,
)

D = 200
SPECTRA = {
    "two scales": np.r_[np.ones(60), 0.01 * np.ones(D - 60)],
    "power law": np.arange(1.0, D + 1) ** -1.2,
}
POWER = np.arange(1.0, D + 1) ** -0.5


def stepped(s, power, n, times, noise, start, decay, rate, draws):
    """Return excess and training errors of draws, from the eigenvectors of each sample."""
    random = np.random.default_rng(3)
    found = np.zeros((2, draws, len(times)))
    for draw in range(draws):
        x = random.standard_normal((n, len(s))) * np.sqrt(s)
        w = np.sqrt(power) * random.choice([-1.0, 1.0], len(s))
        w0 = np.sqrt(start) * random.standard_normal(len(s))
        y = x @ w + np.sqrt(noise) * random.standard_normal(n)
        values, vectors = np.linalg.eigh(x.T @ x / n)
        slopes, begin = vectors.T @ (x.T @ y / n), vectors.T @ w0
        curve = np.maximum(values, 0.0) + decay
        for index, t in enumerate(times):
            left = np.exp(-t * curve) if rate == 0 else (1 - rate * curve) ** round(t / rate)
            gain = np.where(curve > 1e-13, (1 - left) / np.maximum(curve, 1e-13), t)
            wt = vectors @ (left * begin + gain * slopes)
            found[0, draw, index] = np.sum(s * (wt - w) ** 2)
            found[1, draw, index] = np.mean((y - x @ wt) ** 2)
    return found


@pytest.mark.parametrize("alpha", [0.3, 1.0, 5.0])
def test_white_inputs_give_the_white_formula(alpha):
    n = alpha * D
    times = np.array([0.0, 1e-3, 0.1, 1.0, 10.0, 1e3, 1e5])
    variances = {"noise_variance": 0.7}
    white = isotropic_course(times, alpha, start_variance=0.4, **variances)
    found = regression_course(
        n * times, np.full(D, 1 / D), np.ones(D), n, start_power=0.4, **variances
    )
    np.testing.assert_allclose(found.excess, white.excess, rtol=1e-8)
    np.testing.assert_allclose(found.train, white.train, atol=1e-9)


@pytest.mark.parametrize("steps", [(0, 1, 2, 10, 40), (41, 100, 10_001)])
@pytest.mark.parametrize("part", [0.1, 0.95])
def test_white_inputs_in_steps_give_the_white_formula(steps, part):
    alpha, n = 0.9, 0.9 * D
    rate = part * 2.0 / (1 + np.sqrt(alpha)) ** 2
    times = rate * np.array(steps)
    white = isotropic_course(times, alpha, noise_variance=0.7, rate=rate)
    found = regression_course(
        n * times, np.full(D, 1 / D), np.ones(D), n, noise_variance=0.7, rate=n * rate
    )
    np.testing.assert_allclose(found.excess, white.excess, rtol=1e-7)
    np.testing.assert_allclose(found.train, white.train, atol=1e-8)


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize(
    ("n", "decay", "rate"), [(120, 0.0, 0.0), (120, 0.03, 0.1), (300, 0.0, 0.1)]
)
def test_against_draws_stepped_by_hand(name, n, decay, rate):
    times = np.array([0.1, 1.0, 10.0, 100.0, 3000.0])
    s, draws = SPECTRA[name], 12
    seen = stepped(s, POWER, n, times, 0.5, 0.3, decay, rate, draws)
    course = regression_course(
        times, s, POWER, n, noise_variance=0.5, start_power=0.3, decay=decay, rate=rate
    )
    for errors, expected in zip(seen, course, strict=True):
        gap = np.abs(errors.mean(axis=0) - expected)
        # Scatter of the draws, and corrections of order 1/n of the error.
        assert np.all(gap < 4 * errors.std(axis=0, ddof=1) / np.sqrt(draws) + expected[0] / n)


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("n", [100, 300])
def test_with_decay_learning_ends_at_ridge(name, n):
    ends = ridge_errors(SPECTRA[name], POWER, n, np.array([0.02]), 0.5)
    course = regression_course(
        np.array([1e5]), SPECTRA[name], POWER, n, noise_variance=0.5, start_power=2.0, decay=0.02
    )
    np.testing.assert_allclose(course.excess, ends.bias + ends.variance, rtol=1e-8)
    np.testing.assert_allclose(course.train, ends.train, rtol=1e-7)


@pytest.mark.parametrize("n", [100, 300])
def test_without_decay_learning_ends_at_least_squares(n):
    s = SPECTRA["two scales"]
    ends = ridge_errors(s, POWER, n, np.array([0.0]), 0.5)
    course = regression_course(np.array([1e7]), s, POWER, n, noise_variance=0.5)
    np.testing.assert_allclose(course.excess, ends.bias + ends.variance, rtol=1e-8)
    np.testing.assert_allclose(course.train, ends.train, atol=1e-9)


def test_white_ridge_is_the_closed_form():
    for alpha in (0.4, 1.0, 3.0):
        ridges = np.array([1e-3, 0.1, 2.0])
        errors = ridge_errors(np.full(D, 1 / D), np.ones(D), alpha * D, ridges / (alpha * D), 0.6)
        expected = ridge_excess(alpha, ridges, noise_variance=0.6)
        np.testing.assert_allclose(errors.bias + errors.variance, expected, rtol=1e-9)


def test_the_peak_is_where_samples_equal_directions():
    for n, finite in ((D - 1, True), (D, False), (D + 1, True)):
        test = ridge_errors(SPECTRA["power law"], POWER, n, np.zeros(1), 0.5).test
        assert np.isfinite(test[0]) == finite
        assert test[0] > 20.0


@pytest.mark.parametrize("name", SPECTRA)
def test_continued_ridges_solve_their_equation_and_meet_the_real_ones(name):
    s, n = SPECTRA[name], 130
    z = np.array([0.3 + 0j, 1e-6 + 0j, -0.2 + 0.2j, -0.01 - 0.005j, 5.0 + 3j, -3.0 + 1j])
    kappa = continued_ridge(s, n, z)
    residual = kappa - z - kappa * np.sum(s / (s + kappa[:, None]), axis=1) / n
    assert np.all(np.abs(residual) < 1e-13 * (np.abs(z) + np.abs(kappa)))
    assert np.all(kappa.imag * z.imag >= 0.0)
    for index in (0, 1):
        real = effective_ridge(s, n, n * z[index].real)
        assert kappa[index] == pytest.approx(real, rel=1e-10)


def test_the_resolvent_is_that_of_a_wide_sample():
    random = np.random.default_rng(5)
    s = np.repeat(SPECTRA["power law"], 5)
    x = random.standard_normal((500, len(s))) * np.sqrt(s)
    values = np.linalg.eigvalsh(x @ x.T / 500)
    for z in (0.01 + 0.02j, -0.05 + 0.05j):
        seen = np.sum(values / (values + z))
        kappa = continued_ridge(s, 500, np.array([z]))[0]
        assert seen == pytest.approx(np.sum(s / (s + kappa)), rel=0.01)


def test_contours_integrate_functions_of_time():
    for value in (0.0, 0.02, 0.7, 3.9):
        for time in (1e-3, 1.0, 1e4):
            nodes, weights = flow_contour(time)
            found = 2 * np.sum(weights / (nodes - value)).real
            assert found == pytest.approx(np.exp(-time * value), abs=1e-11)
        for steps in (1, 2, 40, 41, 1001, 100_000):
            nodes, weights = descent_contour(steps, 0.5)
            found = 2 * np.sum(weights / (nodes - value)).real
            assert found == pytest.approx((1 - 0.5 * value) ** steps, abs=1e-10)


def test_the_edge_of_the_spectrum_is_the_largest_eigenvalue():
    random = np.random.default_rng(4)
    s = SPECTRA["two scales"]
    largest = [
        np.linalg.norm(random.standard_normal((300, D)) * np.sqrt(s), 2) ** 2 / 300
        for _ in range(10)
    ]
    assert np.mean(largest) == pytest.approx(largest_eigenvalue(s, 300), rel=0.05)


def test_best_ridge_and_best_time_are_minima_and_ridge_is_the_better():
    s, n = SPECTRA["power law"], 150
    ridge = best_ridge(s, POWER, n, noise_variance=0.5)
    errors = ridge_errors(s, POWER, n, ridge.at * np.array([0.9, 1.0, 1.1]), 0.5)
    assert np.argmin(errors.test) == 1
    stop = optimal_stopping_time(s, POWER, n, noise_variance=0.5)
    course = regression_course(stop.at * np.array([0.9, 1.0, 1.1]), s, POWER, n, noise_variance=0.5)
    assert np.argmin(course.excess) == 1
    # A teacher of equal power everywhere has ridge regression as its Bayesian optimum.
    even = np.full(D, 0.05)
    best = best_ridge(s, even, n, noise_variance=0.5)
    assert best.at == pytest.approx(0.5 / (n * 0.05), rel=1e-3)
    assert best.error < optimal_stopping_time(s, even, n, noise_variance=0.5).error


def test_mistakes_are_refused():
    s = np.ones(4)
    with pytest.raises(OutOfReachError, match="diverges"):
        regression_course(np.array([1.0]), s, s, 4, rate=1.0)
    with pytest.raises(InputError, match="whole steps"):
        regression_course(np.array([0.15]), s, s, 40, rate=0.1)
    with pytest.raises(InputError, match="one of each"):
        regression_course(np.array([1.0]), s, np.ones(3), 4)
    with pytest.raises(InputError, match="negative axis"):
        continued_ridge(s, 4, np.array([-0.5 + 0j]))
