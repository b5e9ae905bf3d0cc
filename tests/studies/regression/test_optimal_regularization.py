"""Optimal regularization at few draws: tests within their tolerances, controls beyond."""

import numpy as np
import pytest

from carnotlab.runs.run import execute
from carnotlab.runs.store import Store
from carnotlab.studies.data_folder import find_data
from carnotlab.studies.regression.image_course_run import ImageCourseRun
from carnotlab.studies.regression.image_ridge_run import ImageRidgeRun
from carnotlab.studies.regression.optimal_regularization import OptimalRegularization
from carnotlab.studies.regression.ridge_run import AT_THEORY, BY_RIDGE, RidgeRun
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style
from carnotlab.tasks.spectra import PowerLaw


@pytest.fixture(scope="module")
def quick():
    changes = {"seeds": 4, "draws": 4, "inputs": 120, "ridges": 31, "images": ()}
    return run_study(OptimalRegularization(), "smoke", changes)


def test_tests_are_within_tolerance_and_controls_beyond(quick):
    for verdict in quick.verdicts:
        beyond = verdict.error > verdict.tolerance
        assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)


def test_the_figure_is_drawn(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_ridge_weights_are_those_of_the_normal_equations():
    run = RidgeRun(12, 9, PowerLaw(1.0), 0.5, seeds=1, ridges=3)
    seen = run.compute().observation
    s, power = run.population(run.spectrum)
    x, teacher, y = run._samples(0, s, power)
    for index, ridge in enumerate(run.grid * s.mean()):
        w = np.linalg.solve(x.T @ x / 9 + ridge * np.eye(12), x.T @ y / 9)
        error = np.sum(s * (w - teacher) ** 2) + 0.5
        assert float(seen[BY_RIDGE.name][0, index]) == pytest.approx(error, rel=1e-9)


def test_the_chosen_ridge_is_not_the_best_of_a_believed_spectrum(tmp_path):
    store = Store(tmp_path / "arrays")
    store.prepare()
    run = RidgeRun(30, 60, PowerLaw(1.0), seeds=2, ridges=5)
    execute(run, store)
    again = execute(run, store)
    assert again.cached
    assert again.prediction.attrs["chosen"] > 0.0
    assert AT_THEORY.name in again.observation
    assert run.key != RidgeRun(30, 60, PowerLaw(1.1), seeds=2, ridges=5).key


def archive(tmp_path, n=4000):
    """Write images of one bright quarter each, with noise: four classes, 28 × 28 pixels."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, n)
    x = random.integers(0, 120, (n, 28, 28))
    for row, label in enumerate(labels):
        i, j = divmod(int(label), 2)
        x[row, 14 * i : 14 * i + 14, 14 * j : 14 * j + 14] += 20
    half = n // 2
    path = tmp_path / "quarters.npz"
    parts = {"x_train": x[:half], "x_test": x[half:], "y_train": labels[:half]}
    np.savez(path, **{k: v.astype(np.uint8) for k, v in parts.items()}, y_test=labels[half:])
    return path


def test_learning_curves_of_images_follow_their_own_spectrum(tmp_path):
    path = archive(tmp_path)
    sizes, draws = (40, 80), tuple(range(4))
    run = ImageRidgeRun(str(path), sizes, (1.0,), draws, held_out=500, baselines=True)
    result = run.compute()
    name = "test_error_by_samples"
    ratio = result.observation[name].mean("seed").values / result.prediction[name].values
    np.testing.assert_allclose(ratio, 1.0, atol=0.05)
    assert np.all(result.observation["baseline_error"].values < 0.5)


def test_keys_follow_the_images_and_not_their_place(tmp_path):
    path = archive(tmp_path)
    kinds = (
        lambda where: ImageRidgeRun(str(where), (40,), (1.0,), (0,)),
        lambda where: ImageCourseRun(str(where)),
    )
    elsewhere = tmp_path / "elsewhere.npz"
    elsewhere.write_bytes(path.read_bytes())
    assert all(kind(path).key == kind(elsewhere).key for kind in kinds)
    before = [kind(path).key for kind in kinds]
    archive(tmp_path, 2000)
    assert not {*before} & {kind(path).key for kind in kinds}


@pytest.mark.slow
@pytest.mark.skipif(find_data("mnist_20k_5k.npz") is None, reason="needs the data folder")
def test_both_image_sets_within_five_percent_at_all_sizes():
    changes = {
        "images": ("mnist", "fashion_mnist"),
        "inputs": 60,
        "ratios": (1.0,),
        "seeds": 8,
        "draws": 8,
    }
    result = run_study(OptimalRegularization(), "smoke", changes)
    found = {v.arm: v for v in result.verdicts if "mnist" in v.arm}
    assert len(found) == 8
    for verdict in found.values():
        assert (verdict.error > 0.05) == (verdict.role == "control"), verdict
