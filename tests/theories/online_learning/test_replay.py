"""Gains of replay against the reference table, simulations and what is known of limits."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.continual.curriculum import error_course
from carnotlab.theories.online_learning.online_regression import (
    annealed_excess,
    annealed_rates,
    constant_rate_excess,
    steady_excess,
)
from carnotlab.theories.online_learning.replay import (
    best_epochs,
    replay_excess,
    replay_gain,
    replay_gains,
)

RATIOS = np.array([0.5, 0.9, 1.0, 2.0, 5.0])
RELIABILITY = np.array([np.inf, 10.0, 1.0, 0.1])
GAINS = np.array(
    [
        [0.107, 0.307, 0.368, 0.135, 0.007],
        [0.064, 0.134, 0.144, 0.114, 0.024],
        [0.007, 0.016, 0.018, 0.030, 0.025],
        [0.0, 0.0, 0.0, 0.0, 0.002],
    ]
)
"""Reference values from an independent computation, to three digits."""


def test_the_table_of_gains():
    np.testing.assert_allclose(replay_gains(RATIOS, RELIABILITY), GAINS, atol=1e-3)


def test_unlimited_replay_overfits():
    found = replay_gain(0.9, 1.0)
    assert found.unlimited == pytest.approx(9.1, abs=0.05)
    assert found.stopped == pytest.approx(0.653, abs=5e-4)
    assert found.once == pytest.approx(0.668, abs=5e-4)


def test_annealed_excess_solves_its_equation():
    for noise, e0 in ((0.1, 1.0), (2.0, 0.5)):
        alpha = np.linspace(0.0, 30.0, 7)
        e = annealed_excess(alpha, noise_variance=noise, start_excess=e0)
        left = np.log(e / e0) - noise * (1.0 / e - 1.0 / e0)
        np.testing.assert_allclose(left, -alpha, atol=1e-9)
    late = annealed_excess(1e4, noise_variance=0.5)
    assert late == pytest.approx(0.5 / 1e4, rel=0.01)


def test_annealed_rates_end_where_no_other_rates_do():
    n, noise = 40, 0.3
    rates = annealed_rates(80, n, noise_variance=noise)
    least = error_course(rates, np.full(80, noise), n)[-1]
    random = np.random.default_rng(0)
    for _ in range(20):
        other = rates * np.exp(0.2 * random.standard_normal(80))
        assert error_course(other, np.full(80, noise), n)[-1] > least


def test_annealed_rates_reach_the_closed_form_as_inputs_grow():
    gaps = []
    for n in (200, 2000):
        rates = annealed_rates(2 * n, n, noise_variance=0.3)
        end = error_course(rates, np.full(2 * n, 0.3), n)[-1]
        gaps.append(abs(end - annealed_excess(2.0, noise_variance=0.3)))
    assert gaps[1] < 1e-3
    assert gaps[0] / gaps[1] == pytest.approx(10.0, rel=0.1)  # first order in 1/N


def test_constant_rates_against_the_exact_recursion():
    n, rate, noise = 5000, 0.6, 0.4
    course = error_course(np.full(3 * n, rate), np.full(3 * n, noise), n)[::n]
    expected = constant_rate_excess(np.arange(4.0), rate, noise_variance=noise)
    np.testing.assert_allclose(course, expected, rtol=2e-3)
    assert constant_rate_excess(1e3, rate, noise_variance=noise) == steady_excess(rate, noise)


def test_no_constant_rate_beats_the_annealed_one():
    for alpha in (0.5, 2.0, 10.0):
        best = float(annealed_excess(alpha, noise_variance=0.5))
        for rate in np.linspace(0.02, 1.9, 40):
            assert constant_rate_excess(alpha, float(rate), noise_variance=0.5) > best


@pytest.mark.parametrize(("ratio", "noise"), [(0.5, 0.3), (1.5, 1.0)])
def test_replay_of_few_epochs_against_students_trained_by_hand(ratio, noise):
    n, rate, students = 100, 0.3, 100
    p, random = round(ratio * n), np.random.default_rng(1)
    epochs = np.array([0, 1, 3, 10])
    found = np.zeros((students, len(epochs)))
    for student in range(students):
        x = random.standard_normal((p, n)) / np.sqrt(n)
        teacher = random.standard_normal(n)
        y = x @ teacher + np.sqrt(noise) * random.standard_normal(p)
        w = np.zeros(n)
        for epoch in range(epochs[-1] + 1):
            if epoch in epochs:
                found[student, epochs == epoch] = np.mean((w - teacher) ** 2)
            w = w + rate * x.T @ (y - x @ w)
    error = found.std(axis=0) / np.sqrt(students)
    expected = replay_excess(epochs.astype(float), ratio, rate, noise_variance=noise)
    # Means over disorder differ from many inputs by the order of 1/N.
    assert np.all(np.abs(found.mean(axis=0) - expected) < 3.0 * error + 1.0 / n)


def test_best_number_of_epochs_is_the_best():
    for ratio, rate, noise in ((0.9, 0.1, 1.0), (2.0, 0.05, 0.1), (0.5, 0.3, 10.0)):
        best = best_epochs(ratio, rate, noise_variance=noise)
        every = np.arange(0.0, 400.0)
        errors = replay_excess(every, ratio, rate, noise_variance=noise)
        assert best.epochs == int(np.argmin(errors))
        assert best.excess == pytest.approx(errors.min())


def test_small_rates_stop_at_the_time_of_the_flow():
    found = replay_gain(0.9, 2.0)
    best = best_epochs(0.9, 0.001, noise_variance=0.5)
    assert 0.001 * best.epochs == pytest.approx(found.time, rel=0.01)
    assert best.excess == pytest.approx(found.stopped, abs=1e-4)


def test_nonsense_is_refused():
    with pytest.raises(InputError, match="below 2"):
        steady_excess(2.0, 1.0)
    with pytest.raises(InputError, match="inf"):
        replay_gain(1.0, 0.0)
    with pytest.raises(InputError, match="noise_variance"):
        best_epochs(1.0, 0.1, noise_variance=0.0)
