"""Moments of weights trained with inputs left out, against sums over all masks."""

import itertools

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.theories.noise.mask_moments import (
    known,
    loss,
    mask_noise,
    noisy_loss,
    stationary,
    step,
)

RANDOM = np.random.default_rng(0)
X, Y, KEEP = RANDOM.standard_normal((3, 2)), RANDOM.standard_normal(3), 0.7


def every_mask():
    """Yield each of the 64 masks of three samples of two inputs, with its probability."""
    for bits in itertools.product((0, 1), repeat=6):
        mask = np.reshape(bits, (3, 2))
        yield mask / KEEP, KEEP ** mask.sum() * (1 - KEEP) ** (6 - mask.sum())


def test_one_step_from_known_weights_against_the_sum_over_masks():
    w, rate = np.array([0.4, -1.2]), 0.3
    mean, second, noisy = np.zeros(2), np.zeros((2, 2)), 0.0
    for mask, probability in every_mask():
        gap = (X * mask) @ w - Y
        after = w - rate * (X * mask).T @ gap / 3
        mean += probability * after
        second += probability * np.outer(after, after)
        noisy += probability * 0.5 * np.mean(gap**2)
    noise = mask_noise(X, Y, KEEP)
    found = step(noise, known(w), rate)
    np.testing.assert_allclose(found.mean, [*mean, -1.0], rtol=1e-13)
    np.testing.assert_allclose(found.second[:2, :2], second, rtol=1e-12)
    np.testing.assert_allclose(found.second[:, 2], [*-mean, 1.0], rtol=1e-13)
    assert noisy_loss(noise, known(w)) == pytest.approx(noisy, rel=1e-13)
    assert loss(noise, known(w)) == pytest.approx(0.5 * np.mean((X @ w - Y) ** 2), rel=1e-13)


def test_two_steps_against_the_sum_over_pairs_of_masks():
    """The noise of the first step is carried through that of the second."""
    w, rate = np.array([0.4, -1.2]), 0.3
    second = np.zeros((2, 2))
    for one, first in every_mask():
        between = w - rate * (X * one).T @ ((X * one) @ w - Y) / 3
        for other, then in every_mask():
            after = between - rate * (X * other).T @ ((X * other) @ between - Y) / 3
            second += first * then * np.outer(after, after)
    noise = mask_noise(X, Y, KEEP)
    found = step(noise, step(noise, known(w), rate), rate)
    np.testing.assert_allclose(found.second[:2, :2], second, rtol=1e-11)


def test_the_stationary_moments_are_where_steps_lead_and_leave_no_more():
    noise, moments = mask_noise(X, Y, KEEP), known(np.zeros(2))
    end = stationary(noise, 0.3)
    after = step(noise, end, 0.3)
    np.testing.assert_allclose(after.second, end.second, atol=1e-13)
    for _ in range(3000):
        moments = step(noise, moments, 0.3)
    np.testing.assert_allclose(moments.second, end.second, atol=1e-10)
    ridge = X.T @ X + (1 - KEEP) / KEEP * np.diag(np.sum(X**2, axis=0))
    np.testing.assert_allclose(end.mean[:2], np.linalg.solve(ridge, X.T @ Y), rtol=1e-12)


def test_the_excess_is_of_first_order_in_the_rate():
    """Halving a small rate halves what noise adds to the loss at its minimum."""
    noise = mask_noise(X, Y, KEEP)
    excess = []
    for rate in (0.01, 0.005):
        end = stationary(noise, rate)
        excess.append(loss(noise, end) - loss(noise, known(end.mean[:2])))
    assert excess[0] / excess[1] == pytest.approx(2.0, abs=0.02)


def test_nothing_left_out_is_descent_without_noise():
    noise = mask_noise(X, Y, 1.0)
    assert np.abs(noise.spread).max() < 1e-15
    np.testing.assert_array_equal(noise.second, noise.clean)


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="keep = 0"):
        mask_noise(X, Y, 0.0)
    with pytest.raises(OutOfReachError, match="at most 32"):
        mask_noise(np.ones((2, 33)), np.ones(2), 0.5)
    with pytest.raises(OutOfReachError, match="smaller rate"):
        stationary(mask_noise(X, Y, KEEP), 20.0)
