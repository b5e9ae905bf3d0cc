"""Policy gradients: the mean by differences, variances by enumeration and by sampling."""

import numpy as np
import pytest

from carnotlab.theories.agents.policy_gradient import (
    best_baseline,
    exact_gradient,
    gradient_variance,
    mean_reward,
    sampled_gradients,
    softmax,
)

PREFERENCES, REWARDS = np.array([0.0, 1.0, -0.5, 2.0]), np.array([1.0, 3.0, -2.0, 2.0])


def test_the_gradient_is_that_of_the_mean_reward():
    tiny = 1e-6 * np.eye(4)
    slope = [
        (mean_reward(PREFERENCES + d, REWARDS) - mean_reward(PREFERENCES - d, REWARDS)) / 2e-6
        for d in tiny
    ]
    np.testing.assert_allclose(exact_gradient(PREFERENCES, REWARDS), slope, atol=1e-8)


@pytest.mark.parametrize("baseline", [0.0, 2.0, 7.0])
def test_samples_have_the_mean_for_every_baseline_and_the_variance_of_theirs(baseline):
    random = np.random.default_rng(0)
    found = sampled_gradients(random, PREFERENCES, REWARDS, 0.5, baseline, 400_000)
    variance = gradient_variance(PREFERENCES, REWARDS, 0.5, baseline)
    far = 5.0 * np.sqrt(variance / len(found))
    np.testing.assert_allclose(found.mean(axis=0), exact_gradient(PREFERENCES, REWARDS), atol=far)
    assert found.var(axis=0).sum() == pytest.approx(variance, rel=0.02)


def test_variance_by_enumerating_actions():
    policy = softmax(PREFERENCES)
    estimates = (REWARDS - 0.7)[:, None] * (np.eye(4) - policy)
    mean = policy @ estimates
    variance = policy @ np.sum((estimates - mean) ** 2, axis=1)
    assert gradient_variance(PREFERENCES, REWARDS, 0.0, 0.7) == pytest.approx(variance)


def test_the_best_baseline_is_the_least_and_not_the_mean_reward():
    best = best_baseline(PREFERENCES, REWARDS)
    least = gradient_variance(PREFERENCES, REWARDS, 0.3, best)
    for other in (best - 0.1, best + 0.1, mean_reward(PREFERENCES, REWARDS)):
        assert gradient_variance(PREFERENCES, REWARDS, 0.3, other) > least
