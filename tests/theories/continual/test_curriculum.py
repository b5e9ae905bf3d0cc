"""Learning in one pass over examples of unequal noise, against students drawn by Monte Carlo."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.continual.curriculum import (
    decaying_rates,
    error_course,
    influence,
    ordered,
)


def test_against_students_drawn_at_random():
    inputs, steps, students = 12, 60, 20_000
    noise = np.linspace(0.0, 2.0, steps)
    rates = np.linspace(0.8, 0.3, steps)
    random = np.random.default_rng(0)
    gap = np.zeros((students, inputs))
    gap[:, 0] = 1.0
    found = [1.0]
    for rate, variance in zip(rates, noise, strict=True):
        x = random.standard_normal((students, inputs))
        error = np.sum(x * gap, axis=1) - np.sqrt(variance) * random.standard_normal(students)
        gap = gap - rate / inputs * x * error[:, None]
        found.append(float(np.mean(np.sum(gap**2, axis=1))))
    # Squared errors of a student scatter by their own size: 1 / sqrt(20 000) = 0.7 %.
    np.testing.assert_allclose(error_course(rates, noise, inputs), found, rtol=0.03)


def test_large_systems_follow_the_differential_equation():
    inputs, rate, noise = 4000, 0.7, 0.4
    course = error_course(np.full(3 * inputs, rate), np.full(3 * inputs, noise), inputs)
    alpha = np.arange(3 * inputs + 1) / inputs
    settled = rate * noise / (2.0 - rate)
    expected = settled + (1.0 - settled) * np.exp(-rate * (2.0 - rate) * alpha)
    np.testing.assert_allclose(course, expected, rtol=2e-3)


def test_influence_is_the_slope_of_the_final_error():
    rates = np.linspace(0.9, 0.2, 30)
    noise = np.linspace(1.0, 0.0, 30)
    weights = influence(rates, 7)
    for k in (0, 11, 29):
        up = noise.copy()
        up[k] += 1.0
        slope = error_course(rates, up, 7)[-1] - error_course(rates, noise, 7)[-1]
        assert weights[k] == pytest.approx(slope, rel=1e-9)


def test_noise_met_last_counts_most_unless_rates_fall_fast():
    inputs, steps = 100, 2000
    assert np.all(np.diff(influence(np.full(steps, 0.5), inputs)) > 0)
    slow = influence(decaying_rates(0.2, 20.0, steps, inputs), inputs)
    even = influence(decaying_rates(0.1, 10.0, steps, inputs), inputs)
    fast = influence(decaying_rates(0.1, 2.0, steps, inputs), inputs)
    assert slow[-1] > 2.0 * slow[0]
    assert even[-1] == pytest.approx(even[0], rel=0.15)
    assert fast[-1] < 0.5 * fast[0]


def test_easy_first_loses_at_a_constant_rate_and_is_ahead_on_the_way():
    noise = np.repeat([0.0, 2.0], 200)
    rates = np.full(400, 0.5)
    easy = error_course(rates, ordered(noise, "easy to hard"), 100)
    hard = error_course(rates, ordered(noise, "hard to easy"), 100)
    assert easy[200] < hard[200]
    assert easy[-1] > 1.5 * hard[-1]


def test_refusals():
    with pytest.raises(InputError, match="one rate for each example"):
        error_course(np.ones(3), np.ones(4), 2)
    with pytest.raises(InputError, match="order 'up'"):
        ordered(np.ones(2), "up")
    assert sorted(ordered(np.arange(5.0), "random")) == [0, 1, 2, 3, 4]
