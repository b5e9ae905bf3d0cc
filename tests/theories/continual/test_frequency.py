"""Items of different frequencies, against layers integrated as matrices and closed forms."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from carnotlab.core.errors import InputError
from carnotlab.theories.continual.frequency import (
    frequency_that_makes_up,
    half_times,
    item_courses,
)

P = np.array([0.5, 0.3, 0.2])
Y = np.array([1.0, 2.0, 3.0])
TIMES = np.linspace(0.0, 30.0, 60)


def by_layers(depth, start):
    """Gradient flow of whole matrices on one-hot inputs, written out layer by layer."""
    layers = np.stack([np.diag(start ** (1.0 / depth))] * depth)
    covariance, correlation = np.diag(P), np.diag(P * Y)

    def velocity(_t, flat):
        w = flat.reshape(depth, 3, 3)
        product = np.eye(3)
        for one in w:
            product = one @ product
        error = correlation - product @ covariance
        found = []
        for index in range(depth):
            before, after = np.eye(3), np.eye(3)
            for one in w[:index]:
                before = one @ before
            for one in w[index + 1 :]:
                after = one @ after
            found.append(after.T @ error @ before.T)
        return np.stack(found).ravel()

    solved = solve_ivp(
        velocity, (0, TIMES[-1]), layers.ravel(), "DOP853", TIMES, rtol=1e-11, atol=1e-13
    )
    products = []
    for flat in solved.y.T:
        product = np.eye(3)
        for one in flat.reshape(depth, 3, 3):
            product = one @ product
        products.append(np.diagonal(product))
    return np.array(products)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_against_layers_integrated_as_matrices(depth):
    start = np.full(3, 0.05)
    found = item_courses(TIMES, depth, P, Y, start)
    np.testing.assert_allclose(found, by_layers(depth, start), rtol=1e-7)


def test_shallow_from_zero_is_the_exponential_of_its_own_clock():
    found = item_courses(TIMES, 1, P, Y, np.zeros(3))
    np.testing.assert_allclose(found, Y * (1.0 - np.exp(-P * TIMES[:, None])), rtol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_half_times_are_when_courses_pass_one_half(depth):
    start = np.full(3, 0.01)
    times = half_times(depth, P, Y, start)
    reached = np.diagonal(item_courses(times, depth, P, Y, start))
    np.testing.assert_allclose(reached, Y / 2.0, rtol=1e-9)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_frequency_is_a_clock(depth):
    start = np.full(3, 0.01)
    np.testing.assert_allclose(
        half_times(depth, 2.0 * P, Y, start), half_times(depth, P, Y, start) / 2.0, rtol=1e-12
    )


def test_a_rare_strong_item_overtakes_a_frequent_weak_one_in_deep_networks_only():
    p, y, start = np.array([0.6, 0.3]), np.array([1.0, 3.0]), np.full(2, 1e-3)
    shallow, deep = half_times(1, p, y, start), half_times(2, p, y, start)
    assert shallow[0] < shallow[1]
    assert deep[1] < deep[0]


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_the_exchange_rate_of_strength_for_frequency(depth):
    rate = frequency_that_makes_up(depth, 1.0, 3.0, 1e-4)
    both = half_times(depth, np.array([rate, 1.0]), np.array([1.0, 3.0]), np.full(2, 1e-4))
    assert both[0] == pytest.approx(both[1], rel=1e-12)
    assert rate == pytest.approx(3.0, rel=0.15)


def test_refusals():
    with pytest.raises(InputError, match="drop items never met"):
        item_courses(TIMES, 2, np.zeros(1), np.ones(1), np.ones(1))
    with pytest.raises(InputError, match="flip the property's sign"):
        half_times(2, np.ones(1), -np.ones(1), np.ones(1))
