"""Closed-form losses against means over a fine grid, slopes against differences, basins by hand."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.continuation.biased_parity import bit_correlations
from carnotlab.theories.continuation.frequency_matching import (
    VALLEY,
    frequency_courses,
    frequency_loss,
    frequency_slope,
)


@pytest.mark.parametrize("reach", [0.05, 0.4, 1.0])
def test_loss_and_slope_are_those_of_the_mean_over_inputs(reach):
    w = np.array([-3.0, 0.0, 1e-3, 4.0, 19.999, 20.0, 33.0])
    x = reach * (np.arange(100_000) + 0.5) / 100_000
    brute = [0.5 * np.mean((np.cos(v * x) - np.cos(20.0 * x)) ** 2) for v in w]
    np.testing.assert_allclose(frequency_loss(w, 20.0, reach), brute, atol=1e-8)
    step = 1e-5
    ahead, behind = (frequency_loss(w + s, 20.0, reach) for s in (step, -step))
    slope = frequency_slope(w, 20.0, reach)
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), atol=1e-8)


def test_descent_finds_the_frequency_from_inside_the_valley_only():
    target, reach = 40.0, 1.0
    inside = target + VALLEY * np.array([-0.9, -0.5, 0.5, 0.9])
    outside = target + VALLEY * np.array([-2.5, -1.2, 1.2, 2.5])
    ends = frequency_courses(np.concatenate([inside, outside]), target, [reach], [2.0], 3000)[-1]
    np.testing.assert_allclose(ends[:4], target, atol=1e-3)
    assert np.all(np.abs(ends[4:] - target) > 1.0)
    # A valley grows as one over the reach.
    narrow = frequency_courses(outside, target, [0.3], [2.0 / 0.09], 3000)[-1]
    np.testing.assert_allclose(narrow[1:], target, atol=1e-3)


def test_bits_correlate_as_drawn():
    x = np.where(np.random.default_rng(0).random((400_000, 5)) < 0.8, 1.0, -1.0)
    label = x[:, :3].prod(axis=1)
    np.testing.assert_allclose(x.T @ label / len(x), bit_correlations(5, 3, 0.6), atol=0.01)
    assert np.all(bit_correlations(5, 3, 0.0) == 0.0)
    with pytest.raises(InputError, match="members"):
        bit_correlations(2, 3, 0.1)
    with pytest.raises(InputError, match="reaches"):
        frequency_courses(np.ones(1), 1.0, [1.0], [], 5)
