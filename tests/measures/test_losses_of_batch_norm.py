"""Held-out samples are normalized by the training set, never by a held-out batch."""

import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.data import Batch, Data
from carnotlab.measures.base import State
from carnotlab.measures.losses import test_accuracy as accuracy_held_out
from carnotlab.measures.losses import test_loss as loss_held_out
from carnotlab.measures.losses import test_prediction as prediction_held_out
from carnotlab.measures.losses import train_loss
from carnotlab.networks.architectures import mlp
from carnotlab.networks.finite import Model
from carnotlab.networks.layers import BatchNorm

RANDOM = np.random.default_rng(0)
TRAIN = Batch(RANDOM.normal(size=(8, 3)), np.eye(2)[RANDOM.integers(0, 2, 8)])
TEST = Batch(3.0 + RANDOM.normal(size=(5, 3)), np.eye(2)[RANDOM.integers(0, 2, 5)])
MODEL = Model(mlp(3, (6,), 2, normalization=BatchNorm()))


def state():
    weights = MODEL.start(0)
    return State(MODEL, weights, weights, lambda out, y: jnp.mean((out - y) ** 2))


def test_held_out_samples_take_the_statistics_of_the_training_set():
    now, data = state(), Data(TRAIN, TEST)
    # By hand: normalize hidden units of new samples by mean and variance of the training set's.
    first, last = (np.asarray(matrix, dtype=np.float64) for matrix in MODEL.effective(now.weights))
    known, new = TRAIN.x @ first.T, TEST.x @ first.T
    hidden = (new - known.mean(axis=0)) / np.sqrt(known.var(axis=0) + 1e-5)
    expected = np.maximum(hidden, 0.0) @ last.T
    np.testing.assert_allclose(prediction_held_out.fn(now, data), expected, rtol=1e-4, atol=1e-5)
    loss = np.mean((expected - TEST.y) ** 2)
    assert float(loss_held_out.fn(now, data)) == pytest.approx(loss, rel=1e-4)
    right = np.mean(expected.argmax(axis=1) == TEST.y.argmax(axis=1))
    assert float(accuracy_held_out.fn(now, data)) == pytest.approx(right)


def test_company_of_held_out_samples_does_not_matter():
    now = state()
    alone = Data(TRAIN, Batch(TEST.x[:1], TEST.y[:1]))
    together = prediction_held_out.fn(now, Data(TRAIN, TEST))
    np.testing.assert_allclose(prediction_held_out.fn(now, alone)[0], together[0], rtol=1e-5)
    assert np.abs(MODEL.apply(now.weights, TEST.x) - together).max() > 0.1


def test_training_samples_are_their_own_reference():
    now = state()
    outputs = MODEL.apply(now.weights, TRAIN.x)
    expected = float(jnp.mean((outputs - TRAIN.y) ** 2))
    assert float(train_loss.fn(now, Data(TRAIN, TEST))) == expected
