"""Networks, states and data that the tests of measures share; everything runs in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.data import Batch, Data, Modes
from carnotlab.core.precision import precision
from carnotlab.measures.base import State
from carnotlab.networks.activations import Tanh
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.finite import Model
from carnotlab.networks.initialisation import Gaussian
from carnotlab.networks.parameterization import MeanField, Standard

INPUTS, OUTPUTS = 4, 3


@pytest.fixture(autouse=True)
def _float64_compiled_quickly():
    """Compiling takes most of the time of these tests, and their arrays are small."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    with precision("float64"):
        yield
    jax.config.update("jax_disable_most_optimizations", before)


def squared_error(outputs, targets):
    return 0.5 * jnp.mean(jnp.sum((outputs - targets) ** 2, axis=-1))


@partial(jax.jit, static_argnums=0)
def start_of(model, seed, modes):
    return model.start(seed, modes)


@partial(jax.jit, static_argnums=(0, 1, 2))
def read_of(measures, model, loss, weights, start, data):
    return [measure.fn(State(model, weights, start, loss), data) for measure in measures]


@pytest.fixture
def read():
    """Measures of a state, compiled; an equal measure of an equal model is compiled once."""

    def compiled(measure, state, data):
        several = isinstance(measure, tuple)
        measures = measure if several else (measure,)
        values = read_of(measures, state.model, state.loss, state.weights, state.start, data)
        return values if several else values[0]

    return compiled


@pytest.fixture
def data():
    rng = np.random.default_rng(3)

    def batch(n):
        return Batch(rng.normal(size=(n, INPUTS)), np.eye(OUTPUTS)[rng.integers(0, OUTPUTS, n)])

    return Data(batch(7), batch(5))


@pytest.fixture
def modes(data):
    covariance = data.train.y.T @ data.train.x / data.train.size
    left, strengths, right = np.linalg.svd(covariance, full_matrices=False)
    return Modes(left, strengths, right.T)


@pytest.fixture
def linear():
    return deep_linear(INPUTS, (6, 5), OUTPUTS, initialisation=Gaussian(0.7))


def tanh_network(kind):
    return mlp(INPUTS, (6, 5), OUTPUTS, activation=Tanh(), bias_variance=0.2, parameterization=kind)


@pytest.fixture(params=[Standard(), MeanField(0.5)], ids=lambda kind: type(kind).__name__)
def smooth(request):
    return tanh_network(request.param)


@pytest.fixture
def rich():
    """The network whose learning rates differ from one."""
    return tanh_network(MeanField(0.5))


@pytest.fixture
def state_of():
    """A state whose weights have moved from the start by Gaussian noise of size ``moved``."""

    def build(network, *, seed=0, moved=0.1, modes=None):
        model = Model(network)
        start = start_of(model, seed, modes)
        leaves, structure = jax.tree.flatten(start)
        rng = np.random.default_rng(seed)
        shifted = [leaf + moved * rng.normal(size=leaf.shape) for leaf in leaves]
        return State(model, structure.unflatten(shifted), start, squared_error)

    return build
