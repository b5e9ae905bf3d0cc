"""Fits of laws of loss by size: known laws are found, and others are told apart."""

import numpy as np
import pytest
from scipy.optimize import brute, minimize

from carnotlab.core.errors import InputError
from carnotlab.theories.scaling_laws.fitting import fit_joint_law, fit_law, predictions_of_refits
from carnotlab.theories.scaling_laws.laws import JointLaw, Law

N = np.geomspace(1e3, 1e6, 7)


@pytest.mark.parametrize("exponent", [0.08, 0.34, 1.0, 2.5])
@pytest.mark.parametrize("floor", [0.0, 1.7])
def test_a_power_law_is_found(exponent, floor):
    law = Law("power", floor, 2.0 * 1e3**exponent, exponent)
    found = fit_law(N, law(N))
    assert found.exponent == pytest.approx(exponent, rel=1e-4)
    assert found.floor == pytest.approx(floor, abs=1e-4)
    np.testing.assert_allclose(found(10 * N), law(10 * N), rtol=1e-4)


def test_alternatives_are_found():
    fast = Law("exponential", 1.0, 3.0, 0.7, 1e4)
    n = np.linspace(1e3, 4e4, 6)
    np.testing.assert_allclose(fit_law(n, fast(n), "exponential")(n), fast(n), rtol=1e-8)
    slow = Law("logarithmic", 5.0, 0.2, 0.0)
    found = fit_law(N, slow(N), "logarithmic")
    assert (found.floor, found.amplitude) == pytest.approx((5.0, 0.2), rel=1e-8)


def test_the_fit_is_the_least_of_a_search():
    """Against a plain search over all three numbers, written without the library."""
    random = np.random.default_rng(0)
    losses = (1.5 + 30.0 * N**-0.4) * np.exp(0.02 * random.normal(size=7))

    def squares(p):
        return float(np.sum(np.log((p[0] + p[1] * (N / 1e4) ** -p[2]) / losses) ** 2))

    grid = brute(squares, ((0.5, 2.0), (0.1, 3.0), (0.1, 1.5)), Ns=25, finish=None)
    best = minimize(squares, grid, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-14})
    found = fit_law(N, losses)
    ours = float(np.sum(np.log(found(N) / losses) ** 2))
    assert ours <= best.fun * (1 + 1e-6)
    assert found.exponent == pytest.approx(best.x[2], rel=1e-3)


def test_huber_is_not_led_astray_by_one_point():
    law = Law("power", 1.0, 20.0, 0.3)
    n = np.geomspace(1e2, 1e6, 12)
    losses = law(n)
    losses[4] *= 1.3
    assert abs(fit_law(n, losses, huber=1e-3).exponent - 0.3) < 1e-3
    assert abs(fit_law(n, losses).exponent - 0.3) > 0.02  # least squares is


def test_a_joint_law_is_found_from_a_cross():
    """Sizes at the most data, data at the largest size: no full grid is needed."""
    law = JointLaw(1.69, 406.4, 0.34, 410.7, 0.28)
    n = np.concatenate([np.geomspace(1e4, 1e8, 6), np.full(5, 1e8)])
    d = np.concatenate([np.full(6, 1e9), np.geomspace(1e5, 1e8, 5)])
    found = fit_joint_law(n, d, law(n, d))
    assert (found.size_exponent, found.data_exponent) == pytest.approx((0.34, 0.28), rel=1e-3)
    assert found.floor == pytest.approx(1.69, rel=1e-3)
    assert float(found(np.array([1e9]), np.array([1e10]))[0]) == pytest.approx(
        float(law(np.array([1e9]), np.array([1e10]))[0]), rel=1e-3
    )


def test_joint_exponents_under_noise():
    law = JointLaw(1.5, 60.0, 0.4, 90.0, 0.35)
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e3, 1e6, 6), np.geomspace(1e4, 1e7, 6)))
    random = np.random.default_rng(1)
    found = np.array(
        [
            [fit.size_exponent, fit.data_exponent]
            for fit in (
                fit_joint_law(n, d, law(n, d) * np.exp(0.01 * random.normal(size=36)))
                for _ in range(8)
            )
        ]
    )
    error = found.std(axis=0, ddof=1) / np.sqrt(8)
    assert np.all(np.abs(found.mean(axis=0) - [0.4, 0.35]) < 4.0 * error + 1e-3)
    assert np.all(error < 0.02)


@pytest.mark.parametrize(
    "law", [Law("power", 1.5, 30.0, 0.4), Law("exponential", 1.5, 2.0, 0.8, 4e3),
            Law("logarithmic", 6.0, 0.3, 0.0)]
)  # fmt: skip
def test_refits_at_once_are_fits_one_by_one(law):
    """A gap of a tenth of the spread would widen an interval by half a per cent."""
    n = np.geomspace(1e3, 1.6e4, 6)
    for scatter in (0.008, 0.002):
        drawn = law(n) * np.exp(scatter * np.random.default_rng(2).normal(size=(12, 6)))
        at_once = predictions_of_refits(law, n, drawn, 3e4)
        one_by_one = [float(fit_law(n, row, law.form)(np.array([3e4]))[0]) for row in drawn]
        assert np.abs(at_once - one_by_one).mean() < 0.1 * np.std(one_by_one)


@pytest.mark.parametrize(
    ("n", "losses", "message"),
    [
        ([1.0, 2.0], [1.0, 0.5], "2 different sizes for a power law of 3"),
        ([1.0, 2.0, 2.0], [1.0, 0.5, 0.5], "2 different sizes"),
        ([1.0, 2.0, 3.0], [1.0, 0.5, np.nan], "leave out runs that diverged"),
        ([0.0, 2.0, 3.0], [1.0, 0.5, 0.2], "not above 0"),
        ([1.0, 2.0, 3.0], [1.0, 0.5], "some are missing"),
    ],
)
def test_refusals(n, losses, message):
    with pytest.raises(InputError, match=message):
        fit_law(np.array(n), np.array(losses))


def test_joint_refusals():
    ones = np.ones(4)
    with pytest.raises(InputError, match="1 different amounts of data"):
        fit_joint_law(np.arange(1.0, 5.0), ones, ones)
    with pytest.raises(InputError, match="form = 'cubic'"):
        fit_law(N, N, "cubic")
