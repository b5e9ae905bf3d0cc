"""The study of unsupervised pretraining at a small setting, and what reconstruction leaves."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from carnotlab.studies.deep_linear.pretrained_run import Reconstruction
from carnotlab.studies.deep_linear.unsupervised_pretraining import (
    ELSEWHERE,
    PRETRAINED,
    RANDOM,
    SCRATCH,
    PretrainingSettings,
    UnsupervisedPretraining,
)
from carnotlab.studies.running import run_study
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.theories.deep_linear.unbalanced_modes import chain_strengths_at

STUDY = UnsupervisedPretraining()
# A random start of few members scatters; pretrained ones hardly do.
QUICK = {"seeds": 4, "records": 60, "rate": 0.014}


@pytest.fixture(scope="module")
def quick():
    return run_study(STUDY, "smoke", QUICK)


def test_pretraining_agrees_and_controls_do_not(quick):
    for verdict in quick.verdicts:
        if verdict.arm.startswith(SCRATCH):
            continue  # its argument is about more members than are drawn here
        assert verdict.as_expected, (verdict.arm, verdict.quantity, verdict.error, verdict.interval)


def test_what_breaks_is_that_modes_are_mixed(quick):
    for verdict in quick.verdicts:
        broken = {check.name for check in verdict.checks if not check.holds}
        mixed = RANDOM in verdict.arm or ELSEWHERE in verdict.arm
        # Steps twice as coarse as usual may break the step assumption, and nothing else does.
        assert broken - {"small steps"} == ({"modes kept apart"} if mixed else set())


def test_reconstruction_turns_the_loud_directions_and_leaves_the_others():
    settings = PretrainingSettings(seeds=2)
    run = next(arm.run for arm in STUDY.arms(settings)[0] if arm.label == PRETRAINED)
    first, second = run._start().matrices
    task = run.experiment.task
    loud = task._right_basis[:, : len(settings.loud)]
    for matrix in first:
        along = matrix @ loud
        # The gap of the slowest closes as e^(-2 d t) after ln(1/start^2) / (2 d): e^-17 is left.
        np.testing.assert_allclose(along.T @ along, np.eye(loud.shape[1]), atol=0.05)
        assert np.linalg.norm(matrix) == pytest.approx(np.sqrt(len(settings.loud)), rel=0.02)
    assert second.std() == pytest.approx(settings.start, rel=0.3)


def test_half_times_claimed_are_those_of_a_solver():
    from carnotlab.studies.deep_linear import unsupervised_pretraining as study

    settings = PretrainingSettings()
    claimed = study._claimed(settings, PRETRAINED)
    times = np.linspace(0.0, 3.0, 3001)
    for mode, strength in enumerate(settings.strengths):
        power = settings.loud[mode]
        course = chain_strengths_at(times, strength * power, np.array([1.0, 0.0]), power)
        seen = np.interp(strength / 2, course.prod(axis=1), times)
        order = np.argsort(
            [-s * d for s, d in zip(settings.strengths, settings.loud, strict=False)]
        )
        assert claimed[np.flatnonzero(order == mode)[0]] == pytest.approx(seen, rel=1e-4)


def test_reconstruction_has_its_inputs_for_targets():
    task = LinearMap(4, 3, (1.0,))
    data = Reconstruction(task).data()
    np.testing.assert_array_equal(data.train.x, data.train.y)
    assert Reconstruction(task).output_size == 4


def test_figure(quick):
    assert isinstance(quick.plot(), Figure)
