"""Conjugate gradients against direct solves, and the stopping rule step by step in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.core.precision import precision
from carnotlab.training.hessian_free.conjugate_gradients import conjugate_gradients, kept_steps


@pytest.fixture(autouse=True)
def _double():
    with precision("float64"):
        yield


def system(size, condition, seed=0):
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.normal(size=(size, size)))[0]
    matrix = turn * np.geomspace(1.0, condition, size) @ turn.T
    return matrix, random.normal(size=size)


def solved(matrix, right, start=None, diagonal=None, **options):
    a = jnp.asarray(matrix)
    begin = jnp.zeros(len(right)) if start is None else jnp.asarray(start)
    run = jax.jit(
        lambda b, x: conjugate_gradients(lambda v: a @ v, b, x, diagonal=diagonal, **options)
    )
    return run(jnp.asarray(right), begin)


@pytest.mark.parametrize("preconditioned", [False, True])
def test_it_ends_at_the_direct_solution(preconditioned):
    matrix, right = system(20, 50.0)
    diagonal = jnp.asarray(np.diag(matrix) ** 0.75) if preconditioned else None
    found = solved(matrix, right, right, diagonal, most=60, progress=1e-30)
    direct = np.linalg.solve(matrix, right)
    np.testing.assert_allclose(found.last, direct, rtol=1e-9, atol=1e-11)
    last = float(found.values[found.steps])
    assert last == pytest.approx(-0.5 * right @ direct, rel=1e-12)


def test_a_preconditioner_saves_steps_where_scales_differ():
    random = np.random.default_rng(1)
    scales = np.geomspace(1.0, 1e4, 40)
    matrix = np.diag(scales) + 0.1 * np.eye(40)
    right = random.normal(size=40)
    plain = solved(matrix, right, progress=1e-6)
    helped = solved(matrix, right, None, jnp.asarray(np.diag(matrix)), progress=1e-6)
    assert int(helped.steps) < 0.6 * int(plain.steps)


def test_values_and_the_stop_are_those_of_the_rule_written_out():
    matrix, right = system(80, 1e2, 2)
    found = solved(matrix, right, most=200, progress=5e-4)
    x, r = np.zeros(80), right.copy()
    p, values, kept = r.copy(), [0.0], {}
    for i in range(1, 201):
        moved = matrix @ p
        length = (r @ r) / (p @ moved)
        x, after = x + length * p, r - length * moved
        p, r = after + (after @ after) / (r @ r) * p, after
        values.append(0.5 * x @ matrix @ x - right @ x)
        kept[i] = x.copy()
        k = max(10, int(np.ceil(0.1 * i)))
        if i > k and values[i] < 0 and (values[i] - values[i - k]) / values[i] < k * 5e-4:
            break
    assert int(found.steps) == i
    assert 10 < i < 200
    np.testing.assert_allclose(found.values[: i + 1], values, rtol=1e-8, atol=1e-10)
    assert bool(jnp.isnan(found.values[i + 1 :]).all())
    marks = [step for step in kept_steps(200) if step < i]
    assert int(found.stored) == len(marks) + 1
    for row, step in enumerate((*marks, i)):
        np.testing.assert_allclose(found.kept[row], kept[step], rtol=1e-7, atol=1e-9)
    # control: a stricter rule goes on
    assert int(solved(matrix, right, most=200, progress=5e-6).steps) > i


def test_stopping_at_a_step_that_is_kept_keeps_it_once():
    matrix, right = system(30, 1e3, 3)
    found = solved(matrix, right, most=6)
    assert int(found.steps) == 6
    assert int(found.stored) == 2
    five = solved(matrix, right, most=5)
    np.testing.assert_allclose(found.kept[0], five.last, rtol=1e-12)
    few = solved(matrix, right, most=3)
    assert int(few.stored) == 1
    assert float(jnp.abs(few.last).max()) > 0.0


def test_a_start_at_the_solution_stays():
    matrix = np.diag([1.0, 2.0, 4.0])
    found = solved(matrix, np.array([1.0, 2.0, 4.0]), np.ones(3))
    assert int(found.steps) == 0
    np.testing.assert_array_equal(found.last, np.ones(3))


def test_kept_steps_are_as_published():
    assert kept_steps(60) == (5, 6, 8, 10, 14, 18, 24, 31, 40, 53)
    assert kept_steps(4) == ()
    with pytest.raises(InputError, match="most"):
        solved(np.eye(2), np.ones(2), most=0)
