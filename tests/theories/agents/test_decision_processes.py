"""Decision processes: optimal values by linear programming, contraction factors by iteration."""

import numpy as np
import pytest
from scipy import optimize

from carnotlab.core.errors import InputError
from carnotlab.theories.agents.decision_processes import (
    DecisionProcess,
    best_policy,
    contraction_factors,
    policy_iteration,
    span,
    value_iteration,
)


def draw(seed: int = 0, states: int = 12, discount: float = 0.9) -> DecisionProcess:
    return DecisionProcess.random(states, 3, discount, np.random.default_rng(seed))


def optimal_by_programming(process: DecisionProcess) -> np.ndarray:
    """The least values that are at least what every action is worth."""
    states = process.rewards.shape[1]
    left = np.concatenate([process.discount * p - np.eye(states) for p in process.transitions])
    found = optimize.linprog(
        np.ones(states), A_ub=left, b_ub=-process.rewards.ravel(), bounds=(None, None)
    )
    return found.x


@pytest.mark.parametrize("seed", [0, 1])
def test_both_iterations_end_at_the_solution_of_the_linear_program(seed):
    process = draw(seed)
    optimal = optimal_by_programming(process)
    by_policy = policy_iteration(process, np.zeros(12, int))
    by_value = value_iteration(process, np.zeros(12), 400)
    np.testing.assert_allclose(by_policy[-1], optimal, atol=1e-9)
    np.testing.assert_allclose(by_value[-1], optimal, atol=1e-9)
    # Policy iteration never lags behind value iteration from the same values.
    ahead = value_iteration(process, by_policy[0], len(by_policy) - 1)
    assert np.all(by_policy >= ahead - 1e-12)


def test_no_pair_of_value_functions_is_brought_nearer_less_than_promised():
    process, random = draw(), np.random.default_rng(3)
    one, other = random.standard_normal((2, 50, 12))
    before = np.abs(one - other).max(axis=-1)
    after = np.abs(np.diff(process.worth(np.stack([one, other])).max(axis=-2), axis=0)[0])
    assert np.all(after.max(axis=-1) <= 0.9 * before + 1e-12)


def test_errors_and_their_span_end_at_their_factors():
    process = draw()
    optimal = policy_iteration(process, np.zeros(12, int))[-1]
    size, across = contraction_factors(process, best_policy(process, optimal))
    gap = value_iteration(process, np.full(12, 5.0), 12) - optimal
    assert np.abs(gap[-1]).max() / np.abs(gap[-2]).max() == pytest.approx(size, abs=1e-6)
    assert across < 0.5 * size
    rates = span(gap[5:10]) / span(gap[4:9])
    assert np.prod(rates) ** 0.2 == pytest.approx(across, rel=0.25)  # eigenvalues may be complex


def test_what_is_refused():
    with pytest.raises(InputError, match="discount"):
        DecisionProcess(np.ones((1, 1, 1)), np.ones((1, 1)), 1.0)
    with pytest.raises(InputError, match="rows"):
        DecisionProcess(2 * np.ones((1, 1, 1)), np.ones((1, 1)), 0.5)
