"""Stationary states against sums over all past steps, and against steps taken."""

from itertools import permutations

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.theories.quadratic_models.least_squares_risk import largest_stable_rate
from carnotlab.theories.quadratic_models.stationary_state import (
    diffusion_covariance,
    reshuffled_variance,
    stationary_covariance,
    stationary_excess_kurtosis,
    tail_index,
)

RANDOM = np.random.default_rng(1)
ROOT = RANDOM.standard_normal((3, 3))
H = ROOT @ ROOT.T / 3 + 0.2 * np.eye(3)
OTHER = RANDOM.standard_normal((3, 3))
C = OTHER @ OTHER.T


@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_covariance_is_the_sum_over_all_past_steps(momentum):
    """Each noise enters once and is carried on by the steps: a sum, no linear solve."""
    rate = 0.3
    step = np.block(
        [[np.eye(3) - rate * H, -rate * momentum * np.eye(3)], [H, momentum * np.eye(3)]]
    )
    carried, total = np.vstack([-rate * np.eye(3), np.eye(3)]), np.zeros((6, 6))
    for _ in range(2000):
        total += carried @ C @ carried.T
        carried = step @ carried
    found = stationary_covariance(H, C, rate, momentum)
    np.testing.assert_allclose(found, total[:3, :3], rtol=1e-10, atol=1e-12)
    # control: the diffusion is another, by about half the rate times the curvature
    gap = np.abs(diffusion_covariance(H, C, rate, momentum) / found - 1.0).max()
    assert gap > 0.05


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_one_direction_in_closed_form_and_the_diffusion_as_limit(momentum):
    h, c = np.array([[0.7]]), np.array([[2.0]])
    for rate in (1.5, 0.1, 1e-4):
        found = stationary_covariance(h, c, rate, momentum)[0, 0]
        top = 2.0 * (1.0 + momentum)
        law = rate * 2.0 / 0.7 * (1 + momentum) / ((1 - momentum) * (top - rate * 0.7))
        assert found == pytest.approx(law, rel=1e-8)
        limit = diffusion_covariance(h, c, rate, momentum)[0, 0]
        assert limit / found == pytest.approx(1.0 - rate * 0.7 / top, rel=1e-8)


def test_order_without_replacement_by_all_orders():
    """Four samples: the mean over all 24 orders of the square of an epoch's sum."""
    xi = np.array([1.0, -2.0, 0.5, 0.5])
    rate, h = 0.3, 0.9
    a = 1.0 - rate * h
    weights = a ** np.arange(4)[::-1]
    sums = [rate * float(weights @ np.array(order)) for order in permutations(xi)]
    expected = np.mean(np.square(sums)) / (1.0 - a**8)
    found = reshuffled_variance(rate, h, float(np.mean(xi**2)), 4)
    assert found == pytest.approx(expected, rel=1e-12)
    with_replacement = stationary_covariance(np.eye(1) * h, np.eye(1) * np.mean(xi**2), rate)
    assert found < 0.5 * with_replacement[0, 0]


def test_slow_directions_keep_almost_none_of_reshuffled_noise():
    rate, n = 1e-4, 100
    found = reshuffled_variance(rate, 1.0, 1.0, n)
    assert found / (rate / 2) == pytest.approx((rate * n) ** 2 / 12, rel=0.03)


def test_kurtosis_from_the_sum_of_past_noises():
    rate, h, kappa = 0.6, 0.8, 3.0
    powers = (1.0 - rate * h) ** np.arange(300)
    expected = kappa * np.sum(powers**4) / np.sum(powers**2) ** 2
    assert stationary_excess_kurtosis(rate, h, kappa) == pytest.approx(expected, rel=1e-12)
    assert stationary_excess_kurtosis(1e-3, 1.0, kappa) < 0.01


def test_the_tail_index_is_two_where_the_variance_diverges():
    for batch in (1, 5):
        edge = largest_stable_rate(np.ones(1), batch=batch)
        assert tail_index(edge, 1.0, batch) == pytest.approx(2.0, abs=1e-4)
    # p = 4 of one sample: E(1 - r z^2)^4 = 1 - 4r + 18r^2 - 60r^3 + 105r^4.
    roots = np.roots([105, -60, 18, -4])
    rate = float(roots[np.isreal(roots)][0].real)
    assert tail_index(rate) == pytest.approx(4.0, abs=1e-3)
    assert tail_index(0.5 * rate) > tail_index(rate)


def test_what_does_not_settle_is_refused():
    with pytest.raises(OutOfReachError, match="grow"):
        stationary_covariance(np.eye(1), np.eye(1), 2.5)
    with pytest.raises(OutOfReachError, match="grows"):
        tail_index(20.0)
    with pytest.raises(InputError, match="rate"):
        reshuffled_variance(3.0, 1.0, 1.0, 4)
    with pytest.raises(InputError, match="rate"):
        stationary_excess_kurtosis(2.0, 1.0, 1.0)
