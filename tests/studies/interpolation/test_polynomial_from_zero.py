"""Polynomials from zero at few draws: tests within their tolerances, controls beyond."""

import numpy as np
import pytest

from carnotlab.studies.interpolation.polynomial_from_zero import PolynomialFromZero
from carnotlab.studies.interpolation.polynomial_run import (
    COEFFICIENTS,
    CURVE,
    GRID,
    LEAST_NORM,
    PolynomialRun,
)
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style
from carnotlab.tasks.noisy_polynomial import features


@pytest.fixture(scope="module")
def quick():
    return run_study(PolynomialFromZero(), "smoke", {"seeds": 12})


def test_tests_agree_and_controls_do_not(quick):
    for verdict in quick.verdicts:
        beyond = verdict.error > verdict.tolerance
        assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)


def test_the_figure_and_the_table_are_drawn(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    (table,) = quick.study.tables(quick)
    assert table.row_count == 4


def test_curves_pass_through_the_points_and_no_start_is_shorter():
    zero, random = (
        PolynomialRun("damped legendre", 20, 6, 0.1, start, networks=2).compute()
        for start in (0.0, 1.0)
    )
    run = PolynomialRun("damped legendre", 20, 6, 0.1, networks=2)
    for result in (zero, random):
        curve = np.asarray(result.observation[CURVE.name].values)
        passed = [np.interp(run.positions, GRID, each) for each in curve]
        np.testing.assert_allclose(passed, run.targets(), atol=1e-3)
    shortest = np.asarray(zero.prediction[LEAST_NORM.name].values)
    inverse = np.linalg.pinv(features(run.positions, "damped legendre", 20))
    np.testing.assert_allclose(shortest, run.targets() @ inverse.T, atol=1e-12)
    last = np.asarray(random.observation[COEFFICIENTS.name].values)[:, -1]
    assert np.all(np.linalg.norm(last, axis=1) > np.linalg.norm(shortest, axis=1))


def test_every_setting_has_a_key_of_its_own():
    runs = [
        PolynomialRun("monomial", 20, 6, 0.1),
        PolynomialRun("legendre", 20, 6, 0.1),
        PolynomialRun("legendre", 20, 6, 0.1, 1.0),
        PolynomialRun("legendre", 20, 6, 0.1, 1.0, from_zero=True),
    ]
    assert len({run.key for run in runs}) == len(runs)
