"""Real data and their stand-ins, at reduced settings."""

import numpy as np
import pytest

from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import mlp
from carnotlab.studies.robustness.structure_of_data import StructureOfData
from carnotlab.studies.robustness.structure_run import ALIGNMENT, StructureRun, of_task
from carnotlab.studies.robustness.structure_table import half_time
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.matched_inputs import SpectrumMatched

SMALL = {"samples": 80, "held_out": 200, "width": 256, "steps": 80, "seeds": 4, "records": 10}


@pytest.fixture(scope="module")
def result():
    return run_study(StructureOfData(), changes=SMALL)


@pytest.mark.slow
def test_stand_ins_have_the_real_course_and_data_without_structure_do_not(result):
    against = [verdict.arm for verdict in result.verdicts if not verdict.as_expected]
    assert against == []
    controls = [verdict for verdict in result.verdicts if verdict.role == "control"]
    assert len(controls) == 5


@pytest.mark.slow
def test_tables_name_every_kind_and_the_linear_baseline_stands_beside(result):
    (table,) = result.study.tables(result)
    assert table.row_count == 10
    assert [row.data for row in result.baselines][:2] == ["digits", "digits, SpectrumMatched"]
    assert result.baselines[0].lowest < result.baselines[0].ridge + 0.1
    with style("dark"):
        assert len(result.plot().axes) == 5


def test_linear_networks_cannot_tell_data_of_equal_moments_apart():
    """Trained from the same weights, not only predicted: losses are equal to single precision."""
    task = Digits(60, 40, centre_targets=True)
    training = Training(GradientDescent(0.3), duration=30, record=Evenly(4))
    experiment = Experiment(task, mlp(64, (), 10), training)
    run = StructureRun(experiment, (task, SpectrumMatched(task)), (0, 1)).compute()
    for name in ("train_loss", "test_loss"):
        real, matched = (of_task(run, place).observation[name].values for place in (0, 1))
        np.testing.assert_allclose(matched, real, rtol=1e-4)
    # A linear kernel's alignment is a matter of second moments, too.
    assert run.prediction[ALIGNMENT.name].values[1] == pytest.approx(
        run.prediction[ALIGNMENT.name].values[0], rel=1e-9
    )
    assert of_task(run, 1, 0).prediction.equals(run.prediction.isel(task=0))


def test_half_times_are_interpolated():
    task = Digits(60, 40)
    training = Training(GradientDescent(0.01), duration=2, record=Evenly(3))
    run = StructureRun(Experiment(task, mlp(64, (), 10), training), (task,), (0,)).compute()
    seen = of_task(run, 0)
    seen.observation["train_loss"].values[...] = [[1.0, 0.75, 0.25]]
    assert half_time(seen) == pytest.approx(0.015)
    seen.observation["train_loss"].values[...] = [[1.0, 0.75, 0.6]]
    assert half_time(seen) == float("inf")
