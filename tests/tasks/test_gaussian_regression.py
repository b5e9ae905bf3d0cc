import jax
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.core.precision import precision
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.tasks.spectra import PowerLaw


def test_inputs_have_the_variances_and_labels_the_noise_of_the_description() -> None:
    task = GaussianRegression(
        20, 20_000, outputs=2, input_spectrum=PowerLaw(1.0), noise_variance=0.3, seed=2
    )
    with precision("float64"):
        fresh = task.sample(jax.random.key(0), 20_000)
    for batch in (task.data().train, fresh):
        x, y = np.asarray(batch.x), np.asarray(batch.y)
        # A mean square of n Gaussians has relative SEM sqrt(2/n); 20 of them, hence 5 SEM.
        relative = 5 * np.sqrt(2 / len(x))
        np.testing.assert_allclose(np.mean(x**2, axis=0), task.variances, rtol=relative)
        residual = y - x @ task.teacher.T
        np.testing.assert_allclose(np.mean(residual**2), 0.3, rtol=5 * np.sqrt(2 / residual.size))
    np.testing.assert_allclose(task.variances.sum(), 1.0)


def test_the_teacher_has_its_variance_and_sets_that_of_the_targets() -> None:
    task = GaussianRegression(4000, 1, teacher_variance=2.5)
    np.testing.assert_allclose(np.mean(task.teacher**2), 2.5, rtol=5 * np.sqrt(2 / 4000))
    # <y^2> = sum_k w_k^2 lambda_k / N, which is the teacher's mean square for white inputs.
    task = GaussianRegression(50, 20_000, teacher_variance=2.5)
    expected = np.sum(task.teacher**2 * task.variances)
    np.testing.assert_allclose(
        np.mean(task.data().train.y ** 2), expected, rtol=5 * np.sqrt(2 / 20_000)
    )


def test_held_out_targets_can_be_noise_free() -> None:
    task = GaussianRegression(5, 10, noise_variance=1.0, noisy_held_out=False)
    test = task.data().test
    np.testing.assert_array_equal(test.y, test.x @ task.teacher.T)


def test_the_same_description_gives_the_same_bits_and_another_seed_others() -> None:
    first = GaussianRegression(5, 10, seed=1).data().train.x
    assert np.array_equal(first, GaussianRegression(5, 10, seed=1, noise_variance=1.0).data()[0].x)
    assert not np.any(first == GaussianRegression(5, 10, seed=2).data().train.x)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"samples": 0}, "samples = 0"),
        ({"teacher_variance": -1.0}, "teacher_variance = -1.0"),
        ({"noise_variance": float("inf")}, "noise_variance = inf"),
        ({"seed": 1.0}, "seed = 1.0"),
    ],
)
def test_bad_fields_are_refused(fields, message) -> None:
    with pytest.raises(InputError, match=message):
        GaussianRegression(**({"inputs": 4, "samples": 2} | fields))
