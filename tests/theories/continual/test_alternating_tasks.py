"""Two tasks in turn against projections done one by one, and the worst angle by search."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.continual.alternating_tasks import (
    loss_on_first,
    open_directions,
    principal_angles,
    residual_after,
    worst_angle,
)


@pytest.fixture
def tasks():
    random = np.random.default_rng(3)
    return (
        random.standard_normal((5, 12)),
        random.standard_normal((8, 12)),
        random.standard_normal(12),
    )


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_against_alternating_projections(tasks, rounds):
    first, second, residual = tasks
    left = residual.copy()
    for _ in range(rounds):
        for x in (first, second):
            left = left - np.linalg.pinv(x) @ (x @ left)
    angles = principal_angles(first, second)
    np.testing.assert_allclose(residual_after(rounds, angles, residual), left, atol=1e-12)
    decided = np.linalg.pinv(first) @ first
    assert loss_on_first(rounds, angles, residual) == pytest.approx(
        np.sum((decided @ left) ** 2), rel=1e-9
    )


def test_cosines_are_those_of_the_decided_directions_apart_from_ones(tasks):
    """The nontrivial angles between two spaces are those between their complements."""
    first, second, _ = tasks
    first, second = first[:3], second[:3]
    open_cosines = principal_angles(first, second).cosines
    rows = [np.linalg.svd(x, full_matrices=False)[2] for x in (first, second)]
    own = np.linalg.svd(rows[0] @ rows[1].T, compute_uv=False)
    np.testing.assert_allclose(np.sort(open_cosines)[:3], np.sort(own), atol=1e-12)
    np.testing.assert_allclose(np.sort(open_cosines)[3:], 1.0, atol=1e-12)


def test_directions_pair_up(tasks):
    angles = principal_angles(*tasks[:2])
    np.testing.assert_allclose(angles.first.T @ angles.second, np.diag(angles.cosines), atol=1e-12)
    assert np.abs(tasks[0] @ angles.first).max() < 1e-12


@pytest.mark.parametrize("rounds", [1, 2, 7, 50])
def test_the_worst_angle_is_the_largest_by_search(rounds):
    square = np.linspace(0.0, 1.0, 200_001)
    left = (1.0 - square) * square ** (2 * rounds - 1)
    cosine, most = worst_angle(rounds)
    assert most == pytest.approx(left.max(), rel=1e-8)
    assert cosine**2 == pytest.approx(square[np.argmax(left)], abs=1e-5)
    assert most * 2 * np.e * rounds == pytest.approx(1.0, rel=0.4 / rounds)


def test_one_task_or_two_unrelated_ones_leave_nothing_to_forget():
    x = np.eye(3, 9)
    assert loss_on_first(1, principal_angles(x, x), np.ones(9)) == pytest.approx(0.0, abs=1e-12)
    other = np.eye(9)[4:7]
    assert loss_on_first(1, principal_angles(x, other), np.ones(9)) == pytest.approx(0.0, abs=1e-12)


def test_refusals():
    with pytest.raises(InputError, match="task 2, which decides all 3 weights"):
        principal_angles(np.eye(1, 3), np.eye(3))
    with pytest.raises(InputError, match="3 and 4 inputs"):
        principal_angles(np.eye(1, 3), np.eye(1, 4))
    with pytest.raises(InputError, match="rounds = 0"):
        worst_angle(0)
    assert open_directions(np.zeros((1, 2))).shape == (2, 2)
