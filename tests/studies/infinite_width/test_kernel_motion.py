"""How far kernels move: by hand, and the powers of width from a direct simulation."""

import numpy as np
import pytest

from carnotlab.measures.kernel_change import TANGENT_KERNEL
from carnotlab.studies.infinite_width.kernel_motion import (
    kernel_motion,
    motion_exponent,
    outside,
    relative_changes,
    trained_kernel_gap,
)

LIMIT = np.broadcast_to(np.eye(3), (2, 3, 3))


@pytest.fixture
def moved(make):
    """Two members that start at 1 and 2 times the limit and move by 30 % and 40 %."""
    start = np.array([1.0, 2.0])[:, None, None, None] * LIMIT
    growth = np.array([[1.0, 1.3], [1.0, 1.4]])[:, :, None, None]
    return make.result(TANGENT_KERNEL, start * growth, LIMIT)


def test_change_is_relative_to_each_members_own_start(moved):
    np.testing.assert_allclose(relative_changes(moved), [[0.0, 0.3], [0.0, 0.4]], rtol=1e-12)
    assert kernel_motion(moved)(np.array([0, 1])) == pytest.approx(np.sqrt(0.25 / 2))
    assert kernel_motion(moved)(np.array([1, 1])) == pytest.approx(0.4)


def test_where_kernels_end_is_that_of_their_mean(moved):
    assert trained_kernel_gap(moved)(np.array([0, 1])) == pytest.approx((1.3 + 2.8) / 2 - 1)
    assert trained_kernel_gap(moved)(np.array([0, 0])) == pytest.approx(0.3)


def test_a_diverged_member_moved_infinitely_far(make):
    seen = np.stack([LIMIT, np.stack([np.eye(3), np.full((3, 3), np.nan)])])
    result = make.result(TANGENT_KERNEL, seen, LIMIT)
    assert kernel_motion(result)(np.array([0, 1])) == np.inf
    assert kernel_motion(result)(np.array([0, 0])) == 0.0


def test_exponent_of_changes_of_a_known_power(make):
    def arm(width):
        change = 1.0 + 8.0 / width
        seen = np.stack([np.eye(3), change * np.eye(3)])[None]
        return make.result(TANGENT_KERNEL, seen, LIMIT)

    results = {f"net, width {width}": arm(width) for width in (16, 64, 256)}
    power = motion_exponent(results, "net", (16, 64, 256))
    assert power(np.array([0])) == pytest.approx(-1.0)


def test_distance_from_a_range():
    assert outside(-1.1, -1.0, -0.75) == pytest.approx(0.1)
    assert outside(-0.5, -1.0, -0.75) == pytest.approx(0.25)
    assert outside(-0.9, -1.0, -0.75) == 0.0


def change(width, slope_of, value_of, rng):
    """Relative change of one hidden layer's kernel after one long step along fixed residuals."""
    samples, inputs = 12, 24
    x = np.random.default_rng(7).normal(size=(samples, inputs))
    residuals = np.random.default_rng(8).normal(size=samples) / samples * 3.0
    weights, readout = rng.normal(size=(width, inputs)), rng.normal(size=width)

    def kernel(w, a):
        z = x @ w.T / np.sqrt(inputs)
        features, slopes = value_of(z), slope_of(z) * a
        return (features @ features.T + slopes @ slopes.T * (x @ x.T / inputs)) / width

    z = x @ weights.T / np.sqrt(inputs)
    step_readout = residuals @ value_of(z) / np.sqrt(width)
    step = (slope_of(z) * readout * residuals[:, None]).T @ x / np.sqrt(width * inputs)
    before = kernel(weights, readout)
    after = kernel(weights + step, readout + step_readout)
    return np.linalg.norm(after - before) / np.linalg.norm(before)


@pytest.mark.parametrize(
    ("value_of", "slope_of", "expected"),
    [
        (np.tanh, lambda z: 1.0 / np.cosh(z) ** 2, -1.0),
        (lambda z: np.maximum(z, 0.0), lambda z: (z > 0.0).astype(float), -0.75),
    ],
    ids=["smooth", "rectifier"],
)
def test_powers_of_width_claimed_by_a_simulation_without_the_library(value_of, slope_of, expected):
    """32 networks know a change to 8 % or so: 0.08 sqrt(2) / ln 32 = 0.03 in a power.

    The two powers are 0.25 apart. What is left of the smooth width^(-1) in a rectifier, and of
    second order in the smooth one, bends a line by less than 0.08.
    """
    rng = np.random.default_rng(0)
    sizes = [
        np.sqrt(np.mean([change(width, slope_of, value_of, rng) ** 2 for _ in range(32)]))
        for width in (128, 4096)
    ]
    assert np.log(sizes[1] / sizes[0]) / np.log(32) == pytest.approx(expected, abs=0.1)
