"""The table beside real data: which data it finds, and whose errors it shows."""

from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import Ridge

from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import mlp
from carnotlab.runs.run import Computable, RunResult
from carnotlab.runs.store import Store
from carnotlab.studies.linear_baselines import (
    BaselineRow,
    LinearBaselineRun,
    baseline_rows,
    baseline_table,
    tasks_in,
    words_of,
)
from carnotlab.tasks.arrays import from_arrays
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.tasks.label_noise import RandomLabels

DIGITS = Digits(120, 80, classes=(0, 1, 2))


@dataclass(frozen=True)
class Fixed(Computable):
    """A run that holds an experiment and is never run."""

    experiment: Experiment

    @property
    def key(self):
        return "none"

    def compute(self, store=None, progress=None):
        raise AssertionError


def fixed(task, loss=None):
    training = Training() if loss is None else Training(loss=loss)
    return Fixed(Experiment(task, mlp(task.input_size, (4,), task.output_size), training))


def rows_of(task, observation, loss=None):
    results = {"arm": RunResult(xr.Dataset(), xr.Dataset(observation), (), 0.0)}
    return baseline_rows({"arm": fixed(task, loss)}, results)


def test_accuracies_become_shares_wrong_at_the_end():
    accuracy = (("seed", "time"), [[0.1, 0.9], [0.2, 0.8]])
    (row,) = rows_of(DIGITS, {"test_accuracy": accuracy})
    assert row.measured == "share wrong"
    assert row.lowest == pytest.approx(0.15)
    assert (row.samples, row.held_out, row.best) == (120, 80, "arm")
    assert row.ridge < 0.1
    assert row.logistic is not None
    assert row.logistic < 0.1


def test_predictions_are_classified_as_accuracies_are():
    truth = np.asarray(DIGITS.data().test.y)
    turned = truth.copy()
    turned[:20] = np.roll(turned[:20], 1, axis=1)  # the first 20 of 80 wrong
    outputs = np.stack([truth, turned])[:, None]
    dims = ("seed", "time", "test_sample", "output")
    (row,) = rows_of(DIGITS, {"test_prediction": (dims, outputs)})
    assert row.lowest == pytest.approx(0.125)


def test_a_squared_loss_is_doubled_and_set_beside_that_of_ridge():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 3))
    y = x @ np.array([1.0, -2.0, 0.5]) + 0.1 * rng.standard_normal(300)
    task = from_arrays(x, y, name="plane")
    (row,) = rows_of(task, {"test_loss": (("seed", "time"), [[9.0, 2.0]])})
    assert (row.data, row.measured, row.logistic) == ("plane", "squared error", None)
    assert row.lowest == row.highest == 4.0
    # The strength chosen is so weak that least squares of scikit-learn says the same.
    data = task.data()
    fit = Ridge(alpha=1e-9).fit(data.train.x, data.train.y)
    outputs = fit.predict(data.test.x).reshape(np.shape(data.test.y))
    assert row.ridge == pytest.approx(np.mean((outputs - data.test.y) ** 2), rel=0.02)


def test_cross_entropies_are_no_squared_errors():
    (row,) = rows_of(DIGITS, {"test_loss": (("seed", "time"), [[2.0]])}, CrossEntropy())
    assert row.measured == "share wrong"
    assert row.lowest is row.highest is row.best is None


def test_the_best_of_several_arms_is_named_and_settings_span_a_range():
    accuracy = {"good": [[0.9, 0.7]], "poor": [[0.5, 0.6]]}
    results = {
        name: RunResult(
            xr.Dataset(), xr.Dataset({"test_accuracy": (("seed", "width"), values)}), (), 0.0
        )
        for name, values in accuracy.items()
    }
    (row,) = baseline_rows({name: fixed(DIGITS) for name in accuracy}, results)
    assert row.best == "good"
    assert row.lowest == pytest.approx(0.1)
    assert row.highest == pytest.approx(0.5)


def test_made_up_data_and_runs_with_a_baseline_of_their_own_have_no_row():
    loss = {"test_loss": (("seed", "time"), [[1.0]])}
    assert rows_of(GaussianRegression(3, samples=8), loss) == ()
    assert rows_of(DIGITS, {"linear_baseline": (("seed",), [1.0])}) == ()
    assert baseline_table(()) == ()


def test_random_labels_leave_linear_models_at_chance():
    task = RandomLabels(Digits(300, 300))
    (row,) = rows_of(task, {})
    assert row.data == "digits, RandomLabels"
    # 300 labels, each right by chance with probability 0.1: three standard deviations.
    for wrong in (row.ridge, row.logistic):
        assert wrong == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / 300))


def test_tasks_are_found_wherever_a_description_holds_them():
    inner = fixed(DIGITS)
    assert list(tasks_in(inner)) == [DIGITS]
    assert list(tasks_in((inner, [Digits(20, 10)], 3, None))) == [DIGITS, Digits(20, 10)]
    assert list(tasks_in(fixed(GaussianRegression(3, samples=8)))) == []


def test_the_store_spares_the_second_fit(tmp_path, monkeypatch):
    store = Store(tmp_path)
    results = {"arm": RunResult(xr.Dataset(), xr.Dataset(), (), 0.0)}
    first = baseline_rows({"arm": fixed(DIGITS)}, results, store)
    monkeypatch.setattr(LinearBaselineRun, "compute", None)
    assert baseline_rows({"arm": fixed(DIGITS)}, results, store) == first


def test_one_class_to_train_on_leaves_logistic_regression_out():
    x = np.arange(8.0)[:, None]
    task = from_arrays(
        x, [0, 1] * 4, x_test=x, y_test=[0, 1] * 4, kind="classification", name="few"
    )
    (row,) = rows_of(task, {})
    assert row.logistic is not None
    words = words_of(BaselineRow("few", 3, 8, "share wrong", 0.5, None, 0.1, 0.3, "arm"))
    assert words[-3:] == ("–", "0.1 to 0.3", "arm")
