"""Values as sums of features: where they diverge, by hand, by eigenvalues and by sweeps."""

import numpy as np
import pytest

from carnotlab.theories.agents.value_approximation import (
    ValueFeatures,
    averages_over,
    baird_star,
    corrected_eigenvalues,
    learn_values,
    one_and_two,
    refit_factor,
    refit_values,
    stationary_shares,
    update_factor,
)


def random_problem(seed: int, features: np.ndarray, shares: np.ndarray | None = None):
    random = np.random.default_rng(seed)
    states = len(features)
    moves = random.dirichlet(0.3 * np.ones(states), size=states)
    shares = stationary_shares(moves) if shares is None else shares
    return ValueFeatures(features, moves, shares, random.standard_normal(states), 0.95)


@pytest.mark.parametrize("discount", [0.3, 0.5, 0.9])
def test_one_and_two_grows_beyond_a_half(discount):
    course = learn_values(one_and_two(discount), np.ones(1), 0.1, 50).weights[:, 0]
    np.testing.assert_allclose(course, (1.0 + 0.1 * (2.0 * discount - 1.0)) ** np.arange(51))
    assert (course[-1] > 1.0) == (discount > 0.5)


def test_sweeps_follow_the_mean_update_and_its_powers():
    problem = random_problem(0, np.random.default_rng(1).standard_normal((6, 3)))
    A, b = problem.mean_update
    theta = np.ones(3)
    for _ in range(20):
        theta = theta + 0.1 * (A @ theta + b)
    np.testing.assert_allclose(learn_values(problem, np.ones(3), 0.1, 20).weights[-1], theta)


@pytest.mark.parametrize("seed", range(6))
def test_on_policy_nothing_diverges(seed):
    problem = random_problem(seed, np.random.default_rng(seed + 10).standard_normal((8, 3)))
    assert update_factor(problem, 0.01) < 1.0
    assert refit_factor(problem) <= 0.95 + 1e-12


def test_stationary_shares_stay():
    moves = np.random.default_rng(0).dirichlet(np.ones(5), size=5)
    shares = stationary_shares(moves)
    np.testing.assert_allclose(shares @ moves, shares, atol=1e-14)


def test_averagers_contract_under_any_shares_and_least_squares_may_not():
    random = np.random.default_rng(4)
    worst = 0.0
    for seed in range(40):
        shares = random.dirichlet(0.2 * np.ones(8))
        averager = random_problem(seed, averages_over(3, 8), shares)
        assert refit_factor(averager) <= 0.95 + 1e-12
        worst = max(
            worst, refit_factor(random_problem(seed, random.standard_normal((8, 3)), shares))
        )
    assert worst > 1.5


def test_refitting_grows_as_its_factor_says():
    problem = ValueFeatures(*(getattr(one_and_two(0.9), n) for n in ("features", "transitions")),
                            np.array([0.5, 0.5]), np.zeros(2), 0.9)  # fmt: skip
    course = refit_values(problem, np.ones(1), 10).weights[:, 0]
    np.testing.assert_allclose(course[1:] / course[:-1], refit_factor(problem))


def test_bairds_star_diverges_and_corrections_hold_it():
    star = baird_star(0.99)
    assert update_factor(star, 0.1) > 1.0
    start = np.ones(8)
    start[-1] = 10.0
    plain = learn_values(star, start, 0.1, 400)
    assert np.abs(plain.values[-1]).max() > 10 * np.abs(plain.values[0]).max()
    corrected = learn_values(star, start, 0.1, 400, estimate_rate=0.5)
    assert np.abs(corrected.values[-1]).max() < np.abs(plain.values[0]).max()
    assert np.abs(corrected_eigenvalues(star, 0.1, 0.5)).max() <= 1.0 + 1e-12
    on_policy = ValueFeatures(star.features, star.transitions, stationary_shares(star.transitions),
                              star.rewards, 0.99)  # fmt: skip
    assert update_factor(on_policy, 0.1) <= 1.0 + 1e-12


def test_corrected_sweeps_follow_their_eigenvalues():
    problem = random_problem(2, np.random.default_rng(7).standard_normal((6, 2)), np.full(6, 1 / 6))
    A, b = problem.mean_update
    solution = -np.linalg.solve(A, b)
    course = learn_values(problem, solution + 1.0, 0.2, 3000, estimate_rate=0.2).weights
    off = np.linalg.norm(course - solution, axis=1)
    radius = np.abs(corrected_eigenvalues(problem, 0.2, 0.2)).max()
    assert (off[3000] / off[1000]) ** (1 / 2000) == pytest.approx(radius, abs=2e-4)
