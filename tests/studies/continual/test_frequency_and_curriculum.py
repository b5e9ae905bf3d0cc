"""Frequent and rare, easy and hard: tests agree, controls do not, and parts by hand."""

import numpy as np
import pytest

from carnotlab.runs.run import RunResult
from carnotlab.studies.continual.curriculum_run import STUDENT_ERROR, CurriculumRun
from carnotlab.studies.continual.frequency_and_curriculum import (
    EQUAL,
    FrequencyAndCurriculum,
    FrequencySettings,
)
from carnotlab.studies.continual.item_order import frequency_violations, item_shares, items_task
from carnotlab.studies.errors import observed
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style
from carnotlab.tasks.statistics import input_covariance
from carnotlab.theories.continual.frequency import item_courses


@pytest.fixture(scope="module")
def quick():
    changes = {"seeds": 2, "depths": "1,2", "records": 60, "students": 24, "step": 0.08}
    return run_study(FrequencyAndCurriculum(), "smoke", changes)


@pytest.mark.slow
def test_tests_agree_and_controls_do_not(quick):
    for verdict in quick.verdicts:
        beyond = verdict.error > verdict.tolerance
        assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)


@pytest.mark.slow
def test_the_figure_is_drawn(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


@pytest.mark.slow
def test_items_follow_the_courses_of_their_frequency(quick):
    """The order and speed of items from another formula than the one the arm is judged by."""
    settings = FrequencySettings()
    run: RunResult = quick.results[EQUAL.format(2)]
    equal = (1.0,) * 4
    time = np.asarray(run.observation["flow_time"].values)
    seen = item_shares(run, items_task(settings.counts, equal), equal).mean(axis=0)
    p = np.array(settings.counts) / 15.0
    expected = item_courses(time, 2, p, np.ones(4), np.full(4, settings.start))
    assert np.abs(seen - expected).max() < 0.05


def test_frequencies_are_the_input_covariance():
    task = items_task((3, 1), (1.0, 2.0), shared=0.5)
    np.testing.assert_allclose(input_covariance(task), np.diag([0.75, 0.25]))
    assert task.data().train.y.tolist() == [[1.0, 0.5]] * 3 + [[0.5, 2.0]]


def test_violations_count_pairs(make):
    from carnotlab.measures.modes import MODE_STRENGTH

    task = items_task((2, 1), (1.0, 1.0))
    rising = np.linspace(0.0, 1.0, 101)
    late = np.clip(2.0 * rising - 1.0, 0.0, 1.0)
    for order, expected in (((rising, late), 0.0), ((late, rising), 1.0)):
        courses = np.stack(order, axis=1)[None]
        result = make.result(MODE_STRENGTH, courses, courses[0])
        assert frequency_violations(result, task, (1.0, 1.0))(np.array([0])) == expected


def test_students_of_one_example_step_as_written_out():
    run = CurriculumRun("easy to hard", 0.5, 2.0, inputs=4, load=2, students=1)
    found = observed(run.compute(), STUDENT_ERROR)[0]
    random = np.random.default_rng([4, 2, 4])
    x = random.standard_normal((1, 8, 1, 4))[0, :, 0]
    noise = np.sqrt(run.noise) * random.standard_normal((1, 8))[0]
    teacher, w = np.full(4, 0.5), np.zeros(4)
    for k in range(8):
        w = w + run.rates[k] / 4 * x[k] * (x[k] @ (teacher - w) + noise[k])
        # The start is a map of 1e-9, in place of none.
        assert found[k] == pytest.approx(np.sum((w - teacher) ** 2), rel=1e-6)


def test_a_falling_rate_falls():
    rates = CurriculumRun("random", 0.5, 0.7).rates
    assert rates[0] == 0.5
    assert rates[35] == pytest.approx(0.25)
