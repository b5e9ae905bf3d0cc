"""Every study at its small size, as the tour runs it: each verdict as the study expects."""

import pytest
from matplotlib.figure import Figure

from carnotlab.studies.catalogue import STUDIES, find_study
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_verdicts_are_as_expected_and_the_figure_is_drawn(study, tmp_path):
    result = run_study(study, "smoke", out=tmp_path)
    wrong = [verdict for verdict in result.verdicts if not verdict.as_expected]
    assert not wrong, [f"{v.arm}: {v.quantity} {v.error} {v.interval}" for v in wrong]
    with style("dark"):
        result.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


@pytest.fixture(scope="module")
def quick():
    """Stages at depths 1 to 5 with coarse steps and few records: seconds instead of minutes."""
    changes = {"seeds": 2, "strengths": "2,1", "step": 0.3, "width": 6, "start": 0.05}
    return run_study(find_study("deep-linear-stages"), "smoke", changes)


def test_test_arms_agree_and_controls_do_not(quick):
    for verdict in quick.verdicts:
        if verdict.arm == "small random start, depth 2":
            continue  # its argument is about seeds and strengths of the usual size
        assert verdict.as_expected, (verdict.arm, verdict.error, verdict.interval)


def test_controls_are_outside_the_assumptions_and_tests_inside(quick):
    for verdict in quick.verdicts:
        if verdict.arm.startswith("depth"):
            steps = [check for check in verdict.checks if not check.holds]
            # Steps this coarse break the step assumption, and nothing else.
            assert {check.name for check in steps} <= {"small steps"}
        if verdict.role == "control":
            assert not verdict.in_regime


def test_result_speaks_for_itself(quick):
    record = quick.to_dict()
    assert set(record) == {"verdicts", "provenance", "skipped", "linear_baselines"}
    assert record["provenance"]["settings"]["study"] == "deep-linear-stages"
    assert isinstance(quick.plot(), Figure)
    assert list(quick.to_dataframe()["arm"]) == [verdict.arm for verdict in quick.verdicts]
    assert set(quick.to_xarray().children) == set(quick.results)
    assert quick.__rich__().row_count == len(quick.verdicts)
