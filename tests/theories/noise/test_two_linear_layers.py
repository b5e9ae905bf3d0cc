"""Penalties of two layers against masks, gradients against differences, minima against descent."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.noise.two_linear_layers import (
    descend_expected_loss,
    expected_gradient,
    path_penalty,
    shrunk_modes,
)

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.standard_normal((5, 3)), RANDOM.standard_normal((5, 2))
LAYERS = RANDOM.standard_normal((4, 3)), RANDOM.standard_normal((2, 4))
PARTS = ("inputs", "hidden units", "first weights", "second weights")
KEEP = 0.6


def noisy_losses(part, draws):
    """Return losses under masks drawn for every sample, the passes written out."""
    first, second = LAYERS
    shape = {
        "inputs": (5, 3),
        "hidden units": (5, 4),
        "first weights": (5, 4, 3),
        "second weights": (5, 2, 4),
    }[part]
    masks = (RANDOM.random((draws, *shape)) < KEEP) / KEEP
    x, v, u = X, np.broadcast_to(first, (5, 4, 3)), np.broadcast_to(second, (5, 2, 4))
    if part == "inputs":
        h = np.einsum("nji,dni->dnj", v, masks * x)
    elif part == "first weights":
        h = np.einsum("dnji,ni->dnj", masks * v, x)
    else:
        h = np.broadcast_to(np.einsum("nji,ni->nj", v, x), (draws, 5, 4))
    if part == "hidden units":
        h = h * masks
    out = (
        np.einsum("dnoj,dnj->dno", masks * u, h)
        if part == "second weights"
        else np.einsum("noj,dnj->dno", u, h)
    )
    return 0.5 * np.mean(np.sum((out - Y) ** 2, axis=-1), axis=-1)


@pytest.mark.parametrize("part", PARTS)
def test_penalties_are_what_masks_add_on_average(part):
    losses = noisy_losses(part, 60_000)
    clean = 0.5 * np.mean(np.sum((X @ LAYERS[0].T @ LAYERS[1].T - Y) ** 2, axis=-1))
    penalty = path_penalty(LAYERS, X, KEEP, part)
    assert losses.mean() - clean == pytest.approx(penalty, abs=4.5 * losses.std() / 60_000**0.5)
    assert penalty > 50 * losses.std() / 60_000**0.5


@pytest.mark.parametrize("part", PARTS)
def test_gradients_are_differences_of_the_mean_loss(part):
    def mean_loss(layers):
        clean = 0.5 * np.mean(np.sum((X @ layers[0].T @ layers[1].T - Y) ** 2, axis=-1))
        return clean + path_penalty(layers, X, KEEP, part)

    found = expected_gradient(LAYERS, X, Y, KEEP, part)
    for which in (0, 1):
        for index in np.ndindex(LAYERS[which].shape):
            moved = [[layer.copy() for layer in LAYERS] for _ in range(2)]
            moved[0][which][index] += 1e-5
            moved[1][which][index] -= 1e-5
            slope = (mean_loss(moved[0]) - mean_loss(moved[1])) / 2e-5
            assert found[which][index] == pytest.approx(slope, abs=1e-8)


def whitened(n, p):
    q, _ = np.linalg.qr(RANDOM.standard_normal((n, p)))
    return q * np.sqrt(n)


def test_descent_ends_at_the_shrunk_modes():
    """A weak mode is lost altogether; all others lose the same."""
    x = whitened(12, 3)
    left, _ = np.linalg.qr(RANDOM.standard_normal((3, 3)))
    right, _ = np.linalg.qr(RANDOM.standard_normal((3, 3)))
    strengths = np.array([3.0, 2.0, 0.4])
    y = x @ (left * strengths @ right.T).T
    start = 0.3 * RANDOM.standard_normal((5, 3)), 0.3 * RANDOM.standard_normal((3, 5))
    end = descend_expected_loss(start, x, y, 0.7, "hidden units", 0.05, np.array([20_000.0]))[0]
    expected = shrunk_modes(strengths, 0.7, 5)
    assert expected[2] > 0.0 or expected[1] > 0.0
    np.testing.assert_allclose(left.T @ end @ right, np.diag(expected), atol=2e-3)


def test_shrinking_satisfies_its_own_condition():
    """Stationarity of ½|S - σ|² + λ/2H (Σσ)², with its signs where modes are lost."""
    for _ in range(20):
        s = RANDOM.exponential(size=6)
        odds, hidden = 0.4 / 0.6, 9
        found = shrunk_modes(s, 0.6, hidden)
        slope = found - s + odds / hidden * found.sum()
        np.testing.assert_allclose(slope[found > 0], 0.0, atol=1e-12)
        assert (slope[found == 0] >= -1e-12).all()


def test_nothing_left_out_shrinks_nothing_and_many_units_hardly():
    s = np.array([1.0, 2.0])
    np.testing.assert_array_equal(shrunk_modes(s, 1.0, 2), s)
    np.testing.assert_allclose(shrunk_modes(s, 0.5, 10_000), s, atol=1e-3)


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="left_out"):
        path_penalty(LAYERS, X, KEEP, "outputs")
    with pytest.raises(InputError, match="left_out"):
        expected_gradient(LAYERS, X, Y, KEEP, "outputs")
    with pytest.raises(InputError, match="hidden units for"):
        shrunk_modes(np.ones(3), 0.9, 1)
    with pytest.raises(InputError, match="none below 0"):
        shrunk_modes(-np.ones(3), 0.9, 4)
