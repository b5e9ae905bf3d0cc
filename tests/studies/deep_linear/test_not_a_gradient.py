"""Net work round closed paths: verdicts at a reduced size, and that a wrong flow is caught."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from carnotlab.studies.deep_linear.contour_run import CIRCULATION, WORK, ContourRun
from carnotlab.studies.deep_linear.not_a_gradient import NotAGradient
from carnotlab.studies.running import run_study


@pytest.fixture(scope="module")
def result():
    return run_study(NotAGradient(), "smoke", {"seeds": 2, "layers": "1,2,3"})


def test_closed_forms_hold_and_only_some_flows_have_a_potential(result):
    wrong = [(v.arm, v.quantity, v.error) for v in result.verdicts if not v.as_expected]
    assert not wrong
    controls = {v.arm for v in result.verdicts if v.role == "control"}
    assert controls == {
        "control: 3 layers, not balanced",
        "control: 3 layers, white inputs, a potential",
        "control: 2 layers, correlated inputs, a potential",
        "control: 3 layers, correlated inputs, a potential",
    }
    outside = {v.arm for v in result.verdicts if not v.in_regime}
    assert outside == {"control: 3 layers, not balanced"}


def test_figure(result):
    assert isinstance(result.plot(), Figure)


def test_the_direction_and_the_place_of_the_path_do_not_matter_but_its_radii_do():
    runs = [
        ContourRun(3, np.pi, inner=inner, seeds=(5, 6)).compute(None, None) for inner in (0.4, 0.7)
    ]
    for run in runs:
        seen = run.observation[CIRCULATION.name].values
        assert seen[0] == pytest.approx(seen[1], rel=1e-12)
        assert abs(seen[0]) < run.observation[WORK.name].values[0]
        assert seen[0] == pytest.approx(float(run.prediction[CIRCULATION.name]), rel=1e-10)
    assert runs[0].observation[CIRCULATION.name][0] != runs[1].observation[CIRCULATION.name][0]
