"""Maximum-likelihood fits: against scipy's own, against known constants, and their scatter."""

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import binom, norm

from carnotlab.theories.deep_linear.mode_dynamics import strength_at
from carnotlab.theories.learners.families import Constant, DeepLinear, PowerLaw, families
from carnotlab.theories.learners.fitting import fit
from carnotlab.theories.learners.learning_curve import LearningCurve

TIME = np.arange(40) + 0.5


def learner(depth, start=0.01, half_time=15.0, ceiling=0.9, floor=0.5):
    """Expected scores of one mode, its own flow time scaled so that it is half learned then."""
    fine = np.geomspace(1e-3, 1e4, 20_000)
    course = strength_at(fine, depth, np.ones(1), np.array([start]), np.ones(1))[:, 0]
    unit = np.interp((1.0 + start) / 2.0, course, fine) / half_time
    share = strength_at(TIME * unit, depth, np.ones(1), np.array([start]), np.ones(1))[:, 0]
    return floor + (ceiling - floor) * share


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("known", [True, False])
def test_constants_are_found_without_noise(depth, known):
    curve = LearningCurve("x", TIME, learner(depth), floor=0.5 if known else None)
    found = fit(DeepLinear(depth), curve)
    assert found.constants["ceiling"] == pytest.approx(0.9, abs=2e-3)
    np.testing.assert_allclose(found.mean, curve.score, atol=2e-4)
    if depth > 1:
        assert np.exp(found.constants["log_half_time"]) == pytest.approx(15.0, rel=0.02)


def test_the_exponential_fit_is_that_of_least_squares():
    random = np.random.default_rng(1)
    score = learner(1) + 0.02 * random.standard_normal(40)

    def exponential(t, floor, ceiling, rate):
        return ceiling - (ceiling - floor) * np.exp(-rate * t)

    best, _ = curve_fit(exponential, TIME, score, (0.5, 0.9, 0.05))
    found = fit(DeepLinear(1), LearningCurve("x", TIME, score))
    gap = score - exponential(TIME, *best)
    expected = float(np.sum(norm.logpdf(gap, scale=gap.std())))
    np.testing.assert_allclose(found.mean, exponential(TIME, *best), atol=1e-5)
    assert found.log_likelihood == pytest.approx(expected, abs=1e-4)
    assert found.fitted == 4


def test_the_constant_fit_of_counts_is_the_share_of_all_answers():
    trials = np.arange(40) % 7 + 1.0
    score = np.random.default_rng(0).binomial(trials.astype(int), 0.7) / trials
    found = fit(Constant(), LearningCurve("x", TIME, score, trials, 0.5))
    share = float(np.sum(score * trials) / trials.sum())
    assert found.constants["ceiling"] == pytest.approx(share, abs=1e-6)
    right = np.rint(score * trials)
    coefficients = binom.logpmf(right, trials, 0.5) - trials * np.log(0.5)
    expected = float(np.sum(binom.logpmf(right, trials, share) - coefficients))
    assert found.log_likelihood == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("family", families(readouts=("linear", "decision")), ids=str)
def test_no_point_nearby_is_likelier(family):
    random = np.random.default_rng(2)
    trials = np.full(40, 100.0)
    score = random.binomial(100, learner(2)) / 100.0
    curve = LearningCurve("x", TIME, score, trials, 0.5)
    once, often = fit(family, curve), fit(family, curve, starts=24)
    # Two starts find what two dozen find.
    assert once.log_likelihood == pytest.approx(often.log_likelihood, abs=0.02)


def test_estimates_scatter_about_the_truth_as_the_likelihood_says():
    """Constants of 60 noisy learners: no bias beyond three standard errors of their mean."""
    truth = learner(2)
    found = []
    for seed in range(60):
        noise = 0.03 * np.random.default_rng(seed).standard_normal(40)
        fitted = fit(DeepLinear(2), LearningCurve("x", TIME, truth + noise, floor=0.5), starts=1)
        found.append([fitted.constants["ceiling"], fitted.constants["log_half_time"]])
    found = np.array(found)
    error = found.std(axis=0) / np.sqrt(60)
    assert np.all(np.abs(found.mean(axis=0) - [0.9, np.log(15.0)]) < 3 * error + [0.002, 0.005])


def test_a_power_law_is_fitted_by_a_power_law():
    score = 0.9 - 0.4 * (1.0 + TIME) ** -0.8
    curve = LearningCurve("x", TIME, score, floor=0.5)
    assert fit(PowerLaw(), curve).constants["log_exponent"] == pytest.approx(np.log(0.8), abs=1e-3)
    gaps = [np.abs(fit(DeepLinear(d), curve).mean - score).max() for d in (1, 2, 3)]
    assert min(gaps) > 0.005
