"""Exact risk against steps written out, fourth moments by hand, and an older recursion."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.continual.curriculum import error_course
from carnotlab.theories.quadratic_models.least_squares_risk import (
    excess_courses,
    largest_stable_rate,
    stationary_excess,
)

H = np.array([1.0, 0.5, 0.1, 0.02])
START = np.array([1.0, 2.0, 0.5, 3.0])


def simulated(rates, batch, noise, momentum=0.0, paths=20_000, seed=0):
    """Plain steps of many paths in correlated coordinates; returns the excess after each."""
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.standard_normal((len(H), len(H))))[0]
    root = turn * np.sqrt(H)
    delta = np.tile(turn @ np.sqrt(START), (paths, 1))
    buffer, found = np.zeros_like(delta), []
    for rate in (*rates, 0.0):
        found.append(0.5 * np.sum((delta @ root) ** 2, axis=1))
        x = random.standard_normal((paths, batch, len(H))) @ root.T
        e = noise**0.5 * random.standard_normal((paths, batch))
        g = np.einsum("pbi,pb->pi", x, np.einsum("pbi,pi->pb", x, delta) - e) / batch
        buffer = momentum * buffer + g
        delta = delta - rate * buffer
    return np.array(found)


@pytest.mark.parametrize(("batch", "momentum"), [(1, 0.0), (3, 0.0), (3, 0.8)])
def test_risk_is_that_of_steps_written_out_at_a_falling_rate(batch, momentum):
    rates = 0.25 * (1.0 - momentum) / (1.0 + 0.2 * np.arange(12))
    seen = simulated(rates, batch, 0.3, momentum)
    law = excess_courses(rates, H, START, batch=batch, noise_variance=0.3, momentum=momentum)
    error = seen.std(axis=1) / seen.shape[1] ** 0.5
    assert np.all(np.abs(seen.mean(axis=1) - law) < 4.0 * error + 1e-12)
    # control: the same without the fourth moments' share is beyond the errors
    wrong = excess_courses(
        rates, H, START, batch=10**9, noise_variance=0.3e9 / batch, momentum=momentum
    )
    assert np.abs(seen.mean(axis=1) - wrong)[6] > 8.0 * error[6]


def test_white_inputs_one_at_a_time_are_the_known_recursion():
    n, rates = 7, np.linspace(1.0, 0.2, 30)
    law = excess_courses(rates, np.full(n, 1.0 / n), np.ones(n), noise_variance=0.5)
    np.testing.assert_allclose(2.0 * law, error_course(rates, np.full(30, 0.5), n), rtol=1e-12)


def test_full_batches_without_noise_are_powers():
    steps = np.arange(6)
    law = excess_courses(np.full(5, 0.9), H, START, batch=10**14)
    expected = 0.5 * ((1.0 - 0.9 * H) ** (2 * steps[:, None]) * START) @ H
    np.testing.assert_allclose(law, expected, rtol=1e-9)


@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_a_constant_rate_ends_at_the_stationary_excess(momentum):
    rate = 0.3 * (1.0 - momentum)
    options = {"batch": 2, "noise_variance": 0.4, "momentum": momentum}
    law = excess_courses(np.full(9000, rate), H, START, times=np.array([8000, 9000]), **options)
    assert law[0] == pytest.approx(law[1], rel=1e-9)
    assert law[1] == pytest.approx(stationary_excess(rate, H, **options), rel=1e-9)
    if momentum == 0.0:
        share = rate / 2 * np.sum(H / (2.0 - rate * H * 1.5))
        assert law[1] == pytest.approx(0.5 * 0.4 * share / (1.0 - share), rel=1e-9)


@pytest.mark.parametrize(("batch", "momentum"), [(1, 0.0), (4, 0.0), (2, 0.9)])
def test_courses_grow_just_above_the_largest_stable_rate_only(batch, momentum):
    edge = largest_stable_rate(H, batch=batch, momentum=momentum)
    rates = np.array([0.99, 1.01])[:, None] * edge * np.ones(8_000)
    ends = excess_courses(
        rates, H, START, batch=batch, momentum=momentum, times=np.array([4_000, 8_000])
    )
    assert ends[0, 1] < ends[0, 0]
    assert not ends[1, 1] < ends[1, 0]
    assert edge < 2.0 * (1.0 + momentum) / H.max()


def test_the_limit_of_one_sample_is_far_below_that_of_full_batches():
    # Twenty equal directions: s = 20 h eta / (2 - 2 eta h) = 1 at eta h = 1/11.
    assert largest_stable_rate(np.full(20, 3.0)) == pytest.approx(1.0 / 33.0, rel=1e-9)
    assert largest_stable_rate(np.full(20, 3.0), batch=10**12) == pytest.approx(2 / 3, rel=1e-9)
    assert stationary_excess(0.04, np.full(20, 3.0)) == np.inf


def test_schedules_side_by_side_are_each_by_itself_and_diverge_to_infinity():
    rates = np.array([[0.1, 0.2], [0.3, 0.0]])
    both = excess_courses(rates, H, START)
    np.testing.assert_allclose(both[1], excess_courses(rates[1], H, START), rtol=1e-14)
    assert excess_courses(np.full(3000, 40.0), H, START)[-1] == np.inf


def test_mistakes_are_named():
    with pytest.raises(InputError, match="squares"):
        excess_courses(np.ones(2), H, START[:2])
    with pytest.raises(InputError, match="curvatures"):
        largest_stable_rate(np.array([1.0, 0.0]))
    with pytest.raises(InputError, match="momentum"):
        stationary_excess(0.1, H, momentum=1.0)
