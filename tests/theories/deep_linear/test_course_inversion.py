"""Inverted courses against times from the hypergeometric closed form, over the whole range."""

import numpy as np
import pytest

from carnotlab.theories.deep_linear.mode_dynamics import strength_at, time_to_reach


@pytest.mark.parametrize("depth", [2, 3, 4, 5, 9])
@pytest.mark.parametrize("start", [1e-30, 1e-9, 1e-3, 0.3])
def test_times_and_strengths_are_inverse_over_the_whole_range(depth, start):
    """The closed form by hypergeometric series shares nothing with the table."""
    s, d = 1.7, 0.6
    end = s / d
    u0 = start * end
    odds = np.linspace(np.log(start / (1 - start)) + 0.01, 30.0, 400)
    u = end / (1.0 + np.exp(-odds))
    # A rate of zero takes the closed form at two layers; a rate of nothing takes the table.
    times = time_to_reach(u, depth, np.array(s), np.array(u0), d)
    rate = 1e-300 if depth == 2 else 0.0
    back = strength_at(times, depth, np.array([s]), np.array([u0]), np.array([d]), rate)[:, 0]
    # The start's logarithm is known to eps, hence times to eps ln(1/start) of themselves, and
    # strengths to that times their velocity, as long as it is little over the width of the rise.
    known = np.finfo(float).eps * (5.0 - np.log(start))
    if known * times[-1] * s > 1e-4:
        pytest.skip("float64 does not hold the time well enough to say when the mode rises")
    velocity = depth * u ** (1.0 - 2.0 / depth) * (s - d * u)
    assert (np.abs(back / u - 1.0) <= 1e-13 + 2 * known * times * velocity).all()


def test_many_modes_and_unsorted_times_are_taken_one_by_one():
    rng = np.random.default_rng(0)
    s, u0, d = rng.uniform(0.3, 3, 40), rng.uniform(1e-4, 4, 40), rng.uniform(0.5, 2, 40)
    times = rng.permutation(np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 50)]))
    for rate in (0.0, 0.02):
        whole = strength_at(times, 3, s, u0, d, rate)
        single = [
            strength_at(np.array([t]), 3, s[k : k + 1], u0[k : k + 1], d[k : k + 1], rate).item()
            for t in times[:6]
            for k in range(5)
        ]
        np.testing.assert_allclose(whole[:6, :5].ravel(), single, rtol=1e-12)
        np.testing.assert_array_equal(whole[times == 0.0][0], u0)


def test_a_course_that_starts_at_its_end_stays_there():
    s = np.full(3, 2.0)
    u0 = np.array([2.0, np.nextafter(2.0, 0.0), np.nextafter(2.0, 3.0)])
    for rate in (0.0, 0.01):
        course = strength_at(np.array([0.0, 1.0, 1e9]), 3, s, u0, np.ones(3), rate)
        np.testing.assert_allclose(course, 2.0, rtol=1e-15)
