import jax
import numpy as np
import pytest

from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import InputError
from carnotlab.core.precision import precision
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import Eigenvalues, Geometric, Isotropic, PowerLaw, eigenvalues
from carnotlab.tasks.statistics import input_covariance, input_output_modes, mode_alignment

CASES = (
    LinearMap(8, 5, (3.0, 2.0, 0.5)),
    LinearMap(4, 9, (1.0, 0.1, 3.0, 2.0), samples=50, seed=3),
    LinearMap(16, 1, (2.0,), samples=17),
)


@pytest.mark.parametrize("task", CASES)
def test_whitened_inputs_and_singular_values_are_exact(task: LinearMap) -> None:
    x, y = task.data().train
    np.testing.assert_allclose(input_covariance(task), np.eye(task.inputs), atol=1e-12)
    np.testing.assert_allclose(y.T @ x / len(x), task.matrix, atol=1e-12)
    modes = input_output_modes(task)
    expected = sorted(task.strengths, reverse=True)
    np.testing.assert_allclose(modes.strengths, expected, atol=1e-12)
    order = np.argsort(task.strengths)[::-1]
    overlap = np.sum(modes.left * task.left[:, order], axis=0)
    np.testing.assert_allclose(np.abs(overlap), 1.0, atol=1e-12)
    np.testing.assert_allclose(
        overlap, np.sum(modes.right * task.right[:, order], axis=0), atol=1e-12
    )


@pytest.mark.parametrize(
    "spectrum",
    [Geometric(30.0), PowerLaw(1.0, variance=2.0), Eigenvalues((4.0, 3.0, 2.0, 1.0, 0.5, 0.1))],
)
@pytest.mark.parametrize("basis", ["random", "aligned"])
def test_the_chosen_covariance_is_exact_on_the_training_set(spectrum, basis) -> None:
    task = LinearMap(6, 4, (2.0, 1.0), samples=20, input_spectrum=spectrum, basis=basis)
    covariance = input_covariance(task)
    np.testing.assert_allclose(covariance, task.covariance, atol=1e-12)
    values = np.linalg.eigvalsh(covariance)[::-1]
    np.testing.assert_allclose(values, np.sort(eigenvalues(spectrum, 6))[::-1], atol=1e-12)
    x, y = task.data().train
    np.testing.assert_allclose(y.T @ x / len(x), task.matrix @ covariance, atol=1e-12)


def test_an_aligned_basis_keeps_the_modes_and_a_random_one_mixes_them() -> None:
    def alignment(basis) -> float:
        task = LinearMap(6, 4, (2.0, 1.0), input_spectrum=Geometric(30.0), basis=basis)
        return mode_alignment(task)

    assert alignment("aligned") < 1e-12
    assert alignment("random") > 0.1


def test_isotropic_variance_scales_inputs_only() -> None:
    one, four = LinearMap(3, 2, (1.0,)), LinearMap(3, 2, (1.0,), input_spectrum=Isotropic(4.0))
    np.testing.assert_allclose(four.data().train.x, 2.0 * one.data().train.x)
    np.testing.assert_array_equal(one.matrix, four.matrix)


def test_fresh_and_held_out_samples_have_the_covariance_and_the_noise() -> None:
    task = LinearMap(
        3, 2, (2.0, 1.0), noise=0.5, input_spectrum=Geometric(4.0), held_out=20_000, seed=1
    )
    with precision("float64"):
        fresh = task.sample(jax.random.key(0), 20_000)
    for batch in (task.data().test, fresh):
        x, y = np.asarray(batch.x), np.asarray(batch.y)
        # SEM of a covariance entry is at most sqrt(2/n) times the largest variance.
        sem = np.sqrt(2 / len(x)) * np.linalg.eigvalsh(task.covariance)[-1]
        np.testing.assert_allclose(x.T @ x / len(x), task.covariance, atol=5 * sem)
        residual = y - x @ task.matrix.T
        sem = 0.25 * np.sqrt(2 / residual.size)
        np.testing.assert_allclose(np.mean(residual**2), 0.25, atol=5 * sem)


def test_noise_can_be_kept_from_held_out_targets() -> None:
    task = LinearMap(3, 2, (2.0,), noise=0.5, noisy_held_out=False)
    test = task.data().test
    np.testing.assert_array_equal(test.y, test.x @ task.matrix.T)
    assert np.std(task.data().train.y - task.data().train.x @ task.matrix.T) > 0.1


def test_sampling_can_be_compiled_and_follows_the_precision_in_force() -> None:
    task = CASES[0]
    batch = jax.jit(lambda key: task.sample(key, 7))(jax.random.key(1))
    assert batch.x.shape == (7, 8)
    assert batch.y.dtype == "float32"
    np.testing.assert_allclose(batch.y, np.asarray(batch.x) @ task.matrix.T, atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"inputs": 0}, "inputs = 0; required: a whole number of at least 1"),
        ({"inputs": 2.5}, "inputs = 2.5"),
        ({"inputs": True}, "inputs = True"),
        ({"outputs": -1}, "outputs = -1"),
        ({"strengths": ()}, r"strengths = \(\); required: a non-empty tuple"),
        ({"strengths": [1.0]}, "a non-empty tuple of finite numbers above 0"),
        ({"strengths": (0.0,)}, "0.0 in strengths"),
        ({"strengths": (float("nan"),)}, "nan in strengths"),
        ({"strengths": (3.0, 2.0, 1.0)}, "3 strengths for 4 inputs, 2 outputs"),
        ({"samples": 3}, "samples = 3 with 4 inputs; required: at least 4"),
        ({"noise": -1.0}, "noise = -1.0"),
        ({"basis": "other"}, "basis = 'other'; required: 'random' or 'aligned'"),
        ({"seed": -1}, "seed = -1"),
        ({"held_out": 0}, "held_out = 0"),
        ({"input_spectrum": Eigenvalues((1.0, 2.0))}, "2 eigenvalues for 4 inputs"),
    ],
)
def test_bad_fields_are_refused(fields, message) -> None:
    with pytest.raises(InputError, match=message):
        LinearMap(**({"inputs": 4, "outputs": 2, "strengths": (1.0,)} | fields))


def test_descriptions_are_keys() -> None:
    assert content_key(CASES[0]) == content_key(LinearMap(8, 5, (3.0, 2.0, 0.5)))
    assert content_key(CASES[0]) != content_key(LinearMap(8, 5, (3.0, 2.0, 0.5), seed=1))
    assert len({*CASES, LinearMap(8, 5, (3.0, 2.0, 0.5))}) == len(CASES)
