"""Turns in bilinear games: factors by eigenvalues of the step and by play, what is conserved."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.games.bilinear_games import (
    TURNS,
    conserved_by_alternating,
    factor_per_step,
    play,
)

ONE = np.ones((1, 1))


def step_matrix(turns: str, h: float) -> np.ndarray:
    """Write one step of the scalar game as a matrix, optimistic players with their past."""
    field = np.array([[0.0, -h], [h, 0.0]])  # the change of (x, y)
    identity = np.eye(2)
    if turns == "simultaneous":
        return identity + field
    if turns == "alternating":
        return np.array([[1.0, -h], [h, 1.0 - h * h]])
    if turns == "extragradient":
        return identity + field @ (identity + field)
    return np.block([[identity + 2 * field, -field], [identity, 0 * identity]])


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("h", [0.05, 0.3, 0.5, 0.55, 0.9])
def test_factors_are_spectral_radii(turns, h):
    radius = np.abs(np.linalg.eigvals(step_matrix(turns, h))).max()
    assert factor_per_step(turns, h) == pytest.approx(radius, abs=1e-7)


@pytest.mark.parametrize("turns", TURNS)
def test_play_of_a_matrix_game_is_that_of_its_modes(turns):
    random = np.random.default_rng(0)
    game = random.standard_normal((3, 2))
    U, s, Vt = np.linalg.svd(game)
    x, y = random.standard_normal((1, 3)), random.standard_normal((1, 2))
    xs, ys = play(turns, game, x, y, 0.2, 30)
    mode = 1
    state = np.array([(x @ U)[0, mode], (y @ Vt.T)[0, mode]])
    matrix = step_matrix(turns, 0.2 * s[mode])
    if turns == "optimistic":
        state = np.tile(state, 2)
    expected = (np.linalg.matrix_power(matrix, 30) @ state)[:2]
    found = [(xs[-1] @ U)[0, mode], (ys[-1] @ Vt.T)[0, mode]]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_only_alternating_players_conserve_the_form():
    random = np.random.default_rng(1)
    game, x, y = (random.standard_normal(shape) for shape in ((3, 2), (4, 3), (4, 2)))
    for turns in TURNS:
        form = conserved_by_alternating(game, *play(turns, game, x, y, 0.1, 200), 0.1)
        moved = np.abs(form[-1] / form[0] - 1.0)
        assert (moved.max() < 1e-12) if turns == "alternating" else (moved.min() > 1e-3)


def test_optimistic_players_approach_only_below_one_over_root_three():
    edge = 1.0 / np.sqrt(3.0)
    assert (
        factor_per_step("optimistic", 0.999 * edge)
        < 1.0
        < factor_per_step("optimistic", 1.001 * edge)
    )


def test_what_is_refused():
    with pytest.raises(InputError, match="turns"):
        play("politely", ONE, ONE, ONE, 0.1, 1)
    with pytest.raises(InputError, match="below 2"):
        factor_per_step("alternating", 2.0)
