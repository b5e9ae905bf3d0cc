"""The motion of overlaps against limiting cases, symmetries and students simulated in NumPy."""

from typing import NamedTuple

import jax
import numpy as np
import pytest
from scipy.special import erf

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.theories.continual.curriculum import error_course
from carnotlab.theories.online_learning.overlaps import (
    Overlaps,
    Rates,
    Teacher,
    generalization_error,
    overlap_course,
)


def overlaps(w: np.ndarray, v: np.ndarray, teacher: np.ndarray) -> Overlaps:
    n = w.shape[-1]
    return Overlaps(w @ w.T / n, w @ teacher.T / n, v)


def stacked(*states: Overlaps) -> Overlaps:
    return jax.tree.map(lambda *parts: np.stack(parts), *states)


TIMES = 13
"""Of most tests, with three units and a teacher of two: shapes that compile once."""


class Simulated(NamedTuple):
    start: Overlaps
    teacher: Teacher
    course: Overlaps
    errors: np.ndarray


def simulate(n: int, alphas: np.ndarray, rates: Rates, noise: float, seed: int) -> Simulated:
    """Train three units on a teacher of two by hand, one fresh example after the other."""
    random = np.random.default_rng(seed)
    w_star, v_star = random.standard_normal((2, n)), np.array([1.0, -0.7])
    w, v = random.standard_normal((3, n)), random.standard_normal(3)
    teacher = Teacher(w_star @ w_star.T / n, v_star, noise)
    start, seen, step = overlaps(w, v, w_star), [], 0
    for alpha in alphas:
        while step < round(alpha * n):
            x = random.standard_normal((rates.batch, n))
            fields = x @ w.T / np.sqrt(n)
            hidden = erf(fields / np.sqrt(2))
            y = erf(x @ w_star.T / np.sqrt(2 * n)) @ v_star
            gap = hidden @ v - y - noise * random.standard_normal(rates.batch)
            slope = np.sqrt(2 / np.pi) * np.exp(-(fields**2) / 2)
            signal = (gap[:, None] * slope * v).T @ x / rates.batch
            change = rates.second / n * (gap @ hidden) / rates.batch
            w, v = w - rates.first / np.sqrt(n) * signal, v - change
            step += 1
        seen.append(overlaps(w, v, w_star))
    course = stacked(*seen)
    errors = np.array([float(generalization_error(state, teacher)) for state in seen])
    return Simulated(start, teacher, course, errors)


def relative(seen: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(seen - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("second", [0.0, 0.6])
def test_against_students_trained_by_hand(second):
    alphas, rates = np.linspace(0.0, 12.0, TIMES), Rates(0.6, second)
    n, gaps = 1000, []
    for seed in range(3):
        run = simulate(n, alphas, rates, 0.2, seed)
        course, errors = overlap_course(alphas, stacked(run.start), run.teacher, rates)
        for part, expected in zip(run.course, course, strict=True):
            assert np.abs(part - expected[0]).max() < 8.0 / np.sqrt(n)
        gaps.append(relative(run.errors, errors[0]))
    # Single runs differ by a few times 1/sqrt(N) = 3 %; a rate off by a tenth would be 8 %.
    assert np.mean(gaps) < 0.05


def test_several_examples_a_step():
    alphas, rates = np.linspace(0.0, 10.0, TIMES), Rates(1.0, 0.5, 4)
    run = simulate(600, alphas, rates, 0.5, 1)
    _, errors = overlap_course(alphas, stacked(run.start), run.teacher, rates)
    _, alone = overlap_course(alphas, stacked(run.start), run.teacher, Rates(1.0, 0.5))
    assert relative(run.errors, errors[0]) < 0.08 < 0.5 * relative(run.errors, alone[0])


def test_one_linear_unit_is_linear_regression_met_once():
    alphas, rate, noise = np.linspace(0.0, 5.0, 6), 0.7, 0.4
    start = Overlaps(np.full((1, 1, 1), 0.3), np.full((1, 1, 1), 0.1), np.ones((1, 1)))
    teacher = Teacher(np.full((1, 1), 1.2), np.ones(1), noise, "linear")
    _, errors = overlap_course(alphas, start, teacher, Rates(rate, 0.0))
    e0 = 0.3 + 1.2 - 2 * 0.1
    settled = rate * noise**2 / (2.0 - rate)
    exact = settled + (e0 - settled) * np.exp(-rate * (2.0 - rate) * alphas)
    np.testing.assert_allclose(2.0 * errors[0], exact, rtol=1e-6)
    n = 20_000
    recursion = error_course(np.full(5 * n, rate), np.full(5 * n, noise**2), n, e0)[::n]
    np.testing.assert_allclose(2.0 * errors[0], recursion, rtol=1e-3)


def random_start(k: int, m: int, seed: int) -> tuple[Overlaps, Teacher]:
    random = np.random.default_rng(seed)
    fields = random.standard_normal((k + m, 40)) / np.sqrt(40)
    joint = fields @ fields.T
    teacher = Teacher(joint[k:, k:], random.standard_normal(m), 0.1)
    return Overlaps(joint[:k, :k], joint[:k, k:], random.standard_normal(k)), teacher


def test_the_order_of_units_does_not_matter():
    start, teacher = random_start(3, 2, 0)
    p = np.array([2, 0, 1])
    turned = Overlaps(start.student[p][:, p], start.teacher[p], start.second_layer[p])
    times, rates = np.linspace(0.0, 4.0, TIMES), Rates(0.5, 0.5)
    course, errors = overlap_course(times, stacked(start), teacher, rates)
    other, again = overlap_course(times, stacked(turned), teacher, rates)
    np.testing.assert_allclose(errors, again, rtol=1e-6)
    np.testing.assert_allclose(course.teacher[:, :, p], other.teacher, atol=1e-6)


def test_units_without_weights_stay_without():
    start, teacher = random_start(2, 2, 1)
    padded = Overlaps(
        np.pad(start.student, (0, 1)),
        np.pad(start.teacher, ((0, 1), (0, 0))),
        np.pad(start.second_layer, (0, 1)),
    )
    times = np.linspace(0.0, 5.0, TIMES)
    _, alone = overlap_course(times, stacked(start), teacher, Rates(0.5, 0.5))
    course, beside = overlap_course(times, stacked(padded), teacher, Rates(0.5, 0.5))
    np.testing.assert_allclose(alone, beside, rtol=1e-6)
    assert np.all(course.student[0, -1, 2:] == 0.0)


def test_what_is_learned_stays_learned():
    _, teacher = random_start(1, 2, 2)
    known = Overlaps(
        np.pad(teacher.overlaps, (0, 1)),
        np.pad(teacher.overlaps, ((0, 1), (0, 0))),
        np.pad(teacher.second_layer, (0, 1)),
    )
    clean, times = teacher._replace(noise=0.0), np.linspace(0.0, 50.0, TIMES)
    _, errors = overlap_course(times, stacked(known), clean, Rates(1.0, 1.0))
    assert np.abs(errors).max() < 1e-12


def test_small_rates_never_raise_the_error():
    start, teacher = random_start(3, 2, 3)
    clean, times = teacher._replace(noise=0.0), np.linspace(0.0, 2000.0, TIMES)
    _, errors = overlap_course(times, stacked(start), clean, Rates(0.01, 0.01))
    assert np.all(np.diff(errors[0]) < 0.0)


@pytest.mark.parametrize("kind", ["erf", "relu", "linear"])
def test_the_error_is_the_mean_over_inputs(kind):
    random = np.random.default_rng(5)
    n = 30
    w, v = random.standard_normal((3, n)), random.standard_normal(3)
    w_star, v_star = random.standard_normal((2, n)), np.array([1.0, 0.5])
    functions = {
        "erf": lambda x: erf(x / np.sqrt(2)),
        "relu": lambda x: np.maximum(x, 0),
        "linear": lambda x: x,
    }
    g = functions[kind]
    x = random.standard_normal((200_000, n)) / np.sqrt(n)
    losses = 0.5 * (g(x @ w.T) @ v - g(x @ w_star.T) @ v_star) ** 2
    teacher = Teacher(w_star @ w_star.T / n, v_star, 0.0, kind)
    expected = float(generalization_error(overlaps(w, v, w_star), teacher))
    assert abs(losses.mean() - expected) < 4.0 * losses.std() / np.sqrt(len(losses))


def test_what_cannot_be_solved_is_refused():
    start, teacher = random_start(2, 2, 0)
    relu = teacher._replace(activation="relu")
    with pytest.raises(OutOfReachError, match="generalization_error"):
        overlap_course(np.array([0.0, 1.0]), stacked(start), relu, Rates(0.5, 0.5))
    wrong = start._replace(second_layer=np.ones(3))
    with pytest.raises(InputError, match="Q, R and v"):
        overlap_course(np.array([0.0, 1.0]), stacked(wrong), teacher, Rates(0.5, 0.5))


@pytest.mark.slow
@pytest.mark.parametrize("second", [0.0, 0.5])
def test_distance_of_simulations_falls_as_one_over_root_inputs(second):
    alphas, rates = np.linspace(0.0, 10.0, 11), Rates(0.5, second)
    sizes, gaps = (250, 1000, 4000), []
    for n in sizes:
        runs = [simulate(n, alphas, rates, 0.1, seed) for seed in range(6)]
        each = [overlap_course(alphas, stacked(r.start), r.teacher, rates)[1][0] for r in runs]
        gaps.append(np.mean([relative(r.errors, e) for r, e in zip(runs, each, strict=True)]))
    power = np.polyfit(np.log(sizes), np.log(gaps), 1)[0]
    assert gaps[-1] < 0.02
    assert power == pytest.approx(-0.5, abs=0.15)
