import numpy as np
import pytest

from carnotlab.measures.kernel_change import TANGENT_KERNEL
from carnotlab.measures.losses import TEST_LOSS, TEST_PREDICTION
from carnotlab.studies.infinite_width.width_gaps import (
    kernel_gap,
    loss_gap,
    mean_prediction_gap,
    prediction_gap,
    width_exponent,
)
from carnotlab.theories.lazy_kernel import FROM_START


def test_kernel_gap_is_the_relative_distance(make):
    limit = np.eye(3)[None]
    seen = np.stack([limit * 1.2, limit * 0.8])
    result = make.result(TANGENT_KERNEL, seen, limit)
    assert np.isclose(kernel_gap(result)(np.array([0, 1])), 0.2)


@pytest.fixture
def predictions(make):
    """Two members off by +0.3 and -0.1 of the mean prediction, from the first step on."""
    expected = np.ones((3, 4, 2))
    off = np.array([0.3, -0.1])[:, None, None, None] * (np.arange(3) > 0)[None, :, None, None]
    seen = expected + off
    start = np.broadcast_to(expected, seen.shape)
    return make.result(TEST_PREDICTION, seen, expected, start=(FROM_START, start))


def test_each_members_gap_adds_in_squares_and_the_means_gap_cancels(predictions):
    rows = np.array([0, 1])
    assert np.isclose(prediction_gap(predictions)(rows), np.sqrt((0.09 + 0.01) / 2))
    assert np.isclose(mean_prediction_gap(predictions)(rows), 0.1)
    assert np.isclose(mean_prediction_gap(predictions)(np.array([0, 0])), 0.3)


def test_a_diverged_member_makes_the_gap_infinite(make):
    expected = np.ones((2, 3, 1))
    seen = np.stack([expected, np.full_like(expected, np.nan)])
    start = np.broadcast_to(expected, seen.shape)
    result = make.result(TEST_PREDICTION, seen, expected, start=(FROM_START, start))
    assert prediction_gap(result)(np.array([0, 1])) == np.inf
    assert prediction_gap(result)(np.array([0, 0])) == 0.0


def test_loss_gap_is_that_of_the_mean_over_members(make):
    result = make.result(TEST_LOSS, np.array([[1.0, 1.0], [1.4, 1.0]]), np.ones(2))
    assert np.isclose(loss_gap(result)(np.array([0, 1])), np.sqrt(0.2**2 / 2))


@pytest.mark.parametrize("power", [-1.0, -0.5, 0.0, 0.3])
def test_exponent_recovers_a_power(power):
    widths = np.array([64, 256, 1024])
    assert np.isclose(width_exponent(widths, 3.0 * widths.astype(float) ** power), power)


def test_exponent_of_what_diverged_is_not_a_number_to_agree_with():
    assert width_exponent(np.array([1, 2]), np.array([1.0, np.inf])) == np.inf
