"""Partial pivoted Cholesky against Nyström's formula with a pseudo-inverse."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.kernel_regression.low_rank import low_rank, low_rank_of
from carnotlab.theories.kernel_regression.nystrom import Nystrom, solve_by_nystrom, solve_low_rank


@pytest.mark.parametrize("choice", ["greedy", "uniform"])
def test_the_factor_is_nystroms_approximation(decaying, choice):
    kernel = decaying[0]
    found = low_rank_of(kernel, 15, choice=choice)
    chosen = found.landmarks
    assert len(set(chosen.tolist())) == 15
    inverse = np.linalg.inv(kernel[np.ix_(chosen, chosen)])
    expected = kernel[:, chosen] @ inverse @ kernel[chosen]
    np.testing.assert_allclose(found.factor @ found.factor.T, expected, atol=1e-11)
    left = np.trace(kernel - expected)
    assert found.trace_left == pytest.approx(left, abs=1e-11)
    assert np.linalg.norm(kernel - expected, 2) <= found.trace_left
    # New inputs that are training inputs have the factor's own rows.
    np.testing.assert_allclose(found.features(kernel[:, chosen]), found.factor, atol=1e-11)


def test_greedy_landmarks_are_the_largest_diagonal_left(decaying):
    kernel = decaying[0]
    found = low_rank_of(kernel, 6)
    for count, pivot in enumerate(found.landmarks):
        before = found.landmarks[:count]
        inverse = np.linalg.pinv(kernel[np.ix_(before, before)])
        left = np.diagonal(kernel - kernel[:, before] @ inverse @ kernel[before])
        assert pivot == np.argmax(left)


def test_the_trace_left_is_the_stopping_rule(decaying):
    kernel = decaying[0]
    found = low_rank_of(kernel, 200, trace_share=0.1)
    m = len(found.landmarks)
    assert found.trace_left <= 0.1 * np.trace(kernel) < low_rank_of(kernel, m - 1).trace_left


@pytest.mark.parametrize("choice", ["greedy", "uniform"])
def test_it_stops_at_the_rank_of_the_kernel(choice):
    x = np.random.default_rng(0).normal(size=(30, 5))
    kernel = x @ x.T
    found = low_rank_of(kernel, 30, choice=choice)
    assert len(found.landmarks) == 5
    np.testing.assert_allclose(found.factor @ found.factor.T, kernel, atol=1e-12)


def test_uniform_landmarks_are_those_of_the_seed(decaying):
    kernel = decaying[0]
    one, again, other = (
        low_rank_of(kernel, 10, choice="uniform", seed=seed).landmarks for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert set(one.tolist()) != set(other.tolist())


@pytest.mark.parametrize("choice", ["greedy", "uniform"])
@pytest.mark.parametrize("rank", [5, 20, 80])
def test_the_error_is_within_both_bounds(decaying, choice, rank):
    kernel, targets = decaying
    ridge = 0.01
    found = solve_by_nystrom(kernel, targets, ridge, Nystrom(rank, choice))
    exact = np.linalg.solve(kernel + ridge * np.eye(200), targets)
    error = np.linalg.norm(found.coefficients - exact, axis=0)
    left = low_rank_of(kernel, rank, choice=choice).trace_left
    by_trace = left / ridge * np.linalg.norm(found.coefficients, axis=0)
    assert (error <= found.error_bound).all()
    assert (found.error_bound <= by_trace).all()
    assert (error > 0).all()


def test_solving_with_the_factor_is_solving_with_its_product(decaying):
    kernel, targets = decaying
    found = low_rank_of(kernel, 12)
    full = found.factor @ found.factor.T + 0.3 * np.eye(200)
    np.testing.assert_allclose(
        solve_low_rank(found, targets, 0.3), np.linalg.solve(full, targets), atol=1e-11
    )


@pytest.mark.parametrize("choice", ["greedy", "uniform"])
def test_reading_ahead_changes_nothing_but_how_often_it_is_asked(decaying, choice):
    kernel, asked = decaying[0], []

    def columns(chosen):
        asked.append(len(chosen))
        return kernel[:, chosen]

    plain = low_rank_of(kernel, 60, choice=choice)
    ahead = low_rank(np.diagonal(kernel), columns, 60, choice=choice, ahead=8)
    np.testing.assert_array_equal(ahead.landmarks, plain.landmarks)
    np.testing.assert_allclose(ahead.factor, plain.factor, atol=1e-12)
    assert max(asked) == 8
    assert len(asked) == 8 if choice == "uniform" else len(asked) < 60


def test_a_kernel_with_negative_pivots_is_refused():
    with pytest.raises(InputError, match="pivot"):
        low_rank_of(np.array([[1.0, 2.0], [2.0, 1.0]]), 2)
