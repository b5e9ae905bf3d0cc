"""Plateaus against saddles at a reduced size, and when a plateau is."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from carnotlab.studies.deep_linear.plateau_gaps import plateaus
from carnotlab.studies.deep_linear.plateau_run import (
    LEAST_LOSS,
    SADDLE_CURVATURES,
    SADDLE_LOSS,
    plateau_times,
)
from carnotlab.studies.deep_linear.saddles_not_minima import THREE, WIDE, SaddlesNotMinima
from carnotlab.studies.running import run_study

CHANGES = {
    "seeds": 2,
    "strengths": "4,2",
    "hidden": 3,
    "start": 1e-4,
    "aligned": 1e-4,
    "records": 60,
    "steps": 2000,
}


@pytest.fixture(scope="module")
def result():
    return run_study(SaddlesNotMinima(), "smoke", CHANGES)


def test_tests_agree_and_controls_do_not(result):
    wrong = [(v.arm, v.quantity, v.error, v.interval) for v in result.verdicts if not v.as_expected]
    assert not wrong
    assert {v.arm for v in result.verdicts if v.role == "control"} == {
        f"control: {THREE}, strict",
        "control: rectifiers, random starts",
    }


def test_what_is_predicted_comes_from_task_and_widths_alone(result):
    prediction = result.results[THREE].prediction
    np.testing.assert_allclose(prediction[SADDLE_LOSS.name], [10.0, 2.0, 0.0], atol=1e-12)
    assert (prediction[SADDLE_CURVATURES.name].values >= 0.0).all()
    assert float(result.results[WIDE].prediction[LEAST_LOSS.name]) == pytest.approx(0.0, abs=1e-12)
    at = plateaus(result.results[THREE])
    assert (np.diff(at, axis=1) > 0).all()


def test_plateaus_are_found_by_the_loss_alone():
    time = np.arange(9.0)
    loss = np.array([4.0, 4.0, 3.9, 2.05, 2.01, 1.9, 0.1, 0.01, 0.01])
    assert plateau_times(time, loss, (4.0, 2.0, 0.0)).tolist() == [0, 3, 7]
    assert plateau_times(time, loss, (4.0, 3.4, 2.0)).tolist()[1] == -1


def test_figure(result):
    assert isinstance(result.plot(), Figure)
