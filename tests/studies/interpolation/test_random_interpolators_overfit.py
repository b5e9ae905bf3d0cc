"""Random interpolators at few networks: controls fail, and samplers draw the conditional law."""

import numpy as np
import pytest

from carnotlab.core.assumptions import Check
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.interpolation.digit_interpolators import UNSEEN, DigitInterpolators
from carnotlab.studies.interpolation.interpolator_run import EXCESS, InterpolatorRun
from carnotlab.studies.interpolation.random_interpolators_overfit import RandomInterpolatorsOverfit
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style

QUICK = {"seeds": 2, "networks": 32, "inputs": 30, "samples": "6,12,18", "images": 40}


@pytest.fixture(scope="module")
def quick():
    return run_study(RandomInterpolatorsOverfit(), "smoke", {**QUICK, "features": 150})


def test_controls_fail_and_tests_come_near(quick):
    # Smaller models scatter more than the study's tolerance allows for.
    for verdict in quick.verdicts:
        if verdict.role == "control":
            assert verdict.agreement == "disagrees", (verdict.arm, verdict.error)
            continue
        assert verdict.in_regime, verdict.checks
        assert verdict.error < max(3.0 * verdict.tolerance, 1e-3), (verdict.arm, verdict.error)


def test_the_figure_and_the_tables_are_drawn(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert [table.row_count for table in quick.study.tables(quick)] == [7, 3]


@pytest.mark.parametrize("rule", ["gibbs", "sphere"])
def test_drawn_weights_fit_and_have_the_declared_prior(rule):
    run = InterpolatorRun(rule, 24, (4, 10), 2.0, networks=200)
    draws = run._draws()
    weights = run._weights(draws)
    np.testing.assert_allclose(
        np.einsum("mpn,mn->mp", draws.inputs, weights), draws.labels, atol=1e-9
    )
    if rule == "sphere":
        np.testing.assert_allclose(np.sum(weights**2, axis=1), 48.0)
    result = run.compute()
    gap = observed(result, EXCESS).mean(axis=0) / predicted(result, EXCESS)[0] - 1.0
    assert np.abs(gap).max() < 0.15


def test_trained_weights_are_those_that_conditioning_draws():
    """Descent leaves what no label decides: member by member the random draw of its start."""
    descent, gibbs = (
        InterpolatorRun(rule, 20, (5, 9), 1.5, networks=6) for rule in ("descent", "gibbs")
    )
    np.testing.assert_allclose(
        descent._weights(descent._draws()), gibbs._weights(gibbs._draws()), atol=2e-3
    )


def test_digits_are_predicted_in_the_mean_over_interpolators():
    result = DigitInterpolators(60, 300, draws=8).compute()
    np.testing.assert_allclose(
        observed(result, UNSEEN).mean(axis=0), predicted(result, UNSEEN).mean(axis=0), rtol=0.12
    )
    fitted = next(check for check in result.checks if check.name == "labels fitted")
    assert isinstance(fitted, Check)
    assert fitted.holds
