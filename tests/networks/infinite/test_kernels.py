"""Kernels against recursions written out by hand, and the properties of the blocks."""

import jax
import numpy as np
import pytest

from carnotlab.networks.activations import Erf, Gelu, LeakyRelu, Linear, Relu, Sin, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.infinite import general as module
from carnotlab.networks.infinite.kernels import kernels, nngp_diagonal
from carnotlab.networks.initialisation import Gaussian
from carnotlab.networks.layers import Dense, Residual
from carnotlab.networks.parameterization import NTK, MeanField, Standard

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 5))
Z = RNG.normal(size=(4, 5))
EXACT = {"rtol": 1e-12, "atol": 1e-13}


def _relu_pair(a, b, c):
    rho = np.clip(c / np.sqrt(np.outer(a, b)), -1, 1)
    theta = np.arccos(rho)
    scale = np.sqrt(np.outer(a, b))
    value = scale / (2 * np.pi) * (np.sin(theta) + (np.pi - theta) * rho)
    return value, (np.pi - theta) / (2 * np.pi)


def _by_hand(x1, x2, variances, bias):
    """NTK parameterization, rectifiers, as in the papers: weights before biases, no library."""
    n = x1.shape[1]
    first = variances[0] / n
    a, b = first * np.sum(x1**2, 1) + bias, first * np.sum(x2**2, 1) + bias
    k = first * x1 @ x2.T + bias
    theta = k.copy()
    for variance in variances[1:]:
        value, slope = _relu_pair(a, b, k)
        k = variance * value + bias
        theta = k + variance * theta * slope
        a, b = variance * a / 2 + bias, variance * b / 2 + bias  # E[relu(u)²] = a / 2
    return k, theta


@pytest.mark.parametrize("bias", [None, 0.3])
def test_two_hidden_layers_by_hand(bias):
    network = mlp(5, (64, 32), 3, weight_variance=1.7, output_variance=0.9, bias_variance=bias)
    expected = _by_hand(X, Z, (1.7, 1.7, 0.9), bias or 0.0)
    np.testing.assert_allclose(kernels(network, X, Z), expected, **EXACT)


def test_deep_linear_by_hand():
    # K = σ⁶ x·x'/n at three layers; every layer's weights contribute the same.
    network = Network(5, (Dense(8, 1.5), Linear(), Dense(8, 1.5), Dense(2, 1.5)), NTK())
    nngp, ntk = kernels(network, X)
    expected = 1.5**3 * X @ X.T / 5
    np.testing.assert_allclose(nngp, expected, **EXACT)
    np.testing.assert_allclose(ntk, 3 * expected, **EXACT)


def test_standard_parameterization_by_hand():
    # One hidden layer of N units: fan-ins 5 and N multiply what each weight's gradient gives.
    width, sw, sb = 48, 1.7, 0.3
    network = mlp(
        5, (width,), 1, weight_variance=sw, output_variance=0.9, bias_variance=sb,
        parameterization=Standard(),
    )  # fmt: skip
    a, b = (sw / 5 * np.sum(x**2, 1) + sb for x in (X, Z))
    value, slope = _relu_pair(a, b, sw / 5 * X @ Z.T + sb)
    nngp, ntk = kernels(network, X, Z)
    np.testing.assert_allclose(nngp, 0.9 * value + sb, **EXACT)
    expected = (width * value + 1) + 0.9 * slope * (X @ Z.T + 1)
    np.testing.assert_allclose(ntk, expected, **EXACT)


def test_standard_bias_that_starts_at_zero_is_still_trained():
    with_bias, without = (
        kernels(mlp(5, (8,), 1, bias_variance=b, parameterization=Standard()), X)
        for b in (0.0, None)
    )
    np.testing.assert_allclose(with_bias.nngp, without.nngp, **EXACT)
    assert (with_bias.ntk - without.ntk >= 1.0).all()  # the output's bias alone gives 1


def test_mean_field_trains_with_the_ntk_from_a_smaller_start():
    richness = 0.3
    options = {"weight_variance": 1.7, "bias_variance": 0.2}
    ntk = kernels(mlp(5, (64, 32), 1, parameterization=NTK(), **options), X)
    mean_field = kernels(mlp(5, (64, 32), 1, parameterization=MeanField(richness), **options), X)
    np.testing.assert_allclose(mean_field.ntk, ntk.ntk, **EXACT)
    np.testing.assert_allclose(mean_field.nngp * richness**2 * 32, ntk.nngp, **EXACT)


def test_scale_of_the_start_enters_as_the_weight_variance_but_not_the_multipliers():
    # NTK parameterization, one hidden layer of rectifiers, no bias: K and both terms of Θ by hand.
    s = 0.4
    usual, scaled = (
        kernels(mlp(5, (8,), 1, weight_variance=2.0, initialisation=Gaussian(g)), X)
        for g in (1.0, s)
    )
    np.testing.assert_allclose(scaled.nngp, s**4 * usual.nngp, **EXACT)
    # Θ = K of the hidden layer (∝ s²) + backpropagated output weights (∝ s²) times Θ_1 (no s).
    np.testing.assert_allclose(scaled.ntk, s**2 * usual.ntk, **EXACT)
    biased = kernels(mlp(5, (), 1, bias_variance=0.5, initialisation=Gaussian(s)), X)
    np.testing.assert_allclose(biased.nngp, s**2 * X @ X.T / 5 + 0.5, **EXACT)
    np.testing.assert_allclose(biased.ntk, X @ X.T / 5 + 0.5, **EXACT)


def test_residual_block_by_hand():
    # h = W x, then h + V relu(h), then the output.
    sw, sv, so = 1.2, 0.8, 1.1
    layers = (Dense(8, sw), Residual((Relu(), Dense(8, sv))), Dense(1, so))
    a, b = (sw / 5 * np.sum(x**2, 1) for x in (X, Z))
    k0 = sw / 5 * X @ Z.T
    value, slope = _relu_pair(a, b, k0)
    k1 = k0 + sv * value
    theta1 = k0 + (sv * value + sv * slope * k0)
    nngp, ntk = kernels(Network(5, layers, NTK()), X, Z)
    np.testing.assert_allclose(nngp, so * k1, **EXACT)
    np.testing.assert_allclose(ntk, so * k1 + so * theta1, **EXACT)


def test_activations_on_the_inputs_only_change_the_inputs():
    inner = (Dense(8), Relu(), Dense(1))
    behind = kernels(Network(5, (Sin(), LeakyRelu(0.2), *inner), NTK()), X, Z)

    def change(x):
        return np.where(np.sin(x) > 0, np.sin(x), 0.2 * np.sin(x))

    plain = kernels(Network(5, inner, NTK()), change(X), change(Z))
    np.testing.assert_allclose(behind, plain, **EXACT)


ALL = [Linear(), Relu(), LeakyRelu(0.2), Erf(), Tanh(), Gelu(), Sin()]


@pytest.mark.parametrize("activation", ALL, ids=str)
def test_symmetry_diagonal_and_positivity(activation):
    x = RNG.uniform(-1, 1, size=(60, 5))
    network = mlp(5, (16, 16), 1, activation=activation)
    same, pair = kernels(network, x), kernels(network, x, x.copy())
    for one, other in zip(same, pair, strict=True):
        assert np.array_equal(one, one.T)
        np.testing.assert_allclose(one, other, rtol=1e-10)
        assert np.linalg.eigvalsh(one).min() > -1e-11
    assert np.array_equal(np.diagonal(same.nngp), nngp_diagonal(network, x))


@pytest.mark.parametrize("activation", [Gelu(), Tanh()], ids=str)
def test_block_size_changes_nothing(activation):
    x, z = RNG.uniform(-1, 1, size=(100, 5)), RNG.uniform(-1, 1, size=(50, 5))
    network = mlp(5, (16, 16), 1, activation=activation, weight_variance=1.0, bias_variance=0.1)
    for second in (None, z):
        reference = kernels(network, x, second)
        for block in (37, 50):
            blocked = kernels(network, x, second, block=block)
            assert np.array_equal(blocked.nngp, reference.nngp)
            assert np.array_equal(blocked.ntk, reference.ntk)


def test_duplicated_opposite_and_zero_samples():
    small = X / 2
    x = np.concatenate([small, small[:2], -small[:1], np.zeros((2, 5)), 1e-160 * small[:1]])
    for activation in ALL:
        nngp, ntk = kernels(mlp(5, (16, 16), 1, activation=activation), x)
        for kernel in (nngp, ntk):
            assert np.isfinite(kernel).all()
            np.testing.assert_allclose(kernel[0], kernel[7], rtol=1e-13, atol=1e-15)
            np.testing.assert_allclose(kernel[1], kernel[8], rtol=1e-13, atol=1e-15)
            assert kernel[10, 10] == pytest.approx(kernel[10, 11])


def test_images_are_flattened_and_any_array_is_read():
    network = mlp(12, (16,), 1)
    images = RNG.normal(size=(3, 2, 6))
    flat = kernels(network, images.reshape(3, 12))
    assert np.array_equal(kernels(network, images).ntk, flat.ntk)
    single = kernels(network, jax.numpy.asarray(images))  # float32 in the caller's mode
    assert single.ntk.dtype == np.float64
    np.testing.assert_allclose(single.ntk, flat.ntk, rtol=1e-5)
    assert jax.numpy.ones(1).dtype == np.float32


def test_one_sample():
    nngp, ntk = kernels(mlp(5, (16,), 1, output_variance=3.0), X[:1])
    norm = np.sum(X[0] ** 2) / 5  # He variance keeps it: E[relu²] of N(0, 2 norm) is norm
    assert nngp.item() == pytest.approx(3 * norm)
    assert ntk.item() == pytest.approx(3 * norm + 3 * norm)


def test_saturated_tanh_becomes_the_sign_function():
    # E[sign u sign v] = 1 - 2θ/π; tanh differs from the sign in a share 1/std of the cases.
    network = mlp(5, (8,), 1, activation=Tanh())
    angle = np.arccos(X @ Z.T / np.sqrt(np.outer(np.sum(X**2, 1), np.sum(Z**2, 1))))
    sign = 1 - 2 * angle / np.pi
    gaps = [np.abs(kernels(network, s * X, s * Z).nngp - sign).max() for s in (100, 1000)]
    assert gaps[1] < gaps[0] / 9 < 1e-3
    assert np.abs(kernels(network, X, 1000 * Z).nngp).max() <= 1.0


def test_series_and_mixture_meet(monkeypatch):
    network = mlp(5, (8, 8), 1, activation=Tanh(), weight_variance=1.0, bias_variance=0.1)
    series = kernels(network, X / 2, Z / 2)
    monkeypatch.setattr(module, "ORDERS", ())
    for one, other in zip(series, kernels(network, X / 2, Z / 2), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10)
