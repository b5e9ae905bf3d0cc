"""Forgetting of random tasks against projections drawn by Monte Carlo, and limiting cases."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.continual.random_tasks import (
    expected_distances,
    forgetting,
    teachers_with_overlap,
)


def drawn(teachers, samples, noise, draws, seed=0):
    """Fit task after task by the pseudo-inverse: the nearest weights without any training."""
    random = np.random.default_rng(seed)
    tasks, p = teachers.shape
    found = np.zeros((draws, tasks + 1, tasks))
    for draw in range(draws):
        w = np.zeros(p)
        found[draw, 0] = np.sum((w - teachers) ** 2, axis=1)
        for task in range(tasks):
            x = random.standard_normal((samples, p))
            y = x @ teachers[task] + np.sqrt(noise) * random.standard_normal(samples)
            w = w + np.linalg.pinv(x) @ (y - x @ w)
            found[draw, task + 1] = np.sum((w - teachers) ** 2, axis=1)
    return found


@pytest.mark.parametrize(("overlap", "noise"), [(0.0, 0.0), (0.8, 0.0), (0.3, 0.2)])
def test_against_projections_drawn_at_random(overlap, noise):
    teachers = teachers_with_overlap(4, 24, overlap)
    found = drawn(teachers, 9, noise, 1500)
    expected = expected_distances(teachers, 9, noise)
    error = found.std(axis=0) / np.sqrt(1500) + 1e-12
    assert np.all(np.abs(found.mean(axis=0) - expected) < 4.5 * error)


def test_the_sum_is_the_recursion_written_out():
    teachers = np.random.default_rng(0).standard_normal((5, 30))
    r, noise, n, p = 1.0 - 12 / 30, 0.3, 12, 30
    final = expected_distances(teachers, n, noise)[-1]
    for i in range(5):
        gaps = np.sum((teachers - teachers[i]) ** 2, axis=1)
        expected = r**5 * np.sum(teachers[i] ** 2)
        expected += (1 - r) * sum(r ** (5 - k) * gaps[k - 1] for k in range(1, 6))
        expected += p * noise * (1 - r**5) / (p - n - 1)
        assert final[i] == pytest.approx(expected, rel=1e-12)


def test_one_task_again_and_again_is_never_forgotten():
    same = teachers_with_overlap(6, 20, 1.0)
    found = expected_distances(same, 5)
    np.testing.assert_allclose(found[:, 0], 0.75 ** np.arange(7), rtol=1e-12)
    assert forgetting(found) < 0.0


def test_forgetting_falls_with_similarity_and_changes_sign():
    values = [
        float(forgetting(expected_distances(teachers_with_overlap(5, 40, rho), 20)))
        for rho in (0.0, 0.5, 0.9, 1.0)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.0 > values[-1]


def test_a_start_counts_as_what_was_there():
    teachers = teachers_with_overlap(2, 10, 0.0)
    found = expected_distances(teachers, 4, start=teachers[0])
    assert found[1, 0] == pytest.approx(0.0, abs=1e-12)


def test_refusals():
    with pytest.raises(InputError, match="9 samples for 10 weights"):
        expected_distances(np.eye(2, 10), 9)
    with pytest.raises(InputError, match="1 task"):
        forgetting(expected_distances(np.eye(1, 10), 4))
    with pytest.raises(InputError, match="overlap = 2"):
        teachers_with_overlap(2, 10, 2.0)
