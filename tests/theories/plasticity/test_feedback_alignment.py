"""Fixed feedback in two linear layers: conservation, modes by integration, narrow layers."""

import numpy as np
import pytest
from scipy import integrate

from carnotlab.theories.plasticity.feedback_alignment import (
    best_directions,
    conserved_form,
    feedback_directions,
    feedback_half_time,
    feedback_mode,
    learn,
    subspace_error,
)

RANDOM = np.random.default_rng(0)
CROSS = RANDOM.standard_normal((4, 6))
ROOT = RANDOM.standard_normal((6, 6))
MOMENT = ROOT @ ROOT.T / 6.0 + 0.3 * np.eye(6)


def test_the_form_is_conserved_to_first_order_in_the_rate():
    first, second, feedback = (RANDOM.standard_normal(s) for s in ((5, 6), (4, 5), (5, 4)))
    moved = []
    for rate in (2e-4, 1e-4):
        course = learn(first, second, CROSS, MOMENT, rate, round(0.2 / rate), feedback, every=200)
        form = [conserved_form(course.first[k], course.second[k], feedback) for k in (0, -1)]
        moved.append(np.abs(form[1] - form[0]).max())
    assert moved[0] < 0.05
    assert moved[0] / moved[1] == pytest.approx(2.0, rel=0.05)


def test_modes_by_integration_and_in_a_network():
    s, b, times = 1.7, 0.6, np.linspace(0.0, 6.0, 13)

    def rate(t, ac):
        left = s - ac[0] * ac[1]
        return [b * left, left * ac[0]]

    found = integrate.solve_ivp(rate, (0.0, 6.0), [0.0, 0.0], t_eval=times, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(feedback_mode(s, b, times), found.y.prod(axis=0), atol=1e-9)
    assert feedback_mode(s, b, np.array([feedback_half_time(s, b)]))[0] == pytest.approx(s / 2)
    U, strengths, Vt = np.linalg.svd(CROSS, full_matrices=False)
    feedback = b * np.linalg.qr(RANDOM.standard_normal((7, 4)))[0]
    course = learn(np.zeros((7, 6)), np.zeros((4, 7)), CROSS, np.eye(6), 1e-3, 2000, feedback)
    modes = np.einsum("om,toi,mi->tm", U, course.product, Vt)
    for mode, strength in enumerate(strengths):
        expected = feedback_mode(strength, b, 1e-3 * np.arange(2001))
        assert np.abs(modes[:, mode] - expected).max() < 3e-3 * strength


def test_a_narrow_layer_ends_at_its_directions_either_way():
    feedback = RANDOM.standard_normal((2, 4))
    small = [1e-3 * RANDOM.standard_normal(s) for s in ((2, 6), (4, 2))]
    for directions, first, second, used in (
        (
            feedback_directions(feedback, CROSS, MOMENT),
            np.zeros((2, 6)),
            np.zeros((4, 2)),
            feedback,
        ),
        (best_directions(2, CROSS, MOMENT), *small, None),
    ):
        course = learn(first, second, CROSS, MOMENT, 0.02, 8000, used, every=8000)
        product = course.product[-1]
        gap = product - np.linalg.solve(MOMENT, CROSS.T).T
        left = 0.5 * np.trace(gap @ MOMENT @ gap.T)
        assert left == pytest.approx(subspace_error(directions, CROSS, MOMENT), rel=1e-5)
    assert subspace_error(feedback_directions(feedback, CROSS, MOMENT), CROSS, MOMENT) > 1.2 * left


def test_the_best_directions_leave_the_weakest_modes():
    strengths = np.linalg.svd(CROSS, compute_uv=False)
    left = subspace_error(best_directions(2, CROSS, np.eye(6)), CROSS, np.eye(6))
    assert left == pytest.approx(0.5 * np.sum(strengths[2:] ** 2))
