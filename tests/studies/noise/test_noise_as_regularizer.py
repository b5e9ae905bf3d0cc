"""Noise as a regularizer at a few networks: tests within their tolerances, controls beyond."""

import numpy as np
import pytest

from carnotlab.studies.noise.balance_run import LAYER_IMBALANCE, BalanceRun
from carnotlab.studies.noise.noise_as_regularizer import NoiseAsRegularizer
from carnotlab.studies.noise.two_layer_run import PRODUCT, TwoLayerRun
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style


@pytest.fixture(scope="module")
def quick():
    return run_study(NoiseAsRegularizer(), "smoke", {"seeds": 2, "networks": 48})


@pytest.mark.slow
def test_tests_agree_and_controls_do_not(quick):
    for verdict in quick.verdicts:
        beyond = verdict.error > verdict.tolerance
        assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)


@pytest.mark.slow
def test_the_figure_and_the_table_are_made(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    (table,) = quick.study.tables(quick)
    assert table.row_count == 3
    (row,) = [row for row in quick.baselines if row.measured == "share wrong"]
    assert row.ridge < row.lowest


def test_two_weights_start_where_they_fit_and_fixed_labels_leave_them():
    run = BalanceRun(1.0, 0.05, 30, 8, fresh=False)
    result = run.compute()
    seen = result.observation[LAYER_IMBALANCE.name].values
    assert seen[:, 0] == pytest.approx(result.prediction[LAYER_IMBALANCE.name].values[0], rel=1e-5)
    assert np.ptp(seen, axis=0).max() == 0.0  # no noise: all members are one
    assert run.key != BalanceRun(1.0, 0.05, 30, 8).key


def test_two_layers_without_noise_descend_as_predicted():
    """Keep 1: training and the descent written out for the mean loss are one."""
    for part in ("hidden units", "first weights"):
        result = TwoLayerRun(part, 1.0, 5, 60, 0.02, (0, 1)).compute()
        np.testing.assert_allclose(
            result.observation[PRODUCT.name], result.prediction[PRODUCT.name], atol=1e-5
        )  # single precision
