"""What is minimized: the gradient against finite differences, and the layers' rates."""

import jax
import numpy as np
import pytest

from carnotlab.core.data import Batch
from carnotlab.core.precision import precision
from carnotlab.experiment.losses import CrossEntropy, SquaredError, loss_function
from carnotlab.experiment.rules import Adam, GradientDescent
from carnotlab.experiment.training import Training
from carnotlab.networks.activations import Gelu, Sin
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model
from carnotlab.networks.layers import Dense, Residual
from carnotlab.networks.parameterization import MeanField
from carnotlab.training.objective import loss_and_gradient, scale_layers

NETWORK = Network(
    3,
    (Dense(4, 1.0, 0.5), Gelu(), Residual((Dense(5), Sin(), Dense(4, 2.0, 0.1))), Dense(2)),
    MeanField(0.7),
)
RANDOM = np.random.default_rng(0)
BATCH = Batch(RANDOM.normal(size=(6, 3)), np.eye(2)[RANDOM.integers(0, 2, 6)])


@pytest.fixture(autouse=True)
def _float64():
    with precision("float64"):
        yield


@pytest.mark.parametrize(
    ("loss", "reference"),
    [(SquaredError(), None), (CrossEntropy(), "zero"), (SquaredError(), "start")],
)
def test_gradients_against_finite_differences(loss, reference):
    model = Model(NETWORK)
    decay = 0.0 if reference is None else 0.3
    training = Training(
        loss=loss, weight_decay=decay, decay_to_start=reference == "start", precision="float64"
    )
    start, weights = model.start(0), model.start(1)
    value, slope = loss_and_gradient(model, training)(weights, start, BATCH)
    leaves, structure = jax.tree.flatten(weights)
    towards = [np.asarray(w0) for w0 in jax.tree.leaves(start)]

    @jax.jit
    def data_loss(leaves):
        outputs = model.apply(structure.unflatten(leaves), BATCH.x)
        return loss_function(loss)(outputs, BATCH.y)

    def minimized(leaves):
        far = [
            np.sum((np.asarray(w) - (w0 if reference == "start" else 0.0)) ** 2)
            for w, w0 in zip(leaves, towards, strict=True)
        ]
        return float(data_loss(leaves)) + 0.5 * decay * sum(far)

    # The value reported is the loss alone, without the decay.
    assert float(value) == pytest.approx(float(data_loss(leaves)), rel=1e-14)
    step = 1e-5
    for number, (leaf, gradient) in enumerate(zip(leaves, jax.tree.leaves(slope), strict=True)):
        direction = np.random.default_rng(number).normal(size=leaf.shape)

        def at(shift, number=number, direction=direction):
            moved = [w + shift * direction if i == number else w for i, w in enumerate(leaves)]
            return minimized(moved)

        # Central differences are off by step^2 f''' and by rounding 1e-16 / step: about 1e-10.
        difference = (at(step) - at(-step)) / (2 * step)
        assert difference == pytest.approx(float(np.sum(direction * gradient)), rel=1e-7, abs=2e-9)


def test_layers_are_scaled_by_their_own_rates():
    model = Model(NETWORK)
    weights = model.start(0)
    for rule, rates in (
        (GradientDescent(0.1), [0.49 * 4] * 4),
        (Adam(), [1.0, 4**-0.5, 5**-0.5, 1.0]),
    ):
        scaled = scale_layers(model, Training(rule), weights, 2.0)
        for rate, layer, before in zip(rates, scaled, weights, strict=True):
            for name, leaf in layer.items():
                np.testing.assert_allclose(leaf, 2.0 * rate * before[name], rtol=1e-14)
