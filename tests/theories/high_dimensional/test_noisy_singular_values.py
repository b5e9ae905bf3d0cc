"""Singular values of noisy maps against drawn ones, optimality, and exact algebra."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from carnotlab.core.errors import InputError
from carnotlab.theories.high_dimensional.noisy_singular_values import (
    best_learned_strength,
    joint_strengths,
    least_strength,
    mode_error,
    observed_strength,
    overlaps,
    transfer_error,
)
from carnotlab.theories.semantic.category_coherence import category_overlap


def observed_svd(maps, random):
    rows, columns = maps.shape
    noise = random.standard_normal((rows, columns)) / np.sqrt(columns)
    return np.linalg.svd(maps + noise, full_matrices=False)


def one_mode(strength, rows, columns, random):
    u, v = random.standard_normal(rows), random.standard_normal(columns)
    return strength, u / np.linalg.norm(u), v / np.linalg.norm(v)


@pytest.mark.parametrize(("rows", "columns"), [(400, 400), (150, 600), (600, 200)])
@pytest.mark.parametrize("excess", [1.5, 3.0])
def test_inflation_and_overlaps_of_drawn_matrices(rows, columns, excess):
    ratio = rows / columns
    random, found = np.random.default_rng(rows), []
    s, u, v = one_mode(excess * least_strength(ratio), rows, columns, random)
    for _ in range(6):
        left, values, right = observed_svd(s * np.outer(u, v), random)
        found.append([values[0], abs(left[:, 0] @ u), abs(right[0] @ v)])
    strength, outputs, inputs = np.mean(found, axis=0)
    assert strength == pytest.approx(observed_strength(s, ratio).item(), rel=0.01)
    expected = overlaps(s, ratio)
    assert outputs == pytest.approx(expected.outputs.item(), abs=0.03)
    assert inputs == pytest.approx(expected.inputs.item(), abs=0.03)


@pytest.mark.parametrize("ratio", [0.25, 1.0, 3.0])
def test_below_the_threshold_a_mode_is_lost(ratio):
    s = 0.5 * least_strength(ratio)
    assert observed_strength(s, ratio).item() == pytest.approx(1 + np.sqrt(ratio))
    assert overlaps(s, ratio).product.item() == 0.0
    just = least_strength(ratio) * (1 + 1e-9)
    assert observed_strength(just, ratio).item() == pytest.approx(1 + np.sqrt(ratio), rel=1e-8)
    assert overlaps(just, ratio).product.item() < 1e-4
    random, columns = np.random.default_rng(0), 400
    rows = int(ratio * columns)
    _, u, v = one_mode(s, rows, columns, random)
    left, values, _ = observed_svd(s * np.outer(u, v), random)
    assert values[0] == pytest.approx(1 + np.sqrt(ratio), rel=0.03)
    assert abs(left[:, 0] @ u) < 0.25


def test_square_tasks_are_those_of_category_coherence():
    """The same threshold, written for categories: 1 - 1/C with C the square of s."""
    s = np.array([1.2, 1.7, 3.0])
    np.testing.assert_allclose(overlaps(s, 1.0).product, category_overlap(s**2, 1.0), rtol=1e-12)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.0])
def test_the_best_strength_is_the_shrunk_one(ratio):
    s = np.array([1.3, 2.0, 5.0]) * least_strength(ratio)
    best = best_learned_strength(observed_strength(s, ratio), ratio)
    np.testing.assert_allclose(best, s * overlaps(s, ratio).product, rtol=1e-10)
    for strength, learned in zip(s, best, strict=True):
        searched = minimize_scalar(lambda c, s=strength: mode_error(s, c, ratio).item())
        assert learned == pytest.approx(searched.x, rel=1e-5)
    assert best_learned_strength(1.0 + np.sqrt(ratio), ratio).item() == 0.0


@pytest.mark.parametrize("q", [0.0, 0.4, -0.8, 1.0])
def test_joint_strengths_are_the_singular_values_of_the_stacked_map(q):
    sa, sb, random = 1.4, 2.2, np.random.default_rng(0)
    basis = np.linalg.qr(random.standard_normal((20, 2)))[0].T
    va, vb = basis[0], q * basis[0] + np.sqrt(1 - q**2) * basis[1]
    ua, ub = random.standard_normal((2, 7))
    stacked = np.vstack(
        [sa * np.outer(ua, va) / np.linalg.norm(ua), sb * np.outer(ub, vb) / np.linalg.norm(ub)]
    )
    left, values, _ = np.linalg.svd(stacked, full_matrices=False)
    strengths, shares = joint_strengths(sa, sb, q)
    np.testing.assert_allclose(strengths, values[:2], atol=1e-7)
    root = np.sqrt((sa**2 - sb**2) ** 2 + 4 * q**2 * sa**2 * sb**2)
    published = np.array([sa**2 + sb**2 + root, sa**2 + sb**2 - root]) / 2
    np.testing.assert_allclose(strengths**2, published, atol=1e-12)
    np.testing.assert_allclose(shares[0, 0], np.sum(left[:7, 0] ** 2), atol=1e-9)
    np.testing.assert_allclose(shares.sum(axis=0), 1.0)


@pytest.mark.parametrize(
    "q", [0.6, pytest.param(0.0, marks=pytest.mark.slow), pytest.param(1.0, marks=pytest.mark.slow)]
)
def test_transfer_against_drawn_tasks(q):
    sa, sb, n, each = 1.6, 2.5, 300, 240
    random, found, alone = np.random.default_rng(3), [], []
    ratio = each / n
    for _ in range(8):
        basis = np.linalg.qr(random.standard_normal((n, 2)))[0].T
        va, vb = basis[0], q * basis[0] + np.sqrt(1 - q**2) * basis[1]
        ua, ub = (u / np.linalg.norm(u) for u in random.standard_normal((2, each)))
        task = sa * np.outer(ua, va)
        left, _, right = observed_svd(np.vstack([task, sb * np.outer(ub, vb)]), random)
        strengths, _ = joint_strengths(sa, sb, q)
        best = best_learned_strength(observed_strength(strengths, 2 * ratio), 2 * ratio)
        learned = (left[:each, :2] * best) @ right[:2]
        found.append(np.sum((learned - task) ** 2))
        left, _, right = observed_svd(task, random)
        c = best_learned_strength(observed_strength(sa, ratio), ratio).item()
        alone.append(np.sum((c * np.outer(left[:, 0], right[0]) - task) ** 2))
    assert np.mean(found) == pytest.approx(transfer_error(sa, sb, q, ratio), rel=0.06)
    best = best_learned_strength(observed_strength(sa, ratio), ratio)
    assert np.mean(alone) == pytest.approx(mode_error(sa, best, ratio).item(), rel=0.06)


def test_refusals():
    with pytest.raises(InputError, match="ratio = 0"):
        least_strength(0.0)
    with pytest.raises(InputError, match="strength = -1"):
        observed_strength(-1.0, 1.0)
    with pytest.raises(InputError, match=r"similarity = 1\.5"):
        joint_strengths(1.0, 1.0, 1.5)
