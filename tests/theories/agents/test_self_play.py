"""Stochastic games: values of stages by linear programming, contraction, and the chase."""

import numpy as np
import pytest
from scipy import optimize

from carnotlab.theories.agents.self_play import (
    StochasticGame,
    best_answers,
    matrix_game,
    shapley_iteration,
    stage_exploitability,
)


@pytest.mark.parametrize("seed", range(6))
def test_matrix_games_by_linear_programming(seed):
    game = np.random.default_rng(seed).standard_normal((2, 2))
    # The row player's share p and what it secures, v: maximize v with v <= p·column.
    found = optimize.linprog(
        [0.0, 0.0, -1.0],
        A_ub=np.column_stack([-game.T, np.ones(2)]),
        b_ub=np.zeros(2),
        A_eq=[[1.0, 1.0, 0.0]],
        b_eq=[1.0],
        bounds=[(0, 1), (0, 1), (None, None)],
    )
    value, row, column = matrix_game(game)
    assert value == pytest.approx(-found.fun, abs=1e-10)
    assert (row @ game).min() == pytest.approx(value, abs=1e-10)
    assert (game @ column).max() == pytest.approx(value, abs=1e-10)


def test_shapleys_operator_contracts_to_an_equilibrium():
    random = np.random.default_rng(0)
    game = StochasticGame.random(5, 0.8, random)
    starts = [shapley_iteration(game, v, 1)[0] for v in random.standard_normal((2, 5))]
    before, after = np.abs(starts[0] - starts[1]).max(axis=1)
    assert after <= 0.8 * before + 1e-12
    _, row, column = shapley_iteration(game, np.zeros(5), 150)
    assert stage_exploitability(game, row, column) == pytest.approx(0.0, abs=1e-9)


def test_best_answers_go_round():
    game = StochasticGame.random(4, 0.8, np.random.default_rng(1))
    assert best_answers(game, 60)[-20:].min() > 0.5
