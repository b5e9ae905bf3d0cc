"""Against the general engine's kernels, and slopes against differences of them."""

import numpy as np
import pytest

from carnotlab.estimators.rectifier_derivatives import rectifier_kernels
from carnotlab.networks.architectures import mlp
from carnotlab.networks.infinite.kernels import kernels


@pytest.fixture
def samples():
    x = np.random.default_rng(0).normal(size=(9, 4))
    x[1] = x[0]
    x[2] = -x[0]
    x[3] = 0.0
    x[4] = x[0] + 1e-5
    return x


def _reference(x, y, depth, w, b):
    network = mlp(4, (8,) * depth, 1, weight_variance=w, bias_variance=b)
    return kernels(network, x, y)


@pytest.mark.parametrize("depth", [1, 3])
def test_the_values_are_the_engines(samples, depth):
    found = rectifier_kernels(samples, samples[:5], depth, 1.7, 0.3)
    expected = _reference(samples, samples[:5], depth, 1.7, 0.3)
    np.testing.assert_allclose(found.nngp.value, expected.nngp, rtol=1e-12)
    np.testing.assert_allclose(found.ntk.value, expected.ntk, rtol=1e-9)


@pytest.mark.parametrize("depth", [1, 3])
def test_slopes_are_those_of_central_differences(samples, depth):
    w, b, h = 1.7, 0.3, 1e-4
    found = rectifier_kernels(samples, samples, depth, w, b)
    for axis, (up, down) in enumerate(
        (((w * np.exp(h), b), (w * np.exp(-h), b)), ((w, b * np.exp(h)), (w, b * np.exp(-h))))
    ):
        high = rectifier_kernels(samples, samples, depth, *up)
        low = rectifier_kernels(samples, samples, depth, *down)
        for kind in ("nngp", "ntk"):
            rise = getattr(high, kind).value - getattr(low, kind).value
            slope = getattr(found, kind).slopes[axis]
            # Truncation h²/6 ~ 2e-9 of the kernel's third derivative, rounding 1e-16/h ~ 1e-12;
            # near samples 4 and 0 the angle's own rounding, 1e-16/1e-5, over h.
            np.testing.assert_allclose(rise / (2 * h), slope, atol=2e-6, rtol=1e-7)


def test_the_order_of_the_difference_is_two(samples):
    w, b = 1.7, 0.3
    slope = rectifier_kernels(samples, samples, 2, w, b).ntk.slopes[1]
    errors = []
    for h in (0.08, 0.04):
        high = rectifier_kernels(samples, samples, 2, w, b * np.exp(h)).ntk.value
        low = rectifier_kernels(samples, samples, 2, w, b * np.exp(-h)).ntk.value
        errors.append(np.abs((high - low) / (2 * h) - slope).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.05)
