"""A small network with its gradient written out by hand, and measures of everything it does."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure
from carnotlab.networks.activations import Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import MeanField, Standard
from carnotlab.tasks.gaussian_regression import GaussianRegression

INPUTS, WIDTH, OUTPUTS = 3, 4, 2
RICHNESS = 0.5
WEIGHTS = Quantity("weights", ("parameter",), "1", "all stored weights")


def _weights(state, data):
    del data
    return jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(state.weights)])


class ByHand(NamedTuple):
    """A tanh network of one hidden layer: its gradient and its learning-rate factor, in numpy."""

    network: object
    multipliers: tuple[float, float, float, float]
    rate: float

    def outputs(self, flat, x):
        b1, w1, b2, w2 = self.split(flat)
        m1, n1, m2, n2 = self.multipliers
        return m2 * np.tanh(m1 * x @ w1.T + n1 * b1) @ w2.T + n2 * b2

    def gradient(self, flat, x, y):
        """Backpropagation of half the squared error, mean over samples and sum over outputs."""
        b1, w1, b2, w2 = self.split(flat)
        m1, n1, m2, n2 = self.multipliers
        h = np.tanh(m1 * x @ w1.T + n1 * b1)
        error = (m2 * h @ w2.T + n2 * b2 - y) / len(x)
        back = (error @ (m2 * w2)) * (1 - h**2)
        parts = (n1 * back.sum(0), m1 * back.T @ x, n2 * error.sum(0), m2 * error.T @ h)
        return np.concatenate([part.ravel() for part in parts])

    @staticmethod
    def split(flat):
        shapes = ((WIDTH,), (WIDTH, INPUTS), (OUTPUTS,), (OUTPUTS, WIDTH))
        ends = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
        return [
            part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=True)
        ]


def by_hand(kind):
    network = mlp(
        INPUTS,
        (WIDTH,),
        OUTPUTS,
        activation=Tanh(),
        weight_variance=1.5,
        output_variance=0.8,
        bias_variance=0.4,
        parameterization=kind,
    )
    if isinstance(kind, Standard):
        return ByHand(network, (1.0, 1.0, 1.0, 1.0), 1.0)
    damping = RICHNESS * WIDTH**0.5
    multipliers = (
        (1.5 / INPUTS) ** 0.5,
        0.4**0.5,
        (0.8 / WIDTH) ** 0.5 / damping,
        0.4**0.5 / damping,
    )
    return ByHand(network, multipliers, RICHNESS**2 * WIDTH)


@pytest.fixture(scope="session")
def weights_measure():
    """All stored weights as one vector, biases before matrices, layer by layer."""
    return Measure(WEIGHTS, _weights)


@pytest.fixture(scope="session")
def small_task():
    return GaussianRegression(INPUTS, samples=5, outputs=OUTPUTS, noise_variance=0.1, held_out=6)


@pytest.fixture(scope="session")
def standard():
    return by_hand(Standard())


@pytest.fixture(scope="session")
def mean_field():
    """Multipliers and learning-rate factors that are not one."""
    return by_hand(MeanField(RICHNESS))
