"""Learning times: exponents and leading terms against courses integrated by a solver."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from carnotlab.core.errors import InputError
from carnotlab.theories.deep_linear.learning_time import (
    learning_time,
    learning_time_exponent,
    learning_time_slope,
    small_start_time,
)


def by_solver(depth, s, b, d, share):
    """Integrate the strength of a layer until the mode is where it should be."""

    def there(_t, a):
        return a[0] ** depth - share * s / d

    there.terminal = True
    found = solve_ivp(
        lambda _t, a: a ** (depth - 1) * (s - d * a**depth),
        (0.0, 1e16),
        [b],
        "DOP853",
        rtol=1e-11,
        atol=1e-13,
        events=there,
    )
    return found.t_events[0][0]


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_against_a_solver(depth, share):
    s, d, b = 1.3, 0.8, 0.2
    exact = learning_time(depth, np.array(s), np.array(b**depth), d, share)
    assert float(exact) == pytest.approx(by_solver(depth, s, b, d, share), rel=1e-8)


@pytest.mark.parametrize("depth", range(3, 9))
def test_exponents_of_simulated_learning_times(depth):
    """Half-times from a solver, fitted over starts: -(D-2), within 0.05."""
    b = np.geomspace(1e-3, 1e-2, 4) if depth < 6 else np.geomspace(1e-2, 3e-2, 4)
    times = [by_solver(depth, 1.0, each, 1.0, 0.5) for each in b]
    fitted = np.polyfit(np.log(b), np.log(times), 1)[0]
    assert fitted == pytest.approx(learning_time_exponent(depth), abs=0.05)
    assert fitted / depth == pytest.approx(learning_time_exponent(depth, "end to end"), abs=0.05)
    # The neighbouring law, the one that is often quoted, is a whole number off.
    assert abs(fitted + depth) > 1.9


def test_two_layers_are_logarithmic():
    s, u0 = 1.3, np.geomspace(1e-4, 1e-12, 5)
    times = learning_time(2, np.array(s), u0)
    np.testing.assert_allclose(np.diff(times), np.log(100.0) / (2 * s), rtol=1e-3)
    assert learning_time_exponent(2) == learning_time_exponent(2, "end to end") == 0.0


@pytest.mark.parametrize(("depth", "order"), [(2, 1.0), (3, 1 / 3), (4, 0.5), (6, 2 / 3)])
def test_the_leading_term_is_approached_at_the_stated_order(depth, order):
    s, d = 1.4, 0.7
    u0 = np.geomspace(1e-3, 1e-9, 4) if depth == 2 else np.geomspace(1e-10, 1e-16, 4)
    exact = learning_time(depth, np.array(s), u0, d, 0.8)
    gap = np.abs(small_start_time(depth, np.array(s), u0, d, 0.8) - exact)
    if depth == 2:  # an absolute error of order u0, over a time that hardly changes
        assert np.polyfit(np.log(u0[:3]), np.log(gap[:3]), 1)[0] == pytest.approx(1.0, abs=0.05)
        return
    slope = np.polyfit(np.log(u0), np.log(gap / exact), 1)[0]
    assert slope == pytest.approx(order, abs=0.06)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_slopes_by_finite_differences(depth):
    s, d, b = np.array(1.2), 0.9, 0.15
    step = 1e-5
    up, down = (
        learning_time(depth, s, np.array((b * f) ** depth), d, 0.7) for f in (1 + step, 1 - step)
    )
    expected = np.log(up / down) / np.log((1 + step) / (1 - step))
    assert float(learning_time_slope(depth, s, np.array(b**depth), d, 0.7)) == pytest.approx(
        float(expected), rel=1e-6
    )


def test_refusals():
    with pytest.raises(InputError, match=r"share = 1\.0"):
        learning_time(2, np.array(1.0), np.array(0.1), share=1.0)
    with pytest.raises(InputError, match="two layers or more"):
        small_start_time(1, np.array(1.0), np.array(0.1))
    with pytest.raises(InputError, match="'per layer' or 'end to end'"):
        learning_time_exponent(3, "both")
