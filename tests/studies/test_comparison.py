import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from rich.console import Console

import carnotlab as carnot
from carnotlab.core.quantities import Quantity


@pytest.fixture(scope="module")
def comparison():
    task = carnot.LinearMap(6, 4, strengths=(2.0, 1.0))
    network = carnot.deep_linear(6, (8,), 4, initialisation=carnot.Aligned(0.05))
    training = carnot.Training(carnot.GradientDescent(0.02), 300, record=carnot.Evenly(12))
    return carnot.compare(
        carnot.Experiment(task, network, training), carnot.DeepLinearModes(), seeds=range(3)
    )


def test_agrees_within_a_fair_tolerance_and_not_within_an_impossible_one(comparison):
    fair = carnot.Tolerance(carnot.MODE_STRENGTH, 0.01, "the step is 0.08 of the curvature")
    assert comparison.judge(fair).agreement == "agrees"
    strict = carnot.Tolerance(carnot.MODE_STRENGTH, 1e-12, "no float32 run can")
    assert comparison.judge(strict).agreement == "disagrees"
    assert comparison.in_regime


def test_shows_itself_as_table_figure_and_labelled_arrays(comparison):
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(comparison)
    assert "error of mode_strength" in console.export_text()
    assert isinstance(comparison.plot(), Figure)
    assert set(comparison.to_xarray().children) == {"prediction", "observation", "checks"}


def test_scalar_courses_become_rows():
    task = carnot.GaussianRegression(3, samples=12)
    training = carnot.Training(carnot.GradientDescent(0.1), 5, record=carnot.Evenly(3))
    experiment = carnot.Experiment(task, carnot.mlp(3, (16,), 1), training)
    frame = carnot.compare(experiment, carnot.LazyKernel(), seeds=(4, 7)).to_dataframe()
    assert list(frame.columns) == ["quantity", "seed", "time", "predicted", "observed"]
    assert set(frame["quantity"]) == {"train_loss", "test_loss"}
    assert sorted(set(frame["seed"])) == [4, 7]
    assert np.isfinite(frame[["predicted", "observed"]].to_numpy()).all()


def test_keeps_and_reads_results_in_a_folder(tmp_path):
    task = carnot.GaussianRegression(3, samples=12)
    training = carnot.Training(carnot.GradientDescent(0.1), 5, record=carnot.Evenly(3))
    experiment = carnot.Experiment(task, carnot.mlp(3, (16,), 1), training)
    first = carnot.compare(experiment, carnot.LazyKernel(), seeds=(0, 1), out=tmp_path)
    again = carnot.compare(experiment, carnot.LazyKernel(), seeds=(0, 1), out=tmp_path)
    assert not first.result.cached
    assert again.result.cached
    loss = Quantity("test_loss", (), "loss", "")
    assert first.error(loss) == again.error(loss)
