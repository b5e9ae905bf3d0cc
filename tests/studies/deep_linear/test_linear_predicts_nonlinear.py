"""Networks with activations on the linear course: tests agree, controls do not, and the parts."""

import numpy as np
import pytest

from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.studies.deep_linear.linear_departures import departures, symmetric_task
from carnotlab.studies.deep_linear.linear_predicts_nonlinear import LinearPredictsNonlinear
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style
from carnotlab.tasks.statistics import input_covariance, input_output_modes
from carnotlab.theories.deep_linear.early_linear_course import DEPARTED, DEPARTURE_STRENGTH


@pytest.fixture(scope="module")
def quick():
    changes = {"seeds": 2, "widths": "16", "rectified": "64", "samples": 80, "records": 80}
    return run_study(LinearPredictsNonlinear(), "smoke", {**changes, "step": 0.08})


def test_tests_agree_and_controls_do_not(quick):
    for verdict in quick.verdicts:
        beyond = verdict.error > verdict.tolerance
        assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)


def test_the_figure_is_drawn(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_inputs_come_with_their_opposites_and_the_map_has_one_mode():
    task = symmetric_task(4, 3, 2.0, 40)
    x = np.asarray(task.data().train.x)
    np.testing.assert_allclose(np.sort(x, axis=0), np.sort(-x, axis=0), atol=1e-12)
    np.testing.assert_allclose(input_covariance(task), np.eye(4), atol=1e-12)
    assert np.asarray(input_output_modes(task).strengths) == pytest.approx([2.0])


def test_departure_is_where_the_quotient_passes_five_percent(make):
    linear = np.geomspace(1e-4, 1.0, 300)
    seen = linear * (1.0 - 0.5 * linear)
    result = make.result(MODE_STRENGTH, seen[None, :, None], linear[:, None])
    assert departures(result)[0] == pytest.approx(2.0 * DEPARTED, rel=0.01)
    never = make.result(MODE_STRENGTH, linear[None, :, None], linear[:, None])
    assert np.isinf(departures(never)[0])
    assert DEPARTURE_STRENGTH.unit == "1"
