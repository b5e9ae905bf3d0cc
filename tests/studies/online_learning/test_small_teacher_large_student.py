"""Small students by width: what they share with the theory, and that controls lie beyond."""

from dataclasses import replace

import numpy as np
import pytest

from carnotlab.runs.run import execute
from carnotlab.runs.store import Store
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.online_learning.committee_run import (
    ERRORS,
    FIXED,
    LEARNED,
    SETTLED,
    TEACHER_OVERLAPS,
    CommitteeRun,
)
from carnotlab.studies.online_learning.small_teacher_large_student import SmallTeacherLargeStudent
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style

QUICK = {
    "seeds": 2,
    "inputs": 120,
    "load": 20,
    "rectifier_load": 10,
    "passes": 8,
    "widths": "2,4",
    "settled_at": 20.0,
}


@pytest.fixture(scope="module")
def quick():
    return run_study(SmallTeacherLargeStudent(), "smoke", QUICK)


def test_tests_agree_and_controls_do_not(quick):
    for verdict in quick.verdicts:
        beyond = verdict.error > verdict.tolerance
        assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)


def test_only_replayed_examples_are_outside_the_assumptions(quick):
    outside = {verdict.arm for verdict in quick.verdicts if not verdict.in_regime}
    assert outside == {"control: both layers learn, examples replayed"}


def test_the_figure_is_drawn(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_narrow_students_are_wide_ones_with_empty_units(quick):
    result = quick.results["erf units"]
    for values in (observed(result, TEACHER_OVERLAPS), predicted(result, TEACHER_OVERLAPS)):
        assert np.all(values[:, :, :, 0, 2:] == 0.0)
        assert np.all(values[:, :, :, 1] != 0.0)


def test_settled_errors_are_those_at_the_time_asked_for(quick):
    result = quick.results["erf units"]
    at_the_end = predicted(result, ERRORS)[:, -1]
    np.testing.assert_allclose(predicted(result, SETTLED)[:, 0], at_the_end, rtol=1e-4)
    assert SETTLED.name not in quick.results["erf units, examples replayed"].prediction


def test_a_fixed_second_layer_starts_as_the_other(quick):
    seen = observed(quick.results["erf units"], ERRORS)
    np.testing.assert_allclose(seen[:, 0, 0], seen[:, 0, 1], rtol=1e-4)
    assert np.all(seen[:, -1, 0] > seen[:, -1, 1])


def test_results_are_kept_and_keys_differ(tmp_path):
    store = Store(tmp_path / "arrays")
    store.prepare()
    run = CommitteeRun(20, (2,), 0.5, 0.1, 2, 2, records=3, activation="relu", layers=(LEARNED,))
    execute(run, store)
    assert execute(run, store).cached
    assert len({run.key, replace(run, layers=(FIXED,)).key, replace(run, load=3).key}) == 3
