"""The Riccati solution against matrix flow, at all times, through tasks that change."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from carnotlab.core.errors import InputError
from carnotlab.theories.deep_linear.matrix_riccati import (
    imbalance_beyond,
    nearest_balance,
    two_layer_course,
)
from carnotlab.theories.deep_linear.mode_dynamics import strength_at
from carnotlab.theories.deep_linear.unbalanced_modes import layer_strengths_at

SHAPES = ((4, 4, 4), (5, 3, 3), (3, 5, 3), (6, 4, 2), (4, 6, 3), (7, 7, 5), (1, 1, 1), (6, 5, 4))
"""Inputs, outputs, hidden units: square, funnels both ways, bottlenecks."""


def balanced_start(rng, inputs, outputs, hidden, balance, scale=0.1):
    """Draw one layer and solve for the other, by a root of what balance asks of it."""

    def partner(gram, rows):
        values, vectors = np.linalg.eigh(gram + abs(balance) * np.eye(hidden))
        frame = np.linalg.qr(rng.normal(size=(rows, hidden)))[0]
        return frame @ (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T

    if balance >= 0.0:
        first = scale * rng.normal(size=(hidden, inputs))
        return first, partner(first @ first.T, outputs)
    second = scale * rng.normal(size=(outputs, hidden))
    return partner(second.T @ second, inputs).T, second


def flow(times, sigma, first, second, power=1.0):
    """Integrate both weight matrices; returns the layers at every time."""
    cut = first.size

    def layers(z):
        return z[:cut].reshape(first.shape), z[cut:].reshape(second.shape)

    def velocity(_t, z):
        w1, w2 = layers(z)
        error = sigma - power * w2 @ w1
        return np.concatenate([(w2.T @ error).ravel(), (error @ w1.T).ravel()])

    start = np.concatenate([first.ravel(), second.ravel()])
    found = solve_ivp(
        velocity, (0.0, times[-1]), start, "DOP853", t_eval=times, rtol=1e-11, atol=1e-13
    )
    return [layers(z) for z in found.y.T]


def correlation(rng, inputs, outputs, strongest=2.0):
    sigma = rng.normal(size=(outputs, inputs))
    return strongest * sigma / np.linalg.norm(sigma, 2)


def worst_gap(course, layers):
    return max(
        max(
            np.abs(course.maps[i] - w2 @ w1).max(),
            np.abs(course.input_kernels[i] - w1.T @ w1).max(),
            np.abs(course.output_kernels[i] - w2 @ w2.T).max(),
        )
        for i, (w1, w2) in enumerate(layers)
    )


@pytest.mark.parametrize("balance", [-1.5, 0.0, 0.7, 2.0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_against_matrix_flow(shape, balance):
    rng = np.random.default_rng(1 + sum(shape))
    sigma = correlation(rng, *shape[:2])
    start = balanced_start(rng, *shape, balance)
    times = np.concatenate([np.linspace(0.0, 6.0, 7), [30.0]])
    course = two_layer_course(times, sigma, *start, power=0.6)
    assert worst_gap(course, flow(times, sigma, *start, power=0.6)) < 1e-6 / 100
    first, second = course.end
    np.testing.assert_allclose(second @ first, course.maps[-1], atol=1e-12)
    np.testing.assert_allclose(first.T @ first, course.input_kernels[-1], atol=1e-12)
    if balance:
        # λ is part of the solution: another one is another course.
        other = two_layer_course(times, sigma, *start, power=0.6, balance=-balance)
        assert np.abs(other.maps - course.maps).max() > 1e-3


@pytest.mark.parametrize("balance", [-1.5, 0.0, 0.7])
def test_the_one_shot_formula_and_where_it_is_singular(balance):
    """Exponentials of the whole generator, as written: right at first, useless soon after."""
    rng = np.random.default_rng(3)
    sigma = correlation(rng, 4, 4)
    first, second = balanced_start(rng, 4, 4, 4, balance)
    q0 = np.concatenate([first.T, second])
    one = np.eye(4)
    generator = np.block([[-balance / 2 * one, sigma.T], [sigma, balance / 2 * one]])

    def one_shot(time):
        growth = expm(generator * time)
        # Van Loan: the integral of e^{2Fr} as a block of a larger exponential.
        larger = np.block([[2 * generator, np.eye(8)], [np.zeros((8, 16))]])
        integral = expm(larger * time)[:8, 8:]
        bracket = np.eye(4) + q0.T @ integral @ q0
        try:
            return growth @ q0 @ np.linalg.inv(bracket) @ q0.T @ growth
        except np.linalg.LinAlgError:
            return np.full((8, 8), np.nan)

    seen = two_layer_course(np.array([1.0, 60.0]), sigma, first, second)
    np.testing.assert_allclose(one_shot(1.0)[4:, :4], seen.maps[0], atol=1e-9)
    exact = flow(np.array([60.0]), sigma, first, second)
    assert worst_gap(two_layer_course(np.array([60.0]), sigma, first, second), exact) < 1e-8
    assert not np.abs(one_shot(60.0)[4:, :4] - seen.maps[1]).max() < 1e-3


@pytest.mark.parametrize("balance", [-1.5, 0.0, 0.7])
@pytest.mark.parametrize("shape", [(4, 4, 4), (6, 4, 2), (7, 5, 5)], ids=str)
def test_finite_and_right_at_the_end_of_all_times(shape, balance):
    rng = np.random.default_rng(5)
    inputs, outputs, hidden = shape
    left = np.linalg.qr(rng.normal(size=(outputs, outputs)))[0]
    right = np.linalg.qr(rng.normal(size=(inputs, inputs)))[0]
    s = np.array([2.0, 1.0, 0.5, 1e-4])
    sigma = (left[:, :4] * s) @ right[:, :4].T
    start = balanced_start(rng, *shape, balance, 1e-3)
    course = two_layer_course(np.array([0.0, 1e7, 1e12]), sigma, *start)
    assert all(np.isfinite(part).all() for part in (course.maps, course.first, course.second))
    kept = min(hidden, 4)
    best = (left[:, :kept] * s[:kept]) @ right[:, :kept].T
    np.testing.assert_allclose(course.maps[-1], best, atol=1e-12)
    # Balance is conserved, whatever the number of steps; silent directions of a balanced
    # network decay as 1/t.
    assert imbalance_beyond(*course.end, balance) < 1e-11
    # One leap is the same as many steps: it is a semigroup.
    fine = two_layer_course(np.linspace(0.0, 40.0, 81), sigma, *start).maps[-1]
    leap = two_layer_course(np.array([40.0]), sigma, *start).maps[-1]
    np.testing.assert_allclose(leap, fine, atol=1e-11)


def test_modes_that_the_start_shares_have_courses_of_their_own():
    rng = np.random.default_rng(1)
    s = np.array([2.0, 1.2, 0.4])
    left, right, basis = (np.linalg.qr(rng.normal(size=(n, 3)))[0] for n in (4, 5, 3))
    sigma = (left * s) @ right.T
    times = np.linspace(0.0, 6.0, 25)
    for balance in (0.0, 0.8, -2.0):
        u0 = np.array([0.02, 0.1, -0.05 if balance else 0.03])
        w = np.hypot(balance, 2 * u0)
        b = np.sqrt((w + balance) / 2)
        a = u0 / b
        course = two_layer_course(
            times, sigma, (basis * a) @ right.T, (left * b) @ basis.T, power=0.7
        )
        seen = np.einsum("ok,toi,ik->tk", left, course.maps, right)
        expected = layer_strengths_at(times, s, a, b, np.full(3, 0.7)).product
        np.testing.assert_allclose(seen, expected, atol=1e-12)
        if not balance:
            sigmoid = strength_at(times, 2, s, u0, np.full(3, 0.7))
            np.testing.assert_allclose(seen, sigmoid, atol=1e-12)


def test_task_switches_are_restarts():
    """Three tasks in a row, the last the first again, against flow through all of them."""
    rng = np.random.default_rng(2)
    one, two = correlation(rng, 5, 4), correlation(rng, 5, 4)
    layers = solver = balanced_start(rng, 5, 4, 3, 0.5)
    times = np.linspace(0.0, 5.0, 6)
    for sigma in (one, two, one):
        course = two_layer_course(times, sigma, *layers, balance=0.5)
        through = flow(times, sigma, *solver)
        assert worst_gap(course, through) < 1e-8
        layers, solver = course.end, through[-1]
    # Each task is forgotten for the next: knowledge of the first is not what is left of it.
    assert np.abs(course.maps[0] - course.maps[-1]).max() > 0.3


def test_balance_of_a_start():
    rng = np.random.default_rng(0)
    first, second = balanced_start(rng, 5, 6, 4, 1.3)
    assert nearest_balance(first, second) == pytest.approx(1.3, rel=1e-12)
    assert imbalance_beyond(first, second) < 1e-13
    assert imbalance_beyond(first, second, 0.3) == pytest.approx(2.0, rel=1e-12)
    assert imbalance_beyond(first, second * np.array([1.0, 1.0, 1.0, 1.2])) > 0.1
    # No other λ is nearer.
    wrong = rng.normal(size=(6, 4))
    best = nearest_balance(first, wrong)
    assert imbalance_beyond(first, wrong) < imbalance_beyond(first, wrong, best + 1e-3)
    assert imbalance_beyond(first, wrong) < imbalance_beyond(first, wrong, best - 1e-3)


def test_a_start_without_its_balance_is_another_course():
    rng = np.random.default_rng(4)
    sigma = correlation(rng, 5, 4)
    first, second = rng.normal(size=(4, 5)), rng.normal(size=(4, 4))
    times = np.linspace(0.0, 2.0, 5)
    gap = worst_gap(
        two_layer_course(times, sigma, first, second), flow(times, sigma, first, second)
    )
    assert gap > 0.05


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first": np.ones((3, 5))}, r"layers of shapes \[3, 5\]"),
        ({"time": np.array([1.0, 0.5])}, "times from 0 on"),
        ({"time": np.array([-1.0])}, "times from 0 on"),
        ({"power": 0.0}, r"power = 0.0"),
    ],
)
def test_refusals(changes, message):
    given = {
        "time": np.ones(1),
        "correlation": np.ones((2, 4)),
        "first": np.ones((3, 4)),
        "second": np.ones((2, 3)),
    }
    with pytest.raises(InputError, match=message):
        two_layer_course(**(given | changes))
