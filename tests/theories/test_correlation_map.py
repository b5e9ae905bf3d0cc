import math

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.networks.activations import Erf, Relu, Tanh
from carnotlab.theories.correlation_map import (
    correlation_map,
    correlation_slope,
    critical_weight_variance,
    depth_scale,
    length_map,
    phase,
)


def test_the_rectifiers_map_is_the_arc_cosine_kernel():
    c = np.linspace(-1.0, 1.0, 41)
    expected = (np.sqrt(1 - c**2) + (np.pi - np.arccos(c)) * c) / np.pi
    np.testing.assert_allclose(correlation_map(Relu(), 2.0, 0.0, 3.0, c), expected, atol=1e-14)


@pytest.mark.parametrize("q", [0.1, 1.0, 30.0])
def test_the_error_functions_length_map_is_an_arc_sine(q):
    expected = 1.7 * 2 / np.pi * math.asin(2 * q / (1 + 2 * q)) + 0.3
    assert math.isclose(length_map(Erf(), 1.7, 0.3, q), expected, rel_tol=1e-13)


def test_tanh_agrees_with_sampling():
    rng = np.random.default_rng(0)
    u, v = rng.standard_normal((2, 400_000))
    q, c = 0.8, 0.4
    products = np.tanh(np.sqrt(q) * u) * np.tanh(np.sqrt(q) * (c * u + np.sqrt(1 - c**2) * v))
    expected = (1.5 * products.mean() + 0.1) / q
    error = 1.5 * products.std() / math.sqrt(len(u)) / q
    found = correlation_map(Tanh(), 1.5, 0.1, q, np.array([c]))[0]
    assert abs(found - expected) < 4 * error


@pytest.mark.parametrize("layer", [Tanh(), Relu(), Erf()])
def test_the_slope_is_that_of_the_map(layer):
    q, c, step = 0.7, 0.3, 1e-4
    ends = correlation_map(layer, 1.4, 0.2, q, np.array([c - step, c + step]))
    slope = correlation_slope(layer, 1.4, q, c)
    assert math.isclose((ends[1] - ends[0]) / (2 * step), slope, rel_tol=1e-6)


@pytest.mark.parametrize("variance", [0.5, 1.7, 1.8, 4.0])
def test_fixed_points_are_where_many_layers_lead(variance):
    found = phase(Tanh(), variance, 0.05)
    q, c = 0.3, np.array([0.2])
    for _ in range(400):
        q = length_map(Tanh(), variance, 0.05, q)
    assert math.isclose(q, found.length, rel_tol=1e-9)
    distances = []
    for _ in range(400):
        c = correlation_map(Tanh(), variance, 0.05, found.length, c)
        distances.append(abs(c[0] - found.correlation))
    kept = [d for d in distances if d > 1e-9]
    # The last distances above rounding shrink at the slope, which defines the depth scale.
    assert math.isclose(kept[-1] / kept[-2], found.slope, rel_tol=0.01)


def test_order_and_chaos_lie_on_either_side_of_the_edge():
    edge = critical_weight_variance(Tanh(), 0.05)
    assert math.isclose(phase(Tanh(), edge, 0.05).susceptibility, 1.0, abs_tol=1e-8)
    below, above = phase(Tanh(), 0.9 * edge, 0.05), phase(Tanh(), 1.1 * edge, 0.05)
    assert below.correlation == 1.0
    assert below.correlation_depth == below.gradient_depth
    assert above.correlation < 0.95
    assert above.susceptibility > 1.0 > above.slope


def test_without_biases_tanh_is_at_the_edge_where_it_is_a_linear_layer_of_variance_one():
    assert math.isclose(critical_weight_variance(Tanh(), 0.0), 1.0, abs_tol=1e-3)
    assert math.isclose(phase(Tanh(), 0.5, 0.0).correlation_depth, 1 / math.log(2), rel_tol=1e-6)
    assert phase(Tanh(), 2.0, 0.0).correlation == 0.0


def test_a_rectifiers_depth_scale_follows_from_its_variance_alone():
    # chi = variance / 2 at any length.
    assert math.isclose(phase(Relu(), 1.5, 0.2).gradient_depth, -1 / math.log(0.75))
    assert math.isclose(phase(Relu(), 1.5, 0.2).length, 0.2 / 0.25, rel_tol=1e-9)


def test_depth_scales_at_their_ends():
    assert depth_scale(1.0) == math.inf
    assert depth_scale(0.0) == 0.0
    assert depth_scale(2.0) < 0.0


@pytest.mark.parametrize("bias", [0.0, 0.1])
def test_activity_that_grows_without_bound_is_refused(bias):
    with pytest.raises(OutOfReachError, match="lower the weight variance"):
        phase(Relu(), 2.5, bias)


def test_what_is_out_of_range_is_refused():
    with pytest.raises(InputError, match="finite weight variance"):
        phase(Tanh(), -1.0, 0.0)
    with pytest.raises(InputError, match="widen the range"):
        critical_weight_variance(Tanh(), 0.05, 0.2, 0.5)
    with pytest.raises(InputError, match="at least 0"):
        depth_scale(-0.1)
