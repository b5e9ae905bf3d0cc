import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.representations import (
    hidden_representation,
    layer_similarity,
    learn_property,
    learn_property_with_plasticity,
    plastic_projection,
    property_projection,
)
from carnotlab.networks.architectures import deep_linear
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.training.train import train

TASK = LinearMap(5, 3, (2.0, 1.0), held_out=4)
EXPERIMENT = Experiment(TASK, deep_linear(5, (7, 6), 3), Training(duration=1, record=At((0.0,))))


def test_similarities_and_activity_are_products_of_the_weights():
    measures = (layer_similarity, hidden_representation(1), hidden_representation(2))
    found = train(EXPERIMENT, measures, (3,))
    first, second, _ = (np.asarray(layer["weight"][0]) for layer in EXPERIMENT.start((3,)))
    x = TASK.data().train.x
    one, two = x @ first.T, x @ first.T @ second.T
    np.testing.assert_allclose(found["hidden_representation_1"].values[0, 0], one, rtol=1e-5)
    np.testing.assert_allclose(found["hidden_representation_2"].values[0, 0], two, rtol=1e-4)
    wanted = np.stack([one @ one.T, two @ two.T])
    np.testing.assert_allclose(found["layer_similarity"].values[0, 0], wanted, rtol=1e-4, atol=1e-5)


def test_teaching_a_property_is_least_squares_of_least_norm():
    hidden = np.random.default_rng(0).normal(size=(4, 6))
    found = learn_property(jnp.asarray(hidden))
    for item in range(4):
        weights = np.linalg.pinv(hidden[item : item + 1]) @ np.ones(1)
        np.testing.assert_allclose(found[item], hidden @ weights, rtol=1e-5)


def test_the_projection_is_taken_from_the_last_hidden_layer():
    found = train(EXPERIMENT, (property_projection, layer_similarity), (0,))
    last = found["layer_similarity"].values[0, 0, -1]
    np.testing.assert_allclose(
        found["property_projection"].values[0, 0], last / np.diag(last)[:, None], rtol=1e-4
    )


def test_networks_without_such_a_layer_are_refused():
    shallow = Experiment(TASK, deep_linear(5, (), 3), EXPERIMENT.training)
    for measure in (layer_similarity, property_projection, hidden_representation(1)):
        with pytest.raises(InputError, match="hidden layer"):
            train(shallow, (measure,), (0,))
    with pytest.raises(InputError, match="hidden layer 4"):
        train(EXPERIMENT, (hidden_representation(4),), (0,))
    with pytest.raises(InputError, match="count hidden layers from 1"):
        hidden_representation(0)


def test_measures_record_in_training_with_the_dimensions_they_name():
    one = Experiment(TASK, deep_linear(5, (7,), 3), EXPERIMENT.training)
    measures = (layer_similarity, property_projection, plastic_projection, hidden_representation())
    found = train(one, measures, (0, 1))
    assert found["layer_similarity"].shape == (2, 1, 1, 5, 5)
    assert found["hidden_representation_1"].dims == ("seed", "time", "train_sample", "unit_1")
    # The taught item is believed to have the property, whichever weights were free.
    for name in ("property_projection", "plastic_projection"):
        own = np.einsum("stii->sti", found[name].values)
        np.testing.assert_allclose(own, 1.0, atol=1e-3)


def test_plasticity_takes_the_same_steps_as_training_both_layers_by_hand():
    rng = np.random.default_rng(1)
    first, x = rng.normal(size=(4, 6)), rng.normal(size=(3, 6))  # inputs that are not orthogonal
    found = learn_property_with_plasticity(jnp.asarray(x @ first.T), jnp.asarray(x), lessons=50)
    for item in range(3):
        matrix, new = first.copy(), np.zeros(4)
        power = x[item] @ x[item]
        rate = 0.05 / (np.sum((matrix @ x[item]) ** 2) + 2 * np.sqrt(power))
        for _ in range(50):
            hidden = matrix @ x[item]
            error = 1.0 - new @ hidden
            new, matrix = (
                new + rate * error * hidden,
                matrix + rate * error * np.outer(new, x[item]),
            )
        np.testing.assert_allclose(found[item], (x @ matrix.T) @ new, rtol=1e-3, atol=1e-5)


def test_plasticity_is_refused_where_there_is_more_than_one_hidden_layer():
    with pytest.raises(InputError, match="2 hidden layers"):
        train(EXPERIMENT, (plastic_projection,), (0,))
