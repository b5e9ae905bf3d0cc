"""Schedules at few draws: simulated risks near exact ones, rankings that flip."""

import numpy as np
import pytest

from carnotlab.studies.errors import predicted
from carnotlab.studies.optimization.schedule_network_run import LOSS, NetworkScheduleRun
from carnotlab.studies.optimization.schedule_run import RISK, LeastSquaresRun, simulated_risks
from carnotlab.studies.optimization.schedules_in_theory_and_practice import (
    NAMES,
    SQUARES,
    SchedulesInTheoryAndPractice,
    risk_behind,
)
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style


@pytest.fixture(scope="module")
def quick():
    changes = {
        "seeds": 4,
        "draws": 256,
        "network_steps": 400,
        "rates": "0.05,0.1,0.2,0.3",
    }
    return run_study(SchedulesInTheoryAndPractice(), "smoke", changes)


def test_tests_agree_and_controls_do_not(quick):
    for verdict in quick.verdicts:
        if verdict.quantity == RISK.name and verdict.role == "test":
            # Four times fewer paths scatter twice as much.
            assert verdict.error < 2.0 * verdict.tolerance, (verdict.arm, verdict.error)
        elif verdict.role == "control" or "network" not in verdict.arm:
            beyond = verdict.error > verdict.tolerance
            assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)


def test_the_ranking_flips_with_noise_in_theory_and_in_the_draws(quick):
    run = quick.results[SQUARES]
    exact = predicted(run, RISK)[0, -1]
    place = NAMES.index("1/t")
    assert exact[0, place] < 1.1 * exact[0].min()
    assert exact[1, place] > 100.0 * exact[1].min()
    assert risk_behind(1, "1/t")(run)(np.arange(4)) > 50.0


def test_the_figure_is_there(quick, tmp_path):
    with style("light"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_paths_without_a_step_keep_the_risk_of_the_start():
    h = np.array([1.0, 0.5])
    found = simulated_risks(np.zeros((1, 1, 3)), h, (0.1,), [1, 3], 2, 8)
    np.testing.assert_allclose(found, 0.75, rtol=1e-6)
    other = simulated_risks(np.full((1, 1, 3), 0.1), h, (0.1,), [1, 3], 2, 8)
    assert np.all(other[:, 1] != other[:, 0])


def test_tuned_rates_are_best_on_their_grid():
    run = LeastSquaresRun(("constant",), (0.1,), 3, 50, 1, 2)
    rates, shares = run.tuned(0.1)
    assert 0.0 < shares[0] <= 0.5
    assert np.all(rates == rates[0, 0])


def test_divergence_of_a_network_is_no_number_and_keys_change_with_seeds():
    run = NetworkScheduleRun(("constant", "1/t"), (0.1, 1e4), 1, 30, 4, 30, (0,))
    losses = run.compute().observation[LOSS.name].values
    assert losses.shape == (1, 2, 2)
    assert not losses[0, 0, 1] < 1e3
    assert losses[0, 0, 0] < 1e3
    assert run.key != NetworkScheduleRun(("constant", "1/t"), (0.1, 1e4), 1, 30, 4, 30, (1,)).key
