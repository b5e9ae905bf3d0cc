"""Unbalanced modes against an ODE solver, a published formula, limits and a conservation law."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from carnotlab.core.errors import InputError
from carnotlab.theories.deep_linear.mode_dynamics import strength_at, time_to_reach
from carnotlab.theories.deep_linear.unbalanced_modes import (
    chain_strengths_at,
    layer_strengths_at,
    time_between,
)


def one(value):
    return np.array([value])


def by_solver(times, s, a0, b0, d):
    def velocity(_t, ab):
        a, b = ab
        return [b * (s - d * a * b), a * (s - d * a * b)]

    found = solve_ivp(
        velocity, (0.0, times[-1]), [a0, b0], "DOP853", t_eval=times, rtol=1e-12, atol=1e-14
    )
    return found.y


STARTS = {
    "pretrained": (1.0, 1.0, 0.01, 1.0),
    "second layer large": (1.3, 0.02, 3.0, 0.7),
    "balanced": (2.0, 0.1, 0.1, 1.0),
    "nearly balanced": (2.0, 0.1, 0.1 + 1e-7, 1.5),
    "wrong sign": (1.0, 1.2, -0.4, 1.0),
    "one layer at zero": (0.6, 0.0, 0.5, 2.0),
    "falling": (0.5, 2.0, 1.0, 1.0),
}


@pytest.mark.parametrize("case", STARTS.values(), ids=STARTS)
def test_against_an_ode_solver(case):
    s, a0, b0, d = case
    times = np.linspace(0.0, 8.0, 33)
    layers = layer_strengths_at(times, one(s), one(a0), one(b0), one(d))
    expected = by_solver(times, s, a0, b0, d)
    # The solver errs by 1e-12 a step, amplified by the growth of at most s / u0 = 1e2.
    np.testing.assert_allclose(layers.first[:, 0], expected[0], atol=1e-9)
    np.testing.assert_allclose(layers.second[:, 0], expected[1], atol=1e-9)
    # What gradient flow conserves, to rounding.
    imbalance = (layers.first**2 - layers.second**2)[:, 0]
    np.testing.assert_allclose(imbalance, a0**2 - b0**2, atol=1e-14 * max(a0, b0, 1) ** 2 * 10)
    far = layer_strengths_at(one(1e12), one(s), one(a0), one(b0), one(d)).product
    assert far.item() == pytest.approx(s / d, rel=1e-13)


def test_the_formula_with_the_hyperbolic_angle():
    """t = (1/q) ln[(q + c + 2 s tanh(theta/2)) / (q - c - 2 s tanh(theta/2))], u = c/2 sinh theta.

    The transcription with s for 2 s is wrong by far more than rounding.
    """
    s, a0, b0 = 1.4, 1.0, 0.05
    c = a0**2 - b0**2
    u = np.linspace(1.2 * a0 * b0, 0.98 * s, 30)

    def formula(strength, twice):
        q = np.sqrt(c**2 + twice**2 * s**2)
        half = np.tanh(np.arcsinh(2 * strength / c) / 2)
        return np.log((q + c + twice * s * half) / (q - c - twice * s * half)) / q

    seen = time_between(u, np.array(s), np.array(a0 * b0), c)
    np.testing.assert_allclose(seen, formula(u, 2) - formula(a0 * b0, 2), rtol=1e-11)
    reachable = u < 0.45 * s
    wrong = formula(u[reachable], 1) - formula(a0 * b0, 1)
    assert (np.abs(wrong / seen[reachable] - 1) > 0.05).all()


@pytest.mark.parametrize("case", STARTS.values(), ids=STARTS)
def test_times_are_inverse_to_strengths(case):
    s, a0, b0, d = case
    u0 = a0 * b0
    u = u0 + (s / d - u0) * np.array([1e-3, 0.1, 0.5, 0.9, 0.999])
    times = time_between(u, np.array(s), np.array(u0), a0**2 - b0**2, d)
    assert (np.diff(times) > 0).all()
    back = layer_strengths_at(times, one(s), one(a0), one(b0), one(d)).product[:, 0]
    np.testing.assert_allclose(back, u, rtol=1e-9)


def test_balanced_modes_are_the_limit():
    s, u0, d = 1.7, 1e-3, 0.8
    times = np.linspace(0.0, 6.0, 20)
    a0 = np.sqrt(u0)
    expected = strength_at(times, 2, one(s), one(u0), one(d))
    seen = layer_strengths_at(times, one(s), one(a0), one(a0), one(d)).product
    np.testing.assert_allclose(seen, expected, rtol=1e-12)
    u = np.linspace(2 * u0, 0.95 * s / d, 9)
    np.testing.assert_allclose(
        time_between(u, np.array(s), np.array(u0), 0.0, d),
        time_to_reach(u, 2, np.array(s), np.array(u0), d),
        rtol=1e-12,
    )


def test_a_large_imbalance_is_learned_exponentially():
    """u = (s/d)(1 - e^(-|c| d t)), up to a part of order (s/c)^2 in the rate."""
    s, d = 1.0, 0.5
    for c, bound in ((30.0, 2e-2), (300.0, 2e-4)):
        times = np.linspace(0.0, 5.0, 40) / (c * d)
        for a0, b0 in ((np.sqrt(c), 0.0), (0.0, np.sqrt(c))):
            seen = layer_strengths_at(times, one(s), one(a0), one(b0), one(d)).product[:, 0]
            gap = np.abs(seen - s / d * (1 - np.exp(-c * d * times))).max()
            assert gap < bound * s / d
    # At a small imbalance it is no exponential at all.
    times = np.linspace(0.0, 5.0, 40) / 0.01
    seen = layer_strengths_at(times, one(s), one(0.1), one(0.0), one(d)).product[:, 0]
    assert np.abs(seen - s / d * (1 - np.exp(-0.01 * d * times))).max() > 0.5


def test_reversal_takes_ever_longer_the_better_balanced_the_layers():
    """From u = -s/2 a mode crosses zero only by its imbalance; balanced it never does."""
    s, u0 = 1.0, -0.5
    half = np.array(0.5)
    c = np.geomspace(1e-2, 1e-10, 9)
    times = time_between(half, np.array(s), np.array(u0), c)
    # Falling towards zero at rate 2 s and growing from u = |c| / 2 or so at the same rate.
    slope = np.polyfit(np.log(1 / c), times, 1)[0]
    assert slope == pytest.approx(2 / (2 * s), rel=1e-3)
    assert np.isinf(time_between(half, np.array(s), np.array(u0), 0.0))
    assert np.isinf(time_between(half, np.array(s), np.array(0.0), 0.0))
    a0 = np.sqrt(-u0)
    end = layer_strengths_at(one(1e3), one(s), one(a0), one(-a0)).product
    assert abs(end.item()) < 1e-15


def test_chains_by_solver_against_closed_forms_and_conservation():
    times = np.linspace(0.0, 4.0, 15)
    two = chain_strengths_at(times, 1.3, np.array([1.0, 0.02]), 0.7)
    closed = layer_strengths_at(times, one(1.3), one(1.0), one(0.02), one(0.7))
    np.testing.assert_allclose(two, np.hstack(closed), atol=1e-9)
    for depth in (1, 3, 5):
        equal = chain_strengths_at(times, 1.3, np.full(depth, 0.6), 0.7).prod(axis=1)
        expected = strength_at(times, depth, one(1.3), one(0.6**depth), one(0.7))[:, 0]
        np.testing.assert_allclose(equal, expected, atol=1e-9)
    four = chain_strengths_at(times, 1.3, np.array([1.0, 0.5, 0.3, -0.2]))
    gaps = four[:, :1] ** 2 - four[:, 1:] ** 2
    np.testing.assert_allclose(gaps, gaps[:1].repeat(15, axis=0), atol=1e-9)


def test_a_pretrained_chain_is_learned_at_every_depth_alike():
    """With all layers but the last at 1 the mode grows at rate s at once, whatever the depth."""
    half = []
    for depth in (2, 3, 5, 8):
        layers = np.append(np.ones(depth - 1), 0.01)
        times = np.linspace(0.0, 2.0, 401)
        course = chain_strengths_at(times, 1.0, layers).prod(axis=1)
        half.append(np.interp(0.5, course, times))
    assert 0.3 < min(half) < max(half) < 0.75
    small = [
        float(time_to_reach(np.array(0.5), d, np.array(1.0), np.array(0.1**d))) for d in (2, 5)
    ]
    assert small[1] > 100 * half[2]
    assert small[0] < 10 * half[0]


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: layer_strengths_at(one(1.0), one(0.0), one(1.0), one(1.0)), "mode correlations"),
        (
            lambda: layer_strengths_at(one(1.0), one(1.0), one(1.0), one(1.0), one(0.0)),
            "input power",
        ),
        (lambda: time_between(one(1.5), one(1.0), one(0.1), 0.0), "between the start and the end"),
        (lambda: time_between(one(0.5), one(1.0), one(-1.0), 1.0), "one above -s/d"),
    ],
)
def test_refusals(run, message):
    with pytest.raises(InputError, match=message):
        run()
