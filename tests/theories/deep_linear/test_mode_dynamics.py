"""One mode's course against an ODE solver, closed forms and the scaling laws that follow."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from carnotlab.core.errors import InputError
from carnotlab.theories.deep_linear.mode_dynamics import (
    inflection_fraction,
    strength_at,
    time_to_reach,
)

DEPTHS = (1, 2, 3, 4, 5, 6)


def one(value):
    return np.array([value])


def by_solver(times, depth, s, u0, d):
    """Integrate the velocity itself, in the per-layer strength, where it is smooth at zero."""

    def velocity(_t, a):
        return a ** (depth - 1) * (s - d * a**depth)

    solution = solve_ivp(
        velocity,
        (0.0, times[-1]),
        [u0 ** (1 / depth)],
        method="DOP853",
        t_eval=times,
        rtol=1e-12,
        atol=1e-14,
    )
    return solution.y[0] ** depth


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(
    ("s", "u0", "d"),
    [
        (2.0, 0.01, 1.0),
        (2.0, 0.3, 0.5),
        (0.7, 1e-3, 2.0),
        (2.0, 5.0, 1.0),
        (1.0, 0.8, 3.0),
        (1.0, 1.0, 1.0),
    ],
    ids=["rising", "rising, d<1", "rising, d>1", "falling", "falling, d>1", "at rest"],
)
def test_against_an_ode_solver(depth, s, u0, d):
    end = (
        3.0
        if u0 >= s / d
        else 2.0
        * float(
            brentq(
                lambda t: (
                    strength_at(one(t), max(depth, 2), one(s), one(u0), one(d))[0, 0] - 0.9 * s / d
                ),
                0.0,
                1e5,
            )
        )
    )
    times = np.linspace(0.0, end, 30)
    seen = strength_at(times, depth, one(s), one(u0), one(d))[:, 0]
    expected = by_solver(times, depth, s, u0, d)
    # The solver's own tolerance is 1e-12 a step; the transient amplifies it by at most s / u0.
    assert np.abs(seen / expected - 1).max() < 1e-8


def test_the_wrong_rate_is_told_apart():
    """A circulating transcription of depth two has s for 2 s: it learns half as fast."""
    times = np.linspace(0.1, 4.0, 30)
    s, u0 = 1.0, 0.01
    growth = np.exp(s * times)
    wrong = s * growth / (growth - 1 + s / u0)
    assert np.abs(wrong / by_solver(times, 2, s, u0, 1.0) - 1).max() > 0.5
    # Nor is depth three the course of depth two at another rate.
    assert np.abs(by_solver(times, 3, s, u0, 1.0) / by_solver(times, 2, s, u0, 1.0) - 1).max() > 0.5


def test_depth_one_and_two_by_their_formulas():
    times, s, u0 = np.linspace(0.0, 5.0, 20), 1.5, 0.02
    growth = np.exp(2 * s * times)
    two = s * growth / (growth - 1 + s / u0)
    np.testing.assert_allclose(
        strength_at(times, 2, one(s), one(u0), one(1.0))[:, 0], two, rtol=1e-13
    )
    np.testing.assert_allclose(
        strength_at(times, 1, one(s), one(-u0), one(1.0))[:, 0],
        s + (-u0 - s) * np.exp(-times),
        rtol=1e-13,
    )


def test_depth_four_by_its_formula():
    """t = G(u) - G(u0) with G = artanh sqrt(u/s) / (2 s^(3/2)) - 1 / (2 s sqrt u)."""
    s, u0 = 1.3, 0.01

    def primitive(u):
        return np.arctanh(np.sqrt(u / s)) / (2 * s**1.5) - 1 / (2 * s * np.sqrt(u))

    u = np.linspace(0.02, 1.29, 25)
    times = time_to_reach(u, 4, np.array(s), np.array(u0))
    np.testing.assert_allclose(times, primitive(u) - primitive(u0), rtol=1e-13)
    back = strength_at(times, 4, one(s), one(u0), one(1.0))[:, 0]
    np.testing.assert_allclose(back, u, rtol=1e-11)


@pytest.mark.parametrize("depth", [2, 3, 4, 7])
def test_time_and_strength_are_inverse(depth):
    s, d, u0 = 2.0, 1.6, 1e-4
    u = s / d * np.array([1e-3, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9])
    times = time_to_reach(u, depth, np.array(s), np.array(u0), d)
    back = strength_at(times, depth, one(s), one(u0), one(d))[:, 0]
    np.testing.assert_allclose(1 - back * d / s, 1 - u * d / s, rtol=1e-6, atol=1e-15)
    np.testing.assert_allclose(back, u, rtol=1e-11)


def test_very_deep_networks_approach_the_infinite_limit_slowly():
    """t D -> s^-2 ln(u / (s - u)) - 1 / (s u), within 1.2 % at depth 1000 and not before."""
    s, u0, u = 1.0, 0.05, 0.9

    def limit(v):
        return np.log(v / (s - v)) / s**2 - 1 / (s * v)

    errors = []
    for depth in (10, 100, 1000):
        exact = depth * float(time_to_reach(np.array(u), depth, np.array(s), np.array(u0)))
        errors.append(abs(exact / (limit(u) - limit(u0)) - 1))
    assert 0.001 < errors[2] < 0.02
    # The correction is of order 1 / depth: ten times fewer layers, ten times the error.
    assert errors[1] / errors[2] == pytest.approx(10, rel=0.15)


@pytest.mark.parametrize(("depth", "fraction"), [(2, 1 / 2), (3, 4 / 7), (4, 3 / 5), (8, 7 / 11)])
def test_inflection_of_the_course(depth, fraction):
    assert inflection_fraction(depth) == pytest.approx(fraction, rel=1e-14)
    s = 1.7
    u = s * np.linspace(0.3, 0.8, 1001)
    times = time_to_reach(u, depth, np.array(s), np.array(1e-3))
    steepest = np.argmax(np.diff(u) / np.diff(times))
    # The grid's step is 0.0005 of s.
    assert 0.5 * (u[steepest] + u[steepest + 1]) / s == pytest.approx(fraction, abs=6e-4)
    assert abs(fraction - inflection_fraction(depth + 1)) > 6e-4


def test_learning_times_grow_as_powers_of_the_layer_strength():
    """T = b^-(D-2) / (s (D-2)) with b the strength of each layer; logarithmic at depth two."""
    s, b = 1.4, np.geomspace(1e-4, 1e-2, 9)
    for depth in range(3, 9):
        times = np.array(
            [
                float(time_to_reach(np.array(0.5 * s), depth, np.array(s), np.array(each**depth)))
                for each in b
            ]
        )
        slope = np.polyfit(np.log(b), np.log(times), 1)[0]
        assert slope == pytest.approx(-(depth - 2), abs=0.05)
        # The rest of the course takes a time of order 1 / s, a share b^(D-2) <= 1 % of the whole.
        np.testing.assert_allclose(times * s * (depth - 2) * b ** (depth - 2), 1.0, atol=0.02)
    two = np.array(
        [float(time_to_reach(np.array(0.5 * s), 2, np.array(s), np.array(x**2))) for x in b]
    )
    np.testing.assert_allclose(two, np.log(s / b**2) / (2 * s), rtol=1e-4)
    assert abs(np.polyfit(np.log(b), np.log(two), 1)[0]) < 0.3


def descent(steps, depth, s, u0, d, rate):
    """Gradient descent of balanced aligned layers, one number each: a' = a + rate a^(D-1)(...)."""
    a, path = u0 ** (1 / depth), [u0]
    for _ in range(steps):
        a = a + rate * a ** (depth - 1) * (s - d * a**depth)
        path.append(a**depth)
    return np.array(path)


@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize("u0", [0.01, 1.6], ids=["rising", "falling"])
def test_descent_is_predicted_to_second_order(depth, u0):
    s, d = 1.0, 0.8
    end = 2.0 * (
        float(time_to_reach(np.array(0.6), depth, np.array(s), np.array(u0), d)) if u0 < 1 else 1.0
    )
    errors = {}
    for steps in (50, 100, 200, 400):
        rate = end / steps
        times = rate * np.arange(steps + 1)
        exact = descent(steps, depth, s, u0, d, rate)
        for kind, used in (("corrected", rate), ("flow", 0.0)):
            seen = strength_at(times, depth, one(s), one(u0), one(d), used)[:, 0]
            errors.setdefault(kind, []).append(np.abs(seen - exact).max())
    rates = 1.0 / np.array([50, 100, 200, 400])
    assert np.polyfit(np.log(rates[1:]), np.log(errors["corrected"][1:]), 1)[0] == pytest.approx(
        2.0, abs=0.15
    )
    # The control: without the correction the error is of first order.
    assert np.polyfit(np.log(rates[1:]), np.log(errors["flow"][1:]), 1)[0] == pytest.approx(
        1.0, abs=0.15
    )


def test_depth_one_descends_exactly_even_beyond_the_point():
    """A step beyond 1 / d overshoots and alternates; times are rounded multiples of the step."""
    for rate, d in ((0.1, 2.0), (0.1, 15.0), (0.7, 2.5)):
        path = [0.3]
        for _ in range(40):
            path.append(path[-1] + rate * (1.0 - d * path[-1]))
        times = np.arange(41) * rate
        seen = strength_at(times, 1, one(1.0), one(0.3), one(d), rate)[:, 0]
        np.testing.assert_allclose(seen, path, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("product", [0.02, 0.05])
def test_half_times_of_descent_are_late_by_half_the_step(product):
    """At depth two descent reaches the half-way point late by a relative eta s / 2 or so.

    From u0 to s/2 the flow takes ln(s / u0 - 1) / (2 s) and descent
    (eta / 2) ln(f(a) / f(a0)) = (eta / 2) (ln(s / u0) / 2 - ln sqrt 8) more, which is eta s / 2 of
    the flow's time up to the last logarithm.
    """
    s, u0 = 1.0, 1e-4
    rate = product / s
    path = descent(int(20 / rate), 2, s, u0, 1.0, rate)
    crossing = np.interp(0.5 * s, path, rate * np.arange(len(path)))
    flow = np.log(s / u0 - 1) / (2 * s)
    late = rate / 2 * (np.log(s / u0) / 2 - np.log(8) / 2)
    # What is left is of second order in the step.
    assert crossing - flow == pytest.approx(late, rel=2 * product)
    assert crossing == pytest.approx(flow * (1 + product / 2), rel=0.02)
    # Corrected, the half-time is right to far better than 2 %, and without it is not.
    times = np.linspace(0.8, 1.2, 2001) * flow
    seen = strength_at(times, 2, one(s), one(u0), one(1.0), rate)[:, 0]
    assert np.interp(0.5 * s, seen, times) == pytest.approx(crossing, rel=2e-4)
    assert flow != pytest.approx(crossing, rel=5e-3)


def test_courses_at_their_ends():
    for depth in DEPTHS:
        for u0 in (0.1, 3.0):
            course = strength_at(np.array([0.0, 1e9]), depth, one(2.0), one(u0), one(1.0))
            np.testing.assert_allclose(course[:, 0], [u0, 2.0], rtol=1e-14)
    many = strength_at(
        np.linspace(0, 5, 7), 3, np.array([1.0, 2.0]), np.array([0.1, 4.0]), one(1.0)
    )
    assert many.shape == (7, 2)
    assert (np.diff(many[:, 0]) > 0).all()
    assert (np.diff(many[:, 1]) < 0).all()


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: strength_at(one(1.0), 2, one(0.0), one(0.1), one(1.0)), "mode correlations"),
        (lambda: strength_at(one(1.0), 2, one(1.0), one(0.1), one(0.0)), "input power"),
        (lambda: strength_at(one(1.0), 2, one(1.0), one(0.0), one(1.0)), "starting strengths"),
        (lambda: time_to_reach(one(1.5), 2, one(1.0), one(0.1)), "between the start and the end"),
        (lambda: time_to_reach(one(0.05), 2, one(1.0), one(0.1)), "use strength_at"),
    ],
)
def test_refusals(run, message):
    with pytest.raises(InputError, match=message):
        run()
