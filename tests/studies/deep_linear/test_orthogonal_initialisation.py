"""Orthogonal starts over depth, and the sign that stays, at a reduced size."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from carnotlab.studies.deep_linear.determinant_gaps import wrong_sign
from carnotlab.studies.deep_linear.determinant_run import DETERMINANT, STUCK_LOSS
from carnotlab.studies.deep_linear.orthogonal_initialisation import OrthogonalInitialisation
from carnotlab.studies.errors import observed
from carnotlab.studies.running import run_study

CHANGES = {
    "depths": "2,8,20",
    "square_depths": "2,3",
    "width": 8,
    "outputs": 2,
    "networks": 10,
    "square": 3,
    "steps": 200,
    "square_steps": 500,
    "records": 30,
}


@pytest.fixture(scope="module")
def result():
    return run_study(OrthogonalInitialisation(), "smoke", CHANGES)


def test_tests_agree_and_controls_do_not(result):
    wrong = [(v.arm, v.quantity, v.error, v.interval) for v in result.verdicts if not v.as_expected]
    assert not wrong
    assert {v.role for v in result.verdicts} == {"test", "control"}


def test_signs_of_determinants_stay_as_they_start(result):
    run = result.results["square task, depth 3"]
    signs = observed(run, DETERMINANT)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    np.testing.assert_array_equal(signs, np.broadcast_to(signs[:, :1], signs.shape))
    assert 0 < wrong_sign(run).sum() < len(signs)
    assert float(run.prediction[STUCK_LOSS.name]) == pytest.approx(0.5 * 0.8**2)
    wide = result.results["orthogonal, depth 8"]
    assert (observed(wide, DETERMINANT) == 0.0).all()


def test_two_layers_leave_the_saddle_and_change_their_sign(result):
    """The saddle is strict there, and finite steps break the balance that keeps the sign."""
    run = result.results["square task, depth 2"]
    signs = observed(run, DETERMINANT)[wrong_sign(run)]
    assert len(signs) > 0
    assert (signs[:, -1] != signs[:, 0]).all()


def test_figure(result):
    assert isinstance(result.plot(), Figure)
