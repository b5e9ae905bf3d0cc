"""Networks beside linear models where it is known which must win."""

import numpy as np
import pytest
import xarray as xr

from carnotlab.runs.run import RunResult
from carnotlab.studies.robustness.against_linear import (
    LINEAR,
    LUCK,
    NETWORK,
    AgainstLinear,
    gap_to_linear,
    not_reached,
)
from carnotlab.studies.robustness.linear_baseline import LinearBaselineStudy
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style
from carnotlab.tasks.gaussian_regression import GaussianRegression


@pytest.fixture(scope="module")
def result():
    changes = {"seeds": 2, "samples": 300, "held_out": 300, "width": 64, "steps": 150}
    return run_study(LinearBaselineStudy(), changes=changes)


def test_linear_models_reach_digits_and_no_product(result):
    assert [verdict.arm for verdict in result.verdicts if not verdict.as_expected] == []
    (table,) = result.study.tables(result)
    assert table.row_count == 3
    assert {row.data for row in result.baselines} == {"digits", "sign of a product"}
    with style("dark"):
        assert len(result.plot().axes) == 1


def made(network, linear, luck):
    seeds = len(network)
    observation = xr.Dataset(
        {
            NETWORK.name: ("seed", network),
            LINEAR.name: (("seed", "kind"), [linear] * seeds),
            LUCK.name: ("seed", [luck] * seeds),
        }
    )
    return RunResult(xr.Dataset(), observation, (), 0.0)


def test_the_share_not_reached_by_hand():
    run = made([0.1, 0.3], [0.5, np.nan], 0.9)
    assert not_reached(run)(np.array([0])) == pytest.approx(1.0 - 0.4 / 0.8)
    assert not_reached(run)(np.array([0, 1])) == pytest.approx(1.0 - 0.4 / 0.7)
    assert not_reached(made([0.6], [0.5, 0.4], 0.9))(np.array([0])) == 0.0
    assert not_reached(made([0.9], [0.5, 0.4], 0.9))(np.array([0])) == float("inf")
    assert gap_to_linear(made([0.4], [0.5, np.nan], 1.0))(np.array([0])) == pytest.approx(0.25)
    assert gap_to_linear(made([0.6], [0.5, np.nan], 1.0))(np.array([0])) == 0.0


def test_luck_of_a_regression_is_its_variance():
    task = GaussianRegression(3, samples=4000, noise_variance=1.0, held_out=4000)
    run = AgainstLinear(task, (0, 1), 4, 2, 1e-3, 2).compute()
    weights = np.linalg.lstsq(*task.data().train, rcond=None)[0]
    signal = float(np.sum(weights**2)) / 3
    # Of 4000 squares of Gaussian numbers the mean has a relative deviation of sqrt(2/4000).
    expected = pytest.approx(1.0 + signal, rel=4 * np.sqrt(2 / 4000))
    assert run.observation[LUCK.name].values[0] == expected
    assert run.observation[LINEAR.name].values[0, 0] == pytest.approx(1.0, rel=0.09)
