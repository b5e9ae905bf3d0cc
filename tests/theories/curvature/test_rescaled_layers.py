"""One function at another scale: Hessians against autodiff at the scaled weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.measures.flatness import gauss_newton_norm, relative_sharpness
from carnotlab.networks.activations import Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.finite import Model
from carnotlab.networks.parameterization import NTK, Standard
from carnotlab.theories.curvature.rescaled_layers import (
    layer_traces,
    least_trace,
    scaled_hessian,
    scaled_layers,
)

FACTORS = (6.0, 0.5, 1.0 / 3.0)


@pytest.fixture(autouse=True)
def _double():
    with precision("float64"):
        yield


def setting(bias, kind):
    model = Model(mlp(4, (5, 6), 2, bias_variance=bias, parameterization=kind))
    random = np.random.default_rng(0)
    x, y = jnp.asarray(random.normal(size=(9, 4))), jnp.asarray(random.normal(size=(9, 2)))
    weights = model.start(0)

    def loss(w):
        return 0.5 * jnp.mean(jnp.sum((model.apply(w, x) - y) ** 2, axis=1))

    return model, weights, loss, x


def dense(loss, weights):
    flat, restore = ravel_pytree(weights)
    return np.asarray(jax.jit(jax.hessian(lambda v: loss(restore(v))))(flat))


@pytest.mark.parametrize("kind", [Standard(), NTK()], ids=str)
@pytest.mark.parametrize("bias", [None, 0.3])
def test_same_function_other_hessian_as_predicted(bias, kind):
    model, weights, loss, x = setting(bias, kind)
    other = scaled_layers(model.network, weights, FACTORS)
    np.testing.assert_allclose(model.apply(weights, x), model.apply(other, x), rtol=1e-12)
    before, after = dense(loss, weights), dense(loss, other)
    law = scaled_hessian(model.network, before, weights, FACTORS)
    np.testing.assert_allclose(after, law, rtol=1e-9, atol=1e-11)
    # control: the sharpness is not what it was
    top = np.linalg.eigvalsh(before)[-1], np.linalg.eigvalsh(after)[-1]
    assert abs(np.log(top[1] / top[0])) > 0.5


def test_invariants_stay_and_are_those_of_the_dense_matrices():
    model, weights, loss, x = setting(None, Standard())
    other = scaled_layers(model.network, weights, FACTORS)
    key = jax.random.key(0)
    found = [float(relative_sharpness(loss, w, key, iterations=60).value) for w in (weights, other)]
    assert found[0] == pytest.approx(found[1], rel=1e-9)
    flat = np.abs(np.asarray(ravel_pytree(weights)[0]))
    top = np.linalg.eigvalsh(flat[:, None] * dense(loss, weights) * flat)[-1]
    assert found[0] == pytest.approx(top, rel=1e-6)
    outputs = lambda w: model.apply(w, x)  # noqa: E731
    onto = lambda f: 0.5 * jnp.mean(jnp.sum(f**2, axis=1))  # noqa: E731
    norms = [float(gauss_newton_norm(outputs, onto, w)) for w in (weights, other)]
    # Three layers without biases: J w = 3 f, and the loss's Hessian is one over the samples.
    expected = 9.0 * float(jnp.mean(jnp.sum(outputs(weights) ** 2, axis=1)))
    np.testing.assert_allclose(norms, expected, rtol=1e-10)


def test_the_least_trace_is_least():
    model, weights, loss, _ = setting(None, Standard())
    hessian = dense(loss, weights)
    traces = layer_traces(hessian, weights)
    assert traces.sum() == pytest.approx(np.trace(hessian))
    best = np.sqrt(traces / np.exp(np.mean(np.log(traces))))
    at_best = scaled_hessian(model.network, hessian, weights, tuple(best))
    assert np.trace(at_best) == pytest.approx(least_trace(traces), rel=1e-9)
    random = np.random.default_rng(3)
    for _ in range(20):
        drawn = np.exp(random.normal(size=3))
        drawn /= np.exp(np.mean(np.log(drawn)))
        other = np.trace(scaled_hessian(model.network, hessian, weights, tuple(drawn)))
        assert other >= least_trace(traces) * (1 - 1e-12)


def test_what_would_change_the_function_is_refused():
    tanh = mlp(4, (5,), 2, activation=Tanh())
    with pytest.raises(OutOfReachError, match="Tanh"):
        scaled_layers(tanh, Model(tanh).start(0), (2.0, 0.5))
    relu = mlp(4, (5,), 2)
    with pytest.raises(InputError, match="product 1"):
        scaled_layers(relu, Model(relu).start(0), (2.0, 2.0))
    with pytest.raises(InputError, match="above 0"):
        least_trace(np.array([1.0, 0.0]))
