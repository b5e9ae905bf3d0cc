"""Hebbian rules: the exact flow against integration, sampled units against jitter and PCA."""

import numpy as np
import pytest
from scipy import integrate

from carnotlab.core.errors import InputError
from carnotlab.theories.plasticity.principal_components import (
    hebb_course,
    jitter,
    oja_course,
    sanger_steps,
)

RANDOM = np.random.default_rng(0)
ROOT = RANDOM.standard_normal((5, 5))
MOMENT, START = ROOT @ ROOT.T / 5.0, 0.3 * RANDOM.standard_normal(5)
TIMES = np.linspace(0.0, 6.0, 7)


@pytest.mark.parametrize("scale", [1.0, 10.0])  # from inside and outside of the unit sphere
def test_the_flow_by_integration(scale):
    def rate(t, w):
        return MOMENT @ w - (w @ MOMENT @ w) * w

    found = integrate.solve_ivp(
        rate, (0.0, 6.0), scale * START, t_eval=TIMES, rtol=1e-11, atol=1e-12
    )
    np.testing.assert_allclose(oja_course(MOMENT, scale * START, TIMES), found.y.T, atol=1e-8)


def test_late_the_flow_is_the_first_component_and_hebb_points_there_too():
    top = np.linalg.eigh(MOMENT)[1][:, -1]
    late = oja_course(MOMENT, START, np.array([1e4]))[0]
    assert abs(late @ top) == pytest.approx(1.0, abs=1e-12)
    grown = hebb_course(MOMENT, START, np.array([30.0]))[0]
    assert abs(grown @ top) / np.linalg.norm(grown) == pytest.approx(1.0, abs=1e-6)
    assert np.linalg.norm(grown) > 1e6


def test_one_unit_jitters_as_much_as_predicted():
    spectrum, rate = np.array([2.0, 1.0, 0.5]), 0.01
    x = np.random.default_rng(1).standard_normal((120_000, 3)) * np.sqrt(spectrum)
    w = sanger_steps(x, np.array([[1.0, 0.0, 0.0]]), rate, 10)[200:, 0]
    sine = 1.0 - w[:, 0] ** 2 / np.sum(w**2, axis=1)
    assert sine.mean() == pytest.approx(jitter(spectrum, rate), rel=0.1)


def test_several_units_find_components_in_order():
    spectrum = np.array([4.0, 2.0, 1.0, 0.2])
    Q = np.linalg.qr(np.random.default_rng(2).standard_normal((4, 4)))[0]
    x = (np.random.default_rng(3).standard_normal((40_000, 4)) * np.sqrt(spectrum)) @ Q.T
    found = sanger_steps(x, 0.1 * np.ones((3, 4)) * Q[0], 0.002, 40_000)[-1]
    np.testing.assert_allclose(np.abs(found @ Q), np.eye(3, 4), atol=0.1)


def test_two_largest_eigenvalues_are_refused():
    with pytest.raises(InputError, match="largest"):
        jitter(np.array([1.0, 1.0]), 0.1)
