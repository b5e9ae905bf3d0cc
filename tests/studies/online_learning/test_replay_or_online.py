"""Replay at few draws: errors near theory, controls beyond, digits judged on other images."""

import numpy as np
import pytest

from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.online_learning.real_replay_run import (
    BASELINE,
    EPOCHS_CHOSEN,
    WRONG,
    RealReplayRun,
)
from carnotlab.studies.online_learning.replay_or_online import DIGITS, ReplayOrOnline
from carnotlab.studies.online_learning.replay_run import EXCESS, OnePassRun, ReplayRun
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style

QUICK = {"seeds": 2, "draws": 48, "inputs": 60, "epochs": "1,2,4,8,16,60", "label_noise": "0,0.6"}


@pytest.fixture(scope="module")
def quick():
    return run_study(ReplayOrOnline(), "smoke", QUICK)


@pytest.mark.slow
def test_tests_agree_and_controls_do_not(quick):
    for verdict in quick.verdicts:
        if verdict.role == "test" and verdict.quantity == "excess_by_reliability":
            assert verdict.error < 2.0 * verdict.tolerance, (verdict.arm, verdict.error)
            continue  # of fewer inputs than the tolerance is for
        beyond = verdict.error > verdict.tolerance
        assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)


@pytest.mark.slow
def test_the_figure_and_the_table_are_there(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert quick.study.tables(quick)[0].row_count == 2


@pytest.mark.slow
def test_linear_baselines_stand_beside_the_digits(quick):
    run = quick.results[DIGITS]
    base = observed(run, BASELINE)
    assert base.shape == (2, 1, 2, 2)
    assert np.all((base > 0.0) & (base < 0.9))
    assert set(np.unique(observed(run, EPOCHS_CHOSEN))) <= set(RealReplayRun((0.0,), 1).epochs)


def test_ways_are_judged_on_the_half_that_did_not_choose():
    """With outcomes that are best at different places in the two halves, the choice shows."""
    run = RealReplayRun((0.0,), 1, rates=(0.1, 0.2), epochs=(1, 5))
    found = np.zeros((1, 1, 2, 2, 2))
    found[0, 0, :, :, 0] = [[0.5, 0.3], [0.4, 0.6]]  # choosing half: [rate, epoch]
    found[0, 0, :, :, 1] = [[0.1, 0.35], [0.45, 0.2]]
    ways = run._result(found, 0.0).observation[WRONG.name].values.ravel()
    assert ways.tolist() == [0.45, 0.35, 0.35]


def test_replay_in_small_steps_follows_its_mean():
    run = ReplayRun(60, 0.9, (1.0,), 64, 0.05, (0, 4, 10, 20))
    result = run.compute()
    seen, expected = observed(result, EXCESS)[..., 0], predicted(result, EXCESS)[0, :, 0]
    error = seen.std(axis=0) / np.sqrt(len(seen))
    assert np.all(np.abs(seen.mean(axis=0) - expected) < 3.0 * error + 2.0 / 60)
    np.testing.assert_allclose(seen[:, 0], 1.0, atol=1e-6)


def test_one_pass_follows_its_exact_mean():
    result = OnePassRun(30, 1.5, (2.0,), 200).compute()
    seen, expected = observed(result, EXCESS)[..., 0], predicted(result, EXCESS)[0, :, 0]
    error = seen.std(axis=0) / np.sqrt(len(seen))
    gap = np.abs(seen.mean(axis=0) - expected)[::9]
    assert np.all(gap < 3.5 * error[::9] + 1e-6)
