import math

import numpy as np
import pytest

from carnotlab.measures.activity import ACTIVITY_CORRELATION, GRADIENT_LENGTH
from carnotlab.measures.learned_share import LEARNED_SHARE
from carnotlab.studies.infinite_width.signal_gaps import (
    correlation_gap,
    depth_scale_gap,
    gradient_rate_gap,
    half_depth,
    trainable_depth_gap,
)

BOTH = np.array([0, 1])


def test_correlations_of_the_mean_are_compared(make):
    expected = np.full((1, 3, 2), 0.5)
    seen = np.stack([expected + 0.3, expected - 0.1])
    gap = correlation_gap(make.result(ACTIVITY_CORRELATION, seen, expected))
    assert gap(BOTH) == pytest.approx(0.1)
    assert gap(np.array([0, 0])) == pytest.approx(0.3)


def test_rates_of_gradients_are_slopes_of_logs_without_the_ends(make):
    layers = np.arange(6.0)
    expected = np.exp(0.2 * layers)
    seen = np.stack([np.exp(0.3 * layers), np.exp(0.5 * layers)])
    seen[:, [0, -1]] = 1e6
    gap = gradient_rate_gap(make.result(GRADIENT_LENGTH, seen[:, None], expected[None]))
    assert gap(BOTH) == pytest.approx(0.2)


@pytest.mark.parametrize(("scale", "error"), [(4.0, 0.0), (5.0, 0.2), (math.inf, 1.0)])
def test_depth_scales_are_read_off_the_approach_to_one(make, scale, error):
    correlations = 1.0 - np.exp(-np.arange(12.0) / 4.0)
    seen = np.broadcast_to(correlations[None, None, :, None], (2, 1, 12, 3))
    result = make.result(ACTIVITY_CORRELATION, seen, seen[0])
    assert depth_scale_gap(result, scale)(BOTH) == pytest.approx(error, abs=1e-9)


def test_half_depth_at_its_ends():
    assert half_depth((4, 8), np.array([0.9, 0.8])) == math.inf
    assert half_depth((4, 8), np.array([0.4, 0.1])) == 0.0
    # Learning that comes back at depth counts to the deepest that still learns.
    assert half_depth((2, 4, 8), np.array([0.4, 1.0, 0.0])) == pytest.approx(4 * math.sqrt(2))


def test_depths_off_by_a_factor_of_two_are_one_off(make):
    def run(share):
        seen = np.array([[[0.0, share]], [[0.0, share]]]).reshape(2, 2)
        return make.result(LEARNED_SHARE, seen, np.zeros(2))

    column = [run(1.0), run(0.0)]
    half = 4 * math.sqrt(2)
    off = trainable_depth_gap([column, column], (4, 8), (2 * half, half / 2))
    assert off(BOTH) == pytest.approx(1.0)
    assert trainable_depth_gap([column], (4, 8), (half,))(BOTH) == pytest.approx(0.0, abs=1e-12)
    assert trainable_depth_gap([column], (4, 8), (math.inf,))(BOTH) == math.inf
    never = [run(0.0), run(0.0)]
    assert trainable_depth_gap([never], (4, 8), (half,))(BOTH) == math.inf
