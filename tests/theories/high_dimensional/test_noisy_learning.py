"""Generalization over training against drawn noisy maps, learned mode by mode."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.high_dimensional.noisy_learning import (
    Learner,
    bulk,
    generalization_course,
    transfer_course,
)

TIME = np.linspace(0.0, 6.0, 25)


def drawn(maps, keep, learner, draws, seed=0):
    """Learn the singular values of noisy maps by the network's own law, from drawn matrices."""
    random, found = np.random.default_rng(seed), []
    for _ in range(draws):
        noise = random.standard_normal(maps.shape) / np.sqrt(maps.shape[1])
        left, values, right = np.linalg.svd(maps + noise, full_matrices=False)
        learned = learner.learned(TIME, values)
        fitted = np.einsum("om,tm,mi->toi", left, learned, right)
        found.append(np.sum((fitted - maps)[:, :keep] ** 2, axis=(1, 2)))
    return np.mean(found, axis=0)


def planted(strengths, rows, columns, seed=0):
    random = np.random.default_rng(seed)
    left, right = (np.linalg.qr(random.standard_normal((n, 3)))[0] for n in (rows, columns))
    return (left[:, : len(strengths)] * strengths) @ right[:, : len(strengths)].T


@pytest.mark.parametrize(("rows", "columns"), [(150, 150), (80, 240), (240, 80)])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_course_against_drawn_maps(rows, columns, depth):
    strengths = np.array([5.0, 2.5, 0.3])
    learner = Learner(depth, 0.01)
    found = drawn(planted(strengths, rows, columns), rows, learner, 8)
    expected = generalization_course(TIME, strengths, columns, rows, learner)
    assert np.linalg.norm(found - expected) < 0.02 * np.linalg.norm(expected)
    # The minimum, where signal and noise balance, carries the claim.
    assert found.min() == pytest.approx(expected.min(), rel=0.05)


@pytest.mark.parametrize("q", [0.0, 0.7, 1.0])
def test_transfer_against_drawn_maps(q):
    # Both joint modes well above the threshold, around which finite sizes blur the overlaps.
    n, each, sa, sb = 120, 90, 2.4, 3.0
    random = np.random.default_rng(1)
    va, other = np.linalg.qr(random.standard_normal((n, 2)))[0].T
    ua, ub = (u / np.linalg.norm(u) for u in random.standard_normal((2, each)))
    vb = q * va + np.sqrt(1.0 - q**2) * other
    maps = np.vstack([sa * np.outer(ua, va), sb * np.outer(ub, vb)])
    learner = Learner(2, 0.01)
    found = drawn(maps, each, learner, 10)
    expected = transfer_course(TIME, sa, sb, q, n, each, learner)
    assert np.linalg.norm(found - expected) < 0.02 * np.linalg.norm(expected)
    assert found.min() == pytest.approx(expected.min(), rel=0.05)


@pytest.mark.parametrize("ratio", [0.2, 1.0, 3.0])
def test_the_bulk_is_that_of_drawn_noise(ratio):
    columns = 300
    rows = int(ratio * columns)
    noise = np.random.default_rng(0).standard_normal((rows, columns)) / np.sqrt(columns)
    values = np.sort(np.linalg.svd(noise, compute_uv=False))
    strengths, shares = bulk(ratio)
    for power in (1, 2, 4):
        assert np.mean(values**power) == pytest.approx(shares @ strengths**power, rel=0.02)


def test_at_the_end_all_noise_is_learned():
    """What is learned is the noisy map: the error is that of its noise, N_3 in all."""
    end = np.array([1e4])
    for depth in (1, 2, 3):
        found = generalization_course(end, np.array([4.0]), 400, 200, Learner(depth, 0.1))
        assert found.item() == pytest.approx(200.0, rel=0.01)


def test_depth_leaves_out_more_noise():
    time, strengths = np.linspace(0.0, 30.0, 3000), np.array([4.0, 2.5])
    least = [
        generalization_course(time, strengths, 100, 100, Learner(depth, 1e-3)).min()
        for depth in (1, 2, 3)
    ]
    assert least == sorted(least, reverse=True)
    assert least[1] < 0.8 * least[0]


def test_a_related_task_helps_and_another_hurts():
    time, learner = np.linspace(0.0, 10.0, 1000), Learner(2, 1e-3)
    alone = generalization_course(time, np.array([1.5]), 80, 80, learner).min()
    courses = [transfer_course(time, 1.5, 3.0, q, 80, 80, learner).min() for q in (0, 0.5, 1)]
    assert courses == sorted(courses, reverse=True)
    assert courses[2] < alone < courses[0]


def test_refusals():
    with pytest.raises(InputError, match="2 modes for 2 inputs"):
        generalization_course(TIME, np.ones(2), 2, 5, Learner())
    with pytest.raises(InputError, match="ratio = 0"):
        bulk(0.0)
