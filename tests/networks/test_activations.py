"""The finite functions by their formulas; what is refused; infinite kernels from finite layers."""

import math
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.core.precision import precision
from carnotlab.networks.activations import (
    LARGEST_DEGREE,
    Abs,
    Activation,
    Cos,
    Erf,
    Exponential,
    GaussianBell,
    Gelu,
    Hermite,
    LeakyRelu,
    Linear,
    Monomial,
    Pointwise,
    Polynomial,
    Relu,
    Sigmoid,
    Sign,
    Silu,
    Sin,
    Softplus,
    Step,
    Tanh,
    activation,
    slopes,
)
from carnotlab.networks.infinite.dual_activations import dual


def _clipped(z):
    return jnp.clip(z, -0.5, 1.0)


FORMULAS = {
    Linear(): lambda z: z,
    Relu(): lambda z: max(z, 0.0),
    LeakyRelu(0.2): lambda z: z if z > 0 else 0.2 * z,
    Abs(): abs,
    Step(): lambda z: 1.0 if z > 0 else 0.0,
    Sign(): lambda z: float(z > 0) - float(z < 0),
    Erf(0.7): lambda z: math.erf(0.7 * z),
    Gelu(): lambda z: z * 0.5 * math.erfc(-z / math.sqrt(2)),
    Tanh(): math.tanh,
    Sigmoid(): lambda z: 1 / (1 + math.exp(-z)),
    Softplus(): lambda z: math.log1p(math.exp(z)),
    Silu(): lambda z: z / (1 + math.exp(-z)),
    Sin(1.5, 0.2): lambda z: math.sin(1.5 * z + 0.2),
    Cos(0.8): lambda z: math.cos(0.8 * z),
    GaussianBell(1.3): lambda z: math.exp(-((z / 1.3) ** 2)),
    Exponential(0.5): lambda z: math.exp(0.5 * z),
    Monomial(3): lambda z: z * z * z,
    Polynomial((1.0, -2.0, 0.5)): lambda z: 1 - 2 * z + 0.5 * z * z,
    Hermite(4): lambda z: (z**4 - 6 * z**2 + 3) / math.sqrt(24),
    Pointwise(_clipped, (-0.5, 1.0)): lambda z: min(max(z, -0.5), 1.0),
}
POSITIVELY_HOMOGENEOUS = {Linear, Relu, LeakyRelu, Abs}
Z = np.concatenate([np.linspace(-3, 3, 13), [1e-9, -1e-9, 0.0]])


@pytest.fixture(autouse=True)
def _float64():
    with precision("float64"):
        yield


def test_no_activation_is_left_out():
    assert {type(layer) for layer in FORMULAS} == set(get_args(Activation))


@pytest.mark.parametrize("layer", FORMULAS, ids=str)
def test_functions_by_their_formulas(layer):
    expected = [FORMULAS[layer](value) for value in Z]
    np.testing.assert_allclose(activation(layer)(jnp.asarray(Z)), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("layer", FORMULAS, ids=str)
def test_slopes_are_those_of_the_function(layer):
    found = slopes(layer)
    assert (found is not None) == (type(layer) in POSITIVELY_HOMOGENEOUS)
    if found is not None:
        slope = jax.grad(activation(layer))
        assert found == (float(slope(-2.0)), float(slope(2.0)))
        assert float(slope(0.0)) == found[0]


@pytest.mark.parametrize("layer", FORMULAS, ids=str)
def test_wide_layers_approach_the_kernels_as_one_over_root_width(layer):
    # A layer's mean of φ(u)φ(v) over n units is off by std / sqrt(n): n = 64 against 4096. A root
    # mean square over 400 layers is known to 1/sqrt(800) = 4 % if normal; the products' tails, of
    # kurtosis up to about 100 for cubes at n = 64, make that 8 %, so 40 % are 5 of them.
    a, b, c = 0.5, 0.8, 0.3
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2, 400, 4096))
    u, v = np.sqrt(a) * z[0], c / np.sqrt(a) * z[0] + np.sqrt(b - c**2 / a) * z[1]
    fn = activation(layer)
    slope = jax.vmap(jax.vmap(jax.grad(fn)))
    expected = dual(layer, *(jnp.asarray([x]) for x in (a, b, c)), 0)
    for f, limit in zip((fn, slope), expected, strict=True):
        off = np.asarray(f(jnp.asarray(u)) * f(jnp.asarray(v))) - float(limit[0])
        wide, narrow = off.mean(axis=1), off[:, :64].mean(axis=1)
        if np.ptp(off) < 1e-9:  # a constant φ' is exact at any width
            assert np.abs(off).max() < 1e-9
            continue
        assert abs(wide.mean()) < 4.5 * wide.std() / np.sqrt(len(wide))
        assert np.sqrt(np.mean(narrow**2) / np.mean(wide**2)) == pytest.approx(8, rel=0.4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Erf(0.0), "scale = 0.0"),
        (lambda: Sin(-1.0), "frequency = -1.0"),
        (lambda: Sin(1.0, math.nan), "shift = nan"),
        (lambda: Cos(math.inf), "frequency = inf"),
        (lambda: GaussianBell(0.0), "width = 0.0"),
        (lambda: Exponential(math.inf), "rate = inf"),
        (lambda: Monomial(0), "degree 0; required: a degree from 1 to"),
        (lambda: Hermite(LARGEST_DEGREE + 1), "use Pointwise for other functions"),
        (lambda: Polynomial(()), "degree -1"),
        (lambda: Polynomial((1.0, math.nan)), "a coefficient = nan"),
    ],
)
def test_fields_out_of_range_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_lists_of_coefficients_are_read_as_tuples():
    assert Polynomial([1, 2]) == Polynomial((1.0, 2.0))
    assert hash(Polynomial([1, 2])) == hash(Polynomial((1.0, 2.0)))
