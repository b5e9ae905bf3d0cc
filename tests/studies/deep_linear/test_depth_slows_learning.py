"""Powers of the start in the learning time, at a reduced size."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from carnotlab.studies.deep_linear.depth_slows_learning import DepthSlowsLearning
from carnotlab.studies.deep_linear.start_sweep import LEARNING_TIME, exponents, halving_time
from carnotlab.studies.running import run_study

CHANGES = {
    "seeds": 3,
    "depths": "3,4",
    "random_depths": "4",
    "starts": 3,
    "width": 4,
    "longest": 100.0,
    "shortest": 25.0,
    "step": 0.5,
    "records": 200,
}


@pytest.fixture(scope="module")
def result():
    return run_study(DepthSlowsLearning(), "smoke", CHANGES)


def test_tests_agree_and_controls_do_not(result):
    wrong = [(v.arm, v.quantity, v.error, v.interval) for v in result.verdicts if not v.as_expected]
    assert not wrong
    roles = [v.role for v in result.verdicts]
    assert roles.count("control") == 3


def test_large_starts_are_outside_the_assumptions(result):
    outside = {v.arm for v in result.verdicts if not v.in_regime}
    assert outside == {"depth 5, large starts", "control: depth 5, large starts"}


def test_exponents_are_slopes_of_logarithms(result):
    run = result.results["depth 4, aligned"]
    starts = run.observation["start"].values[:3]
    times = run.observation[LEARNING_TIME.name].values[0, :3]
    slope = math.log(times[0] / times[2]) / math.log(starts[0] / starts[2])
    assert exponents(run, 3)[0] == pytest.approx(slope, rel=0.02)
    never = np.array([2.0, 1.9, 1.5])
    assert halving_time(np.arange(3.0), never) == math.inf


def test_figure(result):
    assert isinstance(result.plot(), Figure)
