"""Decay traded for growing rates, step by step on a function of direction alone."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.scale_invariance.fixed_root import (
    first_buffer,
    fixed_root,
    stepped_exponential,
    steps_to_overflow,
)
from carnotlab.theories.scale_invariance.growing_rates import (
    growing_schedule,
    held,
    without_decay,
)

RANDOM = np.random.default_rng(0)
FORM = np.diag(np.linspace(1.0, 5.0, 6))
START = RANDOM.normal(size=6)


def slope(w):
    """Gradient of half the Rayleigh quotient of FORM, which is free of scale."""
    square = w @ w
    return (FORM @ w - (w @ FORM @ w) / square * w) / square


def descend(rates, decays, momentum, buffer=0.0):
    w, v = START.copy(), buffer * START
    course = [w]
    for rate, decay in zip(rates, decays, strict=True):
        v = momentum * v + slope(w) + decay * w
        w = w - rate * v
        course.append(w)
    return np.array(course)


def direction(course):
    return course / np.linalg.norm(course, axis=1, keepdims=True)


STEPS = 400
VARIED = {
    "constant": (np.full(STEPS, 0.03), np.full(STEPS, 0.05)),
    "two drops": (0.03 * 0.3 ** (np.arange(STEPS) // 150), np.full(STEPS, 0.05)),
    "any": (0.03 * RANDOM.uniform(0.8, 1.2, STEPS), 0.05 * RANDOM.uniform(0.0, 1.0, STEPS)),
}


@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("schedule", VARIED)
def test_weights_with_decay_are_those_without_times_the_scale(schedule, momentum):
    rates, decays = VARIED[schedule]
    course = without_decay(rates, decays, momentum)
    grown = descend(2.0**course.log2_rates, np.zeros(STEPS), momentum)
    expected = 2.0 ** course.log2_scale[:, None] * grown
    np.testing.assert_allclose(descend(rates, decays, momentum), expected, rtol=1e-9, atol=1e-12)


def test_the_recursion_settles_at_the_root_and_the_root_needs_its_buffer():
    rate, decay, momentum = 0.03, 0.05, 0.8
    alpha = fixed_root(rate, decay, momentum)
    course = without_decay(np.full(STEPS, rate), decay, momentum)
    assert alpha**2 - (1 + momentum - rate * decay) * alpha + momentum == pytest.approx(
        0, abs=1e-15
    )
    assert course.alphas[0] == pytest.approx(1.0 - rate * decay)
    assert course.alphas[-1] == pytest.approx(alpha, rel=1e-12)
    rates, zero = stepped_exponential([(rate, STEPS)], decay, momentum), np.zeros(STEPS)
    decayed = direction(descend(np.full(STEPS, rate), np.full(STEPS, decay), momentum))
    right = direction(descend(rates, zero, momentum, first_buffer(rate, decay, momentum)))
    np.testing.assert_allclose(right, decayed, atol=1e-11)
    wrong = direction(descend(rates, zero, momentum))
    assert np.abs(wrong - decayed).max() > 1e-3


def test_jumps_at_a_drop_are_exact_only_without_momentum():
    phases, decay = [(0.03, 30), (0.003, 100)], 0.05
    rates = np.repeat([0.03, 0.003], [30, 100])
    for momentum, low, high in ((0.0, 0.0, 1e-11), (0.8, 1e-6, 1e-1)):
        decayed = direction(descend(rates, np.full(130, decay), momentum))
        stepped = stepped_exponential(phases, decay, momentum)
        buffer = first_buffer(0.03, decay, momentum)
        gap = np.abs(direction(descend(stepped, np.zeros(130), momentum, buffer)) - decayed)
        assert gap[:30].max() < 1e-11
        assert low <= gap[31:].max() < high


def test_long_runs_stay_within_bounds():
    """The scale falls to e^-500 and rates grow by e^1000, held as exponents of two."""
    rates = np.full(200_000, 0.1)
    course = without_decay(rates, 2.5e-3, 0.9)
    alpha = fixed_root(0.1, 2.5e-3, 0.9)
    expected = len(rates) * np.log2(alpha)
    assert course.log2_scale[-1] == pytest.approx(expected, rel=1e-4)
    assert course.log2_scale[-1] < -700
    assert np.all((course.mantissas >= 0.5) & (course.mantissas <= 1.0))
    assert np.ptp(course.rates) < 0.4
    with pytest.raises(InputError, match="rescale weights"):
        growing_schedule(course, rates, (True,))
    assert np.ptp(growing_schedule(course, rates, (True,), every=1).rates) < 4.0


def test_units_follow_every_so_many_steps():
    assert held(np.array([0, -1, -1, -2, -3]), 3).tolist() == [0, 0, 0, -2, -2]
    rates = np.full(2000, 0.1)
    course = without_decay(rates, 0.02, 0.9)
    table = growing_schedule(course, rates, (True, False), every=100)
    assert (table.rates[:, 1] == 1.0).all()
    assert (table.weights[:, 1] == 1.0).all()
    assert np.unique(np.flatnonzero(table.weights[:, 0] != 1.0) % 100).tolist() == [0]
    np.testing.assert_array_equal(table.weights * table.buffers, 1.0)
    plain = growing_schedule(course, rates, (True, False))
    units = np.cumsum(np.log2(table.weights[:, 0]))
    np.testing.assert_array_equal(table.rates[:, 0], plain.rates[:, 0] * 4.0**units)


def test_overflow_of_single_precision():
    assert steps_to_overflow(0.1, 5e-4, 0.9, 900.0) == pytest.approx(81.5e3, rel=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: without_decay(np.array([0.1, 0.0]), 0.1, 0.9), "not positive.*above 0"),
        (lambda: without_decay(np.array([1.0]), 2.0, 0.0), "alpha = -1"),
        (lambda: fixed_root(0.1, 0.1, 0.9), r"rate times decay = 0.01.*0.00263.*no root"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InputError, match=message):
        call()
