"""The study of prior knowledge at a small setting, and what it hands from task to task."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.studies.deep_linear.prior_knowledge import (
    REVERSED,
    KnowledgeDecides,
    KnowledgeSettings,
    similarity_change,
)
from carnotlab.studies.deep_linear.task_switch import OtherTargets
from carnotlab.studies.errors import observed
from carnotlab.studies.running import run_study
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.statistics import input_output_modes, whiteness

STUDY = KnowledgeDecides()
QUICK = {"seeds": 3, "strengths": "2,1.2", "size": 4, "duration": 5.0, "records": 20}


@pytest.fixture(scope="module")
def quick():
    return run_study(STUDY, "smoke", QUICK)


def test_tests_agree_and_controls_do_not(quick):
    wrong = [verdict for verdict in quick.verdicts if not verdict.as_expected]
    assert not wrong, [(v.arm, v.quantity, v.error, v.interval) for v in wrong]


def test_only_broken_assumptions_are_outside_the_regime(quick):
    broken = {
        verdict.arm: {check.name for check in verdict.checks if not check.holds}
        for verdict in quick.verdicts
    }
    assert broken.pop("control: unwhitened inputs") == {"white inputs"}
    assert broken.pop("control: layers out of balance") == {"λ-balanced start"}
    assert not any(broken.values())


def test_networks_learn_the_opposite_and_then_the_task(quick):
    """The switch happens: knowledge of the opposite is complete before it is unlearned."""
    result = quick.results[REVERSED]
    courses = observed(result, MODE_STRENGTH)
    half = QUICK["records"] - 1
    np.testing.assert_allclose(courses[:, half], [[-2.0, -1.2]] * 3, atol=0.05)
    np.testing.assert_allclose(courses[:, -1], [[2.0, 1.2]] * 3, atol=0.05)
    times = result.observation["flow_time"].values
    assert (np.diff(times) > 0).all()
    assert times[half] == pytest.approx(5.0)
    assert times[-1] == pytest.approx(10.0)


def test_figure_and_table(quick):
    assert isinstance(quick.plot(), Figure)
    assert set(quick.to_xarray().children) == set(quick.results)


def test_arms_have_keys_of_their_own():
    keys = [arm.run.key for arm in STUDY.arms(KnowledgeSettings())[0]]
    assert len(set(keys)) == len(keys)
    assert keys == [arm.run.key for arm in STUDY.arms(KnowledgeSettings())[0]]
    other = [arm.run.key for arm in STUDY.arms(KnowledgeSettings(slight=0.3))[0]]
    assert [a == b for a, b in zip(keys, other, strict=True)].count(False) == 2


def test_other_targets_share_inputs():
    one, two = LinearMap(4, 3, (2.0, 1.0), samples=6), LinearMap(4, 3, (2.0, 1.0), seed=1)
    task = OtherTargets(one, two, -1.0)
    np.testing.assert_array_equal(task.data().train.x, one.data().train.x)
    assert whiteness(task) < 1e-12
    modes = input_output_modes(task)
    np.testing.assert_allclose(
        (modes.left * modes.strengths) @ modes.right.T, -two.matrix, atol=1e-12
    )


def test_similarity_change_is_relative_to_the_end():
    course = np.stack([np.eye(2), 2.0 * np.eye(2), 4.0 * np.eye(2)])[None]
    np.testing.assert_allclose(similarity_change(course), [[0.0, 0.25, 0.75]])
