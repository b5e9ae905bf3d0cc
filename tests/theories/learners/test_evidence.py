"""When a family is claimed, and when there is no evidence."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.learners.evidence import NO_LEARNING, NO_SHAPE, overdispersion, weigh
from carnotlab.theories.learners.families import Constant, DeepLinear, families
from carnotlab.theories.learners.fitting import fit
from carnotlab.theories.learners.learning_curve import LearningCurve

TIME = np.arange(40) + 0.5
LOGISTIC = 0.5 + 0.4 / (1.0 + np.exp((15.0 - TIME) / 3.0))


def noisy(mean, spread, seed=0):
    noise = np.random.default_rng(seed).standard_normal(len(mean))
    return LearningCurve("x", np.arange(len(mean)) + 0.5, mean + spread * noise, floor=0.5)


def test_a_clear_logistic_learner_is_told_from_all_others():
    found = weigh(noisy(LOGISTIC, 0.005))
    assert found.verdict == "depth 2 (logistic)"
    assert found.possible == ("depth 2 (logistic)",)
    assert min(v for name, v in found.worse_by.items() if name != found.verdict) > 6.0


def test_the_same_learner_in_noise_is_no_evidence_for_a_shape():
    found = weigh(noisy(LOGISTIC, 0.1))
    assert found.learned
    assert found.verdict == NO_SHAPE
    assert len(found.possible) > 1


def test_a_few_blocks_are_no_evidence():
    assert weigh(noisy(LOGISTIC[::6], 0.05)).verdict in (NO_SHAPE, NO_LEARNING)


def test_flat_learners_are_rarely_said_to_learn():
    claims = [weigh(noisy(np.full(40, 0.6), 0.05, seed)).learned for seed in range(60)]
    # Four families of two constants more: AICc asks 2 x 2.6 and the margin 6 more of a chi-squared
    # of two degrees, exp(-11 / 2) = 0.4 % each. Three of sixty would be far beyond that.
    assert sum(claims) <= 2


def test_a_learner_that_gets_worse_has_not_learned():
    falls = noisy(LOGISTIC[::-1], 0.005)
    free = LearningCurve("x", falls.time, falls.score)
    assert weigh(free).verdict == NO_LEARNING


def test_scatter_beyond_binomial_takes_evidence_away():
    """Answers whose probability moves from day to day, as if there were a shape in it."""
    random = np.random.default_rng(5)
    trials = np.full(40, 400.0)
    daily = np.clip(0.6 + 0.08 * random.standard_normal(40), 0.0, 1.0)
    curve = LearningCurve("x", TIME, random.binomial(400, daily) / 400.0, trials, 0.5)
    found = weigh(curve)
    assert found.overdispersion == pytest.approx(0.08**2 * 400 / 0.24, rel=0.5)
    assert found.verdict == NO_LEARNING


def test_binomial_scatter_is_not_overdispersed():
    random = np.random.default_rng(6)
    values = []
    for _ in range(40):
        score = random.binomial(200, LOGISTIC) / 200.0
        curve = LearningCurve("x", TIME, score, np.full(40, 200.0), 0.5)
        values.append(overdispersion(curve, fit(DeepLinear(2), curve, starts=1)))
    # chi-squared over 37 degrees: mean 1 and spread 0.23, cut below 1, whose mean is 1.09.
    assert 1.0 < np.mean(values) < 1.25


def test_criteria_are_as_defined():
    curve = noisy(LOGISTIC, 0.02)
    chosen = (Constant(), DeepLinear(2))
    small, bayes = weigh(curve, chosen), weigh(curve, chosen, criterion="BIC")
    k, n = 4, 40
    likelihood = small.fits[1].log_likelihood
    assert small.criteria[1] == pytest.approx(
        -2 * likelihood + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    )
    assert bayes.criteria[1] == pytest.approx(-2 * likelihood + k * np.log(n))


def test_depth_is_claimed_whatever_the_read_out():
    found = weigh(noisy(LOGISTIC, 0.005), families(readouts=("linear", "decision")))
    assert len(found.fits) == 10
    assert set(found.worse_by) == {family.name for family in families()}


def test_learning_needs_a_constant_to_be_held_against():
    with pytest.raises(InputError, match="without the constant"):
        weigh(noisy(LOGISTIC, 0.1), (DeepLinear(1),))
