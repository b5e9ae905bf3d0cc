"""The smallest adversarial pair: its linearization by differences, and steps near and far."""

import numpy as np
import pytest

from carnotlab.theories.games.dirac_gan import (
    adversarial_steps,
    eigenvalues,
    factor_per_step,
    slope_at_zero,
)


@pytest.mark.parametrize("loss", ["logistic", "linear"])
@pytest.mark.parametrize("penalty", [0.0, 0.4, 1.0, 3.0])
def test_eigenvalues_are_those_of_the_steps_by_differences(loss, penalty):
    tiny, rate = 1e-6, 1.0
    ends = [
        adversarial_steps(np.array([tiny * p]), np.array([tiny * s]), rate, penalty, 1, loss)[1, 0]
        for p, s in ((1.0, 0.0), (0.0, 1.0))
    ]
    step = np.stack(ends, axis=1) / tiny
    found = np.sort_complex(np.linalg.eigvals(step - np.eye(2)))
    np.testing.assert_allclose(found, np.sort_complex(eigenvalues(penalty, loss)), atol=1e-6)


def test_the_fastest_penalty_is_twice_the_slope():
    for loss in ("logistic", "linear"):
        best = 2.0 * slope_at_zero(loss)
        others = [factor_per_step(best * scale, 0.01, loss) for scale in (0.5, 0.9, 1.1, 2.0)]
        assert factor_per_step(best, 0.01, loss) < min(others)


def test_far_from_the_equilibrium_r1_still_leads_there_and_none_does_not():
    start = np.array([2.0])
    with_r1 = adversarial_steps(start, 0 * start, 0.05, 0.5, 4000)
    without = adversarial_steps(start, 0 * start, 0.05, 0.0, 4000)
    assert np.abs(with_r1[-1]).max() < 1e-6
    assert np.linalg.norm(without[-1]) > 2.0
