import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import InputError
from carnotlab.measures import losses
from carnotlab.networks.architectures import mlp


def outputs_by_hand(state, x):
    """The forward pass of a two-hidden-layer tanh network in NumPy."""
    h = np.asarray(x)
    matrices = [np.asarray(matrix) for matrix in state.model.effective(state.weights)]
    for index, (matrix, layer) in enumerate(zip(matrices, state.weights, strict=True)):
        multiplier = matrix[0, 0] / layer["weight"][0, 0]
        # bias_variance 0.2 beside weight variances 2, 2, 1 (a multiplier of sqrt(variance / n))
        variance, fan_in = (2.0, 2.0, 1.0)[index], matrix.shape[1]
        scaled = type(state.model.network.parameterization).__name__ != "Standard"
        bias = (0.2 * fan_in / variance) ** 0.5 * multiplier if scaled else 1.0
        h = h @ matrix.T + bias * np.asarray(layer["bias"])
        h = np.tanh(h) if index < 2 else h
    return h


def test_losses_and_predictions_match_numpy(smooth, state_of, data, read):
    state = state_of(smooth)
    measures = (
        losses.train_loss,
        losses.test_loss,
        losses.train_prediction,
        losses.test_prediction,
    )
    found = read(measures, state, data)
    at_start = read(measures, state._replace(weights=state.start), data)
    for index, batch in enumerate(data):
        expected = outputs_by_hand(state, batch.x)
        np.testing.assert_allclose(found[2 + index], expected, rtol=1e-12)
        mean_square = 0.5 * np.mean(np.sum((expected - batch.y) ** 2, axis=1))
        np.testing.assert_allclose(found[index], mean_square, rtol=1e-12)
        # control: the start is another network
        assert abs(at_start[index] - mean_square) > 1e-3
    assert abs(found[0] - found[1]) > 1e-3


def test_accuracy_counts_largest_entries(smooth, state_of, data, read):
    state = state_of(smooth)
    chosen = outputs_by_hand(state, data.test.x).argmax(axis=1)
    expected = np.mean(chosen == data.test.y.argmax(axis=1))
    assert float(read(losses.test_accuracy, state, data)) == pytest.approx(expected)
    # control: with every target turned into another class, no right sample stays right
    wrong = data._replace(test=data.test._replace(y=np.roll(np.eye(3)[chosen], 1, axis=1)))
    assert float(read(losses.test_accuracy, state, wrong)) == 0.0


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 1.0)])
def test_one_output_is_cut_at_the_midpoint_of_the_training_targets(state_of, data, low, high, read):
    state = state_of(mlp(4, (8,), 1), seed=9, moved=0.0)
    predicted = np.asarray(read(losses.test_prediction, state, data))[:, 0]
    above = predicted > (low + high) / 2
    assert 0 < above.sum() < len(above)
    train = Batch(data.train.x, np.where(np.arange(7) % 2, high, low)[:, None])
    # Held-out samples of one class only: their own midpoint would call every one of them right.
    test = Batch(data.test.x, np.full((5, 1), high))
    found = read(losses.test_accuracy, state, Data(train, test))
    assert float(found) == pytest.approx(above.mean())


def test_diverged_outputs_count_as_wrong():
    targets = jnp.eye(2)
    assert float(losses.accuracy(targets, targets, 0.0)) == 1.0
    assert float(losses.accuracy(jnp.full((2, 2), jnp.nan), targets, 0.0)) == 0.0
    low = jnp.zeros((2, 1))
    assert float(losses.accuracy(jnp.full((2, 1), jnp.nan), low, 0.5)) == 0.0


def test_no_samples_are_refused(linear, state_of, data, read):
    empty = data._replace(test=Batch(np.zeros((0, 4)), np.zeros((0, 3))))
    with pytest.raises(InputError) as error:
        read(losses.test_loss, state_of(linear), empty)
    assert str(error.value) == (
        "Got a batch without samples; required: at least one; give the task held-out samples, "
        "or do not record them."
    )


def test_targets_of_another_shape_are_refused(state_of, data, read):
    state = state_of(mlp(4, (8,), 1))
    flat = data._replace(train=Batch(data.train.x, data.train.y[:, 0]))
    with pytest.raises(InputError) as error:
        read(losses.train_loss, state, flat)
    assert str(error.value) == (
        "Got targets of shape [7] for outputs of shape [7, 1]; required: the same shape "
        "[n, outputs]; reshape the targets, or give the last layer as many units as there are "
        "targets."
    )
