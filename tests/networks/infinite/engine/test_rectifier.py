"""The compiled polynomials against angles themselves."""

import numpy as np
import pytest

from carnotlab.networks.infinite.engine.loops import rectifier


@pytest.mark.parametrize(
    ("function", "dtype", "error"),
    [("slope_64", np.float64, 4e-16), ("slope_32", np.float32, 2e-7)],
)
def test_polynomials_give_the_angle_over_its_sine(function, dtype, error):
    half = np.linspace(0.0, np.pi / 4, 20001)[1:]
    t = 2 * np.sin(half) ** 2
    series = t < 1e-3
    # (θ / sin θ - 1) / t from its power series where the difference cancels.
    expected = 1 / 3 + t * (2 / 15 + t * (2 / 35 + t * (8 / 315 + t * (8 / 693))))
    angle = 2 * half[~series]
    expected[~series] = (angle / np.sin(angle) - 1) / t[~series]
    found = [float(getattr(rectifier, function).py_func(dtype(value))) for value in t]
    allowed = error + 4e-16 / np.where(series, 1.0, t)
    assert np.all(np.abs(found - expected) <= allowed)
