import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.representations import PROPERTY_PROJECTION, property_projection
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned
from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
from carnotlab.theories.semantic.inductive_projection import (
    InductiveProjection,
    damping_if_plastic,
    projection,
)
from carnotlab.training.train import train

TREE = FeatureHierarchy((2, 2, 2), 0.1, 300, whiten=True)


def test_a_property_spreads_as_predicted_throughout_development():
    network = deep_linear(8, (10, 9), 300, initialisation=Aligned(1e-3))
    training = Training(GradientDescent(0.0005), 6000, record=Evenly(16), precision="float64")
    one = Experiment(TREE, network, training)
    wanted = InductiveProjection().predict(one)[PROPERTY_PROJECTION.name].values
    seen = train(one, (property_projection,), (0,))[PROPERTY_PROJECTION.name].values[0]
    assert np.abs(seen - wanted).max() < 0.01
    # Early it goes to everyone, late to the kin only.
    to_farthest = wanted[:, 0, 4:].mean(axis=1)
    assert to_farthest.max() > 0.9
    assert wanted[-1, 0, 1] > wanted[-1, 0, 4:].max() + 0.1


def test_a_new_item_is_believed_to_have_features_by_the_similarity_of_output_weights():
    rng = np.random.default_rng(0)
    readout = rng.normal(size=(7, 4))  # features from hidden units
    found = projection(readout @ readout.T)
    for feature in range(7):
        hidden = np.zeros(4)
        for _ in range(400):  # teach a new item one feature, by its own input weights alone
            error = 1.0 - readout[feature] @ hidden
            hidden += 0.1 / np.sum(readout[feature] ** 2) * error * readout[feature]
        np.testing.assert_allclose(found[feature], readout @ hidden, atol=1e-12)


def test_a_plastic_representation_dampens_by_the_closed_form():
    rng = np.random.default_rng(2)
    first, size = 0.3 * rng.normal(size=(5, 6)), 1.7  # hidden from one-hot items of this length
    x = size * np.eye(6)

    def loss(weights):
        matrix, new = weights
        return 0.5 * (1.0 - new @ matrix @ x[2]) ** 2

    weights = (jnp.asarray(first), jnp.zeros(5))

    def step(_, now):
        return jax.tree.map(lambda w, g: w - 0.005 * g, now, jax.grad(loss)(now))

    weights = jax.lax.fori_loop(0, 6000, step, weights)
    seen = np.asarray(weights[1] @ weights[0] @ x)
    hidden = (first @ x).T
    plain = projection(hidden @ hidden.T)[2]
    factor = damping_if_plastic(np.linalg.norm(hidden[2]), size**2)
    others = np.arange(6) != 2
    # Steps of 0.005 and single precision.
    np.testing.assert_allclose(seen[others], factor * plain[others], rtol=0.02)
    assert abs(seen[2] - 1.0) < 1e-3
    assert factor < 0.95


def test_an_item_without_activity_is_refused():
    with pytest.raises(InputError, match="hidden activity"):
        projection(np.diag([1.0, 0.0]))
    with pytest.raises(InputError, match="norm"):
        damping_if_plastic(-1.0, 1.0)
