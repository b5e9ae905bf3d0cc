"""Norms without scale: exact steps, and a walk of pure noise by Monte Carlo."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.scale_invariance.initial_scale import at_scale, steps_of_shrinking
from carnotlab.theories.scale_invariance.norms import (
    adam_equilibrium_angle,
    effective_rate,
    equilibrium,
    next_square_norm,
    norm_course,
    relaxation_steps,
    settling_step,
)


def tangent_noise(w, random, size=1.0, z=None):
    """Gradients of pure noise of one mean square at unit norm, orthogonal to each w."""
    z = random.normal(size=w.shape) * size / np.sqrt(w.shape[1]) if z is None else z
    square = np.sum(w**2, axis=1, keepdims=True)
    return (z - np.sum(z * w, axis=1, keepdims=True) / square * w) / np.sqrt(square)


def walk(rate, decay, momentum, steps, start=1.0, walkers=32, keep=0.0):
    random = np.random.default_rng(0)
    w = np.zeros((walkers, 400))
    w[:, 0] = start
    v = np.zeros_like(w)
    noise = random.normal(size=w.shape) / 20.0
    norms, angles = [], []
    for _ in range(steps):
        noise = keep * noise + np.sqrt(1.0 - keep**2) * random.normal(size=w.shape) / 20.0
        v = momentum * v + tangent_noise(w, random, z=noise) + decay * w
        new = w - rate * v
        lengths = np.linalg.norm(w, axis=1), np.linalg.norm(new, axis=1)
        norms.append(lengths[0])
        angles.append(np.sum(w * new, axis=1) / lengths[0] / lengths[1])
        w = new
    return np.array(norms), np.arccos(np.minimum(angles, 1.0))


def test_one_step_is_exact():
    random = np.random.default_rng(1)
    w = random.normal(size=(5, 400))
    g = tangent_noise(w, random)
    after = np.sum((w - 0.3 * (g + 0.1 * w)) ** 2, axis=1)
    expected = next_square_norm(np.sum(w**2, axis=1), 0.3, 0.1, np.sum(g**2, axis=1))
    np.testing.assert_allclose(after, expected, rtol=1e-14)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_equilibrium_of_a_walk(momentum):
    rate, decay = 0.5, 0.01 * (1 - momentum)
    norms, angles = walk(rate, decay, momentum, 2500)
    square = 1.0 - 1.0 / 400  # what the tangent space leaves of the noise
    end = equilibrium(rate, decay, square, momentum)
    late = slice(1500, None)
    assert np.mean(norms[late] ** 4) ** 0.25 == pytest.approx(end.norm, rel=0.01)
    assert np.sqrt(np.mean(angles[late] ** 2)) == pytest.approx(end.angle, rel=0.01)
    # The wrong formulas, momentum forgotten, would not pass.
    if momentum:
        forgotten = equilibrium(rate, decay, square)
        assert abs(forgotten.norm / end.norm - 1) > 0.2
        assert abs(forgotten.angle / end.angle - 1) > 0.2


@pytest.mark.parametrize(("share", "momentum"), [(0.6, 0.0), (3.0, 0.0), (3.0, 0.8)])
def test_relaxation_of_a_walk(share, momentum):
    rate, decay, square = 0.5, 2e-3 * (1 - momentum), 1.0 - 1.0 / 400
    start = share * equilibrium(rate, decay, square, momentum).norm
    norms, _ = walk(rate, decay, momentum, 1500, start, walkers=16)
    mean = np.mean(norms**4, axis=1) ** 0.25
    course = norm_course(np.arange(1500), start, rate, decay, square, momentum)
    # To leading order in the square of a step's angle, 0.015 where weights are smallest.
    np.testing.assert_allclose(mean, course, rtol=0.015)
    steps = relaxation_steps(rate, decay, momentum)
    assert 0.2 < settling_step(mean, course[-1]) / steps < 2.0


def test_the_angle_needs_no_independent_gradients():
    """Gradients that persist for tens of steps: another norm, the same angle a step."""
    rate, decay, momentum = 0.5, 2e-3, 0.8
    norms, angles = walk(rate, decay, momentum, 2500, keep=0.8)
    end = equilibrium(rate, decay, 1.0 - 1.0 / 400, momentum)
    late = slice(1500, None)
    assert np.mean(norms[late] ** 4) ** 0.25 > 1.2 * end.norm
    assert np.sqrt(np.mean(angles[late] ** 2)) == pytest.approx(end.angle, rel=0.01)


def test_effective_rate_settles_whatever_the_gradients():
    """Gradients ten times as large: other norms, the same motion of directions."""
    for size in (1.0, 10.0):
        end = equilibrium(0.5, 0.01, size**2)
        assert effective_rate(np.array(end.norm), 0.5) * size == pytest.approx(
            effective_rate(np.array(equilibrium(0.5, 0.01, 1.0).norm), 0.5)
        )
        assert end.angle == equilibrium(0.5, 0.01, 1.0).angle


def test_signs_of_adam():
    """Equal steps of every weight, noise of both moments in equilibrium: by Monte Carlo."""
    random, rate, decay, b1 = np.random.default_rng(0), 2e-3, 1.0, 0.9
    w = random.normal(size=(4, 4000)) * (rate / (2.0 * decay)) ** 0.5
    m, square, angles = np.zeros_like(w), np.full_like(w, 1.0 / 4000), []
    for t in range(900):
        g = tangent_noise(w, random) * np.linalg.norm(w, axis=1, keepdims=True)
        m = b1 * m + (1 - b1) * g
        new = (1 - rate * decay) * w - rate * m / np.sqrt(square)
        if t >= 500:
            cosine = np.sum(w * new, axis=1) / np.linalg.norm(w, axis=1)
            angles.append(cosine / np.linalg.norm(new, axis=1))
        w = new
    angle = np.sqrt(np.mean(np.arccos(np.minimum(angles, 1.0)) ** 2))
    assert angle == pytest.approx(adam_equilibrium_angle(rate, decay, b1), rel=0.01)


def test_initial_scale():
    assert at_scale(0.1, 0.1, 1e-3) == pytest.approx((1e-3, 0.1, 10.0))
    assert steps_of_shrinking(10.0, 0.1, 1e-3) == pytest.approx(np.log(10) * 1e4)
    with pytest.raises(InputError, match="factor = 0"):
        at_scale(0, 0.1, 0.1)


def test_settling():
    assert settling_step(np.array([3.0, 1.0, 3.0, 1.0]), 1.0) == 3.0
    assert np.isnan(settling_step(np.array([1.0, 3.0]), 1.0))
    with pytest.raises(InputError, match="decay"):
        equilibrium(0.1, 0.0, 1.0)
