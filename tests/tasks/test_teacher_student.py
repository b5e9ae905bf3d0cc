import math

import jax
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.core.precision import precision
from carnotlab.tasks.teacher_student import TeacherStudent, teacher_outputs


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("erf", lambda t: math.erf(t / math.sqrt(2))),
        ("relu", lambda t: max(t, 0.0)),
        ("linear", float),
    ],
)
def test_outputs_are_those_of_the_formula_in_numpy_and_in_jax(activation, function) -> None:
    task = TeacherStudent(7, 3, activation, second_layer=(1.0, -2.0, 0.5), samples=9)
    with precision("float64"):
        fresh = task.sample(jax.random.key(0), 9)
    for batch in (task.data().train, fresh):
        by_hand = [
            sum(
                v * function(float(np.dot(w, x)) / math.sqrt(7))
                for v, w in zip(task.second_weights, task.first_weights, strict=True)
            )
            for x in np.asarray(batch.x)
        ]
        np.testing.assert_allclose(np.asarray(batch.y)[:, 0], by_hand, atol=1e-12)


@pytest.mark.parametrize(
    ("activation", "power"),
    # Means over independent standard Gaussian fields: <g^2> per unit, <g>^2 per pair of units.
    [("erf", 4 / 3), ("linear", 4.0), ("relu", 4 / 2 + 12 / (2 * math.pi))],
)
def test_orthonormal_teachers_have_the_known_output_power(activation, power) -> None:
    task = TeacherStudent(30, 4, activation, orthonormal=True, samples=20_000)
    np.testing.assert_allclose(task.overlaps, np.eye(4), atol=1e-12)
    squares = task.data().train.y ** 2
    sem = squares.std() / math.sqrt(squares.size)
    np.testing.assert_allclose(squares.mean(), power, atol=5 * sem)


def test_gaussian_teachers_overlap_by_order_one_over_root_n() -> None:
    overlaps = TeacherStudent(10_000, 3).overlaps
    # Diagonal SEM sqrt(2/N), off-diagonal sqrt(1/N).
    np.testing.assert_allclose(overlaps, np.eye(3), atol=5 * math.sqrt(2 / 10_000))


def test_noise_is_on_training_targets_and_on_held_out_ones_unless_refused() -> None:
    task = TeacherStudent(10, 2, noise=0.5, samples=10_000, noisy_held_out=False)
    residual = task.data().train.y - teacher_outputs(task, task.data().train.x)
    np.testing.assert_allclose(residual.std(), 0.5, rtol=5 / math.sqrt(2 * 10_000))
    test = task.data().test
    np.testing.assert_array_equal(test.y, teacher_outputs(task, test.x))
    noisy = TeacherStudent(10, 2, noise=0.5).data().test
    assert np.std(noisy.y - teacher_outputs(task, noisy.x)) > 0.4


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"units": 0}, "units = 0"),
        ({"activation": "tanh"}, "activation = 'tanh'; required: 'erf' or 'relu' or 'linear'"),
        ({"second_layer": (1.0,)}, "1 second-layer weights for 2 units"),
        ({"orthonormal": True, "units": 6}, "6 orthonormal units on 5 inputs"),
        ({"noise": -0.1}, "noise = -0.1"),
    ],
)
def test_bad_fields_are_refused(fields, message) -> None:
    with pytest.raises(InputError, match=message):
        TeacherStudent(**({"inputs": 5, "units": 2} | fields))
