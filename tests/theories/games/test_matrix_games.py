"""Zero-sum games: what the replicator conserves, what its steps lose, averages that converge."""

import numpy as np
import pytest

from carnotlab.theories.games.matrix_games import (
    ROCK_PAPER_SCISSORS,
    divergence_from_even,
    exploitability,
    fictitious_play,
    multiplicative_weights,
    replicator_course,
)

X, Y = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.2, 0.6])


def test_the_replicator_conserves_the_divergence_and_follows_its_equation():
    times = np.linspace(0.0, 50.0, 2001)
    x, y = replicator_course(ROCK_PAPER_SCISSORS, X, Y, times)
    assert np.ptp(divergence_from_even(x, y)) < 1e-9
    slope = (x[11] - x[9]) / (times[11] - times[9])
    gain = ROCK_PAPER_SCISSORS @ y[10]
    np.testing.assert_allclose(slope, x[10] * (gain - x[10] @ gain), atol=1e-4)


def test_in_a_game_with_dominance_nothing_is_conserved():
    game = np.array([[1.0, 1.0], [0.0, 0.0]])
    x, y = replicator_course(game, X[:2] / 0.8, Y[:2] / 0.4, np.linspace(0, 5, 3))
    assert np.ptp(divergence_from_even(x, y)) > 0.5


def test_multiplicative_weights_gain_half_the_squared_rate_times_variances():
    for rate in (0.02, 0.01):
        x, y = multiplicative_weights(ROCK_PAPER_SCISSORS, X, Y, rate, 1)
        gained = float(np.diff(divergence_from_even(x, y))[0])
        payoffs = ROCK_PAPER_SCISSORS @ Y, -X @ ROCK_PAPER_SCISSORS
        spread = sum(p @ g**2 - (p @ g) ** 2 for p, g in zip((X, Y), payoffs, strict=True))
        assert gained == pytest.approx(0.5 * rate**2 * spread, rel=2.0 * rate)


def test_fictitious_play_by_hand_and_in_the_long_run():
    x, y = fictitious_play(ROCK_PAPER_SCISSORS, np.array([[0, 1], [2, 2]]), 3000)
    # Rock meets paper: best answers are scissors (2) to paper and paper (1) to rock.
    np.testing.assert_allclose(x[1, 0], [0.5, 0.0, 0.5])
    np.testing.assert_allclose(y[1, 0], [0.0, 1.0, 0.0])
    off = exploitability(ROCK_PAPER_SCISSORS, x, y)
    assert off[-1].max() < 0.06 < off[100].min()
    assert off.min() >= 0.0
