"""The finite reading against a forward pass written out in numpy, and its starts' statistics."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.networks.activations import Erf, Gelu, LeakyRelu, Linear, Relu, Sin, Tanh, activation
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model
from carnotlab.networks.initialisation import Gaussian
from carnotlab.networks.layers import Dense, Residual
from carnotlab.networks.parameterization import NTK, MeanField, Standard

PARAMETERIZATIONS = [Standard(), NTK(), MeanField(0.5)]
WEIGHT_VARIANCE, BIAS_VARIANCE = 1.7, 0.3

ELEMENTWISE = {
    Linear(): lambda z: z,
    Relu(): lambda z: z if z > 0 else 0.0,
    LeakyRelu(0.2): lambda z: z if z > 0 else 0.2 * z,
    Erf(): math.erf,
    Tanh(): lambda z: (math.exp(2 * z) - 1) / (math.exp(2 * z) + 1),
    Gelu(): lambda z: z * 0.5 * math.erfc(-z / math.sqrt(2)),
    Sin(): math.sin,
}


@pytest.fixture(autouse=True)
def _float64():
    with precision("float64"):
        yield


@partial(jax.jit, static_argnums=0)
def drawn(model, seed):
    return model.start(seed)


@pytest.mark.parametrize("layer", ELEMENTWISE, ids=lambda layer: type(layer).__name__)
def test_activations_by_their_formulas(layer):
    z = np.concatenate([np.linspace(-3, 3, 13), [1e-9, -1e-9, 0.0]])
    expected = [ELEMENTWISE[layer](value) for value in z]
    np.testing.assert_allclose(activation(layer)(jnp.asarray(z)), expected, rtol=1e-14, atol=1e-15)


def dense(units, bias):
    return Dense(units, WEIGHT_VARIANCE, BIAS_VARIANCE if bias else None)


def network_with_blocks(kind, bias):
    """Two nested residual blocks, every activation, five dense layers of fan-in 4, 6, 5, 5, 6."""
    inner = Residual((Relu(), dense(5, bias), Gelu(), Sin()))
    outer = Residual((dense(5, bias), Erf(), inner, LeakyRelu(0.2), dense(6, bias)))
    layers = (Linear(), dense(6, bias), Tanh(), outer, dense(3, bias))
    return Network(4, layers, kind)


def multipliers(kind):
    """Multipliers of weights and biases, layer by layer, from the definition in the papers."""
    if isinstance(kind, Standard):
        return [1.0] * 5, [1.0] * 5
    weight = [math.sqrt(WEIGHT_VARIANCE / fan_in) for fan_in in (4, 6, 5, 5, 6)]
    bias = [math.sqrt(BIAS_VARIANCE)] * 5
    if isinstance(kind, MeanField):
        # The last hidden layer, the sum behind the outer block, has 6 units.
        weight[-1] /= kind.richness * math.sqrt(6)
        bias[-1] /= kind.richness * math.sqrt(6)
    return weight, bias


def forward_by_hand(kind, weights, x):
    m, b = multipliers(kind)
    every = [
        (m[i] * np.asarray(w["weight"]), b[i] * np.asarray(w.get("bias", 0.0)))
        for i, w in enumerate(weights)
    ]

    def f(layer, z):
        return np.vectorize(ELEMENTWISE[layer])(z)

    def affine(i, z):
        return z @ every[i][0].T + every[i][1]

    first = f(Tanh(), affine(0, x))
    inside = f(Erf(), affine(1, first))
    before = f(Relu(), inside)
    inside_2 = inside + f(Sin(), f(Gelu(), affine(2, before)))
    last = f(LeakyRelu(0.2), inside_2)
    whole = first + affine(3, last)
    return affine(4, whole), [first, before, last, whole]


@pytest.mark.parametrize("bias", [False, True], ids=["without bias", "with bias"])
@pytest.mark.parametrize("kind", PARAMETERIZATIONS, ids=lambda kind: type(kind).__name__)
def test_forward_pass_by_hand(kind, bias):
    model = Model(network_with_blocks(kind, bias))
    weights = drawn(model, 3)
    assert ("bias" in weights[0]) is bias
    x = np.random.default_rng(2).normal(size=(7, 2, 2))
    expected, hidden = forward_by_hand(kind, weights, x.reshape(7, 4))
    # The order of summation differs; sums of at most 6 terms of order one.
    np.testing.assert_allclose(model.apply(weights, x), expected, rtol=1e-13, atol=1e-14)
    for seen, by_hand in zip(model.hidden(weights, x), hidden, strict=True):
        np.testing.assert_allclose(seen, by_hand, rtol=1e-13, atol=1e-14)


def test_the_forward_pass_by_hand_tells_parameterizations_apart():
    weights = drawn(Model(network_with_blocks(NTK(), True)), 3)
    x = np.ones((1, 4))
    outputs = [forward_by_hand(kind, weights, x)[0][0, 0] for kind in PARAMETERIZATIONS]
    assert len({round(float(value), 6) for value in outputs}) == 3


@pytest.mark.parametrize("kind", PARAMETERIZATIONS, ids=lambda kind: type(kind).__name__)
def test_initial_variances(kind):
    """Effective weights have variance var_w / fan-in, whatever the parameterization (see below)."""
    network = mlp(
        50, (400, 300), 200, weight_variance=1.7, bias_variance=0.3, parameterization=kind
    )
    model = Model(network)
    weights = drawn(model, 0)
    effective = model.effective(weights)
    expected = [1.7 / 50, 1.7 / 400, 1.0 / 300]
    if isinstance(kind, MeanField):
        expected[-1] /= 0.5**2 * 300
    for matrix, variance, layer in zip(effective, expected, weights, strict=True):
        # The sample variance of n normals is off by sqrt(2 / n), the mean by sqrt(var / n).
        n = matrix.size
        assert float(jnp.var(matrix)) == pytest.approx(variance, rel=4 * math.sqrt(2 / n))
        assert abs(float(jnp.mean(matrix))) < 4 * math.sqrt(variance / n)
        bias = layer["bias"]
        spread = 0.3 if isinstance(kind, Standard) else 1.0
        assert float(jnp.var(bias)) == pytest.approx(spread, rel=4 * math.sqrt(2 / bias.size))
        stored = variance if isinstance(kind, Standard) else 1.0
        assert float(jnp.var(layer["weight"])) == pytest.approx(stored, rel=4 * math.sqrt(2 / n))


def test_seeds_and_layers_are_independent():
    model = Model(mlp(20, (20, 20), 20, bias_variance=1.0))
    one, two = drawn(model, 0), drawn(model, 1)
    arrays = [np.ravel(w["weight"]) for weights in (one, two) for w in weights]
    correlations = np.corrcoef(arrays) - np.eye(6)
    assert np.abs(correlations).max() < 4 / math.sqrt(400)
    biases = np.stack([np.asarray(one[0]["bias"]), np.asarray(one[1]["bias"])])
    assert not np.array_equal(biases[0], biases[1])
    for first, again in zip(jax.tree.leaves(one), jax.tree.leaves(drawn(model, 0)), strict=True):
        np.testing.assert_array_equal(first, again)


def test_scale_multiplies_every_weight_and_no_bias():
    def start(scale):
        network = mlp(3, (4,), 2, bias_variance=1.0, initialisation=Gaussian(scale))
        return drawn(Model(network), 0)

    for usual, small in zip(start(1.0), start(0.01), strict=True):
        np.testing.assert_allclose(small["weight"], 0.01 * usual["weight"], rtol=1e-14)
        np.testing.assert_array_equal(small["bias"], usual["bias"])


def test_factors_of_a_deep_linear_network_multiply_to_its_map():
    model = Model(deep_linear(3, (5, 4), 2))
    weights = drawn(model, 1)
    factors = model.factors(weights)
    np.testing.assert_allclose(
        factors[2] @ factors[1] @ factors[0], model.apply(weights, np.eye(3)).T, rtol=1e-13
    )
    nonlinear = Model(mlp(3, (4,), 2))
    with pytest.raises(OutOfReachError, match="the activation Relu in the linear reading"):
        nonlinear.factors(nonlinear.start(0))


def test_equal_models_are_compiled_once():
    traced = []

    def outputs(model, weights, x):
        traced.append(model)
        return model.apply(weights, x)

    compiled = jax.jit(outputs, static_argnums=0)
    weights = Model(mlp(2, (3,), 1)).start(0)
    for _ in range(3):
        compiled(Model(mlp(2, (3,), 1)), weights, jnp.ones((1, 2)))
    assert len(traced) == 1
