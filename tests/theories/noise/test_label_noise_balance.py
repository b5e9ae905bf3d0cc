"""The decay of imbalance against steps written out."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.noise.label_noise_balance import imbalance_course

RANDOM = np.random.default_rng(0)


def walk(steps, rate, noise, batch, paths=400, fresh=True):
    """Two weights of many paths under label noise; returns them after the steps."""
    u, v = np.full(paths, 1.3), np.full(paths, 1.0 / 1.3)
    fixed = RANDOM.standard_normal((2, paths, batch))
    for _ in range(steps):
        x, e = RANDOM.standard_normal((2, paths, batch)) if fresh else fixed
        gap = (u * v - 1.0)[:, None] * x - noise**0.5 * e
        g = np.mean(gap * x, axis=1)
        before = u**2 - v**2
        u, v = u - rate * g * v, v - rate * g * u
        # The identity that everything rests on.
        np.testing.assert_allclose(u**2 - v**2, (1 - (rate * g) ** 2) * before, atol=1e-12)
    return u, v


def test_the_mean_imbalance_follows_the_law():
    rate, noise, batch, steps = 0.03, 1.0, 2, 600
    u, v = walk(steps, rate, noise, batch)
    seen = u**2 - v**2
    start = 1.3**2 - 1.3**-2
    curvature = 1.3**2 + 1.3**-2
    law = imbalance_course(np.array([float(steps)]), start, rate, noise, batch, curvature)[0]
    assert law < 0.8 * start
    # The curvature falls along the way, and weights fit only after the first steps: of the order
    # of the decay's own correction, a few hundredths.
    assert seen.mean() == pytest.approx(law, abs=0.03 * start + 4.5 * seen.std() / 20)


def test_labels_that_stay_wrong_do_nothing_once_they_are_fitted():
    u, v = walk(600, 0.03, 1.0, 2, fresh=False)
    start = 1.3**2 - 1.3**-2
    assert np.mean(u**2 - v**2) > 0.9 * start


def test_no_noise_no_decay_and_no_numbers_below_zero():
    assert imbalance_course(np.array([9.0]), 2.0, 0.1, 0.0, 1, 1.0)[0] == 2.0
    with pytest.raises(InputError, match="rate"):
        imbalance_course(np.array([9.0]), 2.0, 0.0, 1.0, 1, 1.0)
