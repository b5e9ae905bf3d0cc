"""The one curve of a depth against the closed forms it tabulates."""

import numpy as np
import pytest
from scipy.special import expit, logit

from carnotlab.core.errors import InputError
from carnotlab.theories.deep_linear.mode_dynamics import inflection_fraction, strength_at
from carnotlab.theories.learners.course import course


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("start", [1e-4, 0.3])
def test_share_is_the_strength_of_a_mode_over_where_it_ends(depth, start):
    curve = course(depth)
    begin = curve.clock(np.array(logit(start)))
    time = np.linspace(0.0, float(curve.clock(np.array(7.0)) - begin), 200)
    expected = strength_at(time, depth, np.ones(1), np.array([start]), np.ones(1))[:, 0]
    np.testing.assert_allclose(curve.share(time + begin), expected, rtol=2e-8)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_clock_and_log_odds_undo_each_other(depth):
    z = np.linspace(-12.0, 20.0, 333)
    np.testing.assert_allclose(course(depth).log_odds(course(depth).clock(z)), z, atol=1e-7)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_learning_is_fastest_at_the_inflection(depth):
    x = np.linspace(0.01, 0.99, 99_001)
    assert x[np.argmax(course(depth).speed(x))] == pytest.approx(
        inflection_fraction(depth), abs=2e-5
    )


def test_depth_two_is_the_logistic_curve_and_depth_one_the_exponential():
    t = np.linspace(-3.0, 6.0, 50)
    np.testing.assert_allclose(course(2).share(t), expit(2.0 * t), rtol=1e-12)
    begin = float(course(1).clock(np.array(logit(0.5))))
    np.testing.assert_allclose(
        course(1).share(begin + t[t > 0]), 1.0 - 0.5 * np.exp(-t[t > 0]), rtol=1e-8
    )


def test_no_depth_below_one():
    with pytest.raises(InputError, match="depth = 0"):
        course(0)
