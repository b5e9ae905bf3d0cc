"""The mean course of a layer with inputs left out: closed form, brute force, training."""

import numpy as np
import pytest
from scipy.optimize import minimize

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import Adam, GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TRAIN_LOSS
from carnotlab.networks.description import Network
from carnotlab.networks.layers import Dense, DropConnect, Dropout
from carnotlab.networks.parameterization import NTK, Standard
from carnotlab.runs.run import Run
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.theories.noise.linear_dropout import (
    LAYER_WEIGHTS,
    LinearDropout,
    dropout_penalty,
    mean_weights,
    penalized_minimum,
)

RANDOM = np.random.default_rng(1)
X, Y, KEEP = RANDOM.standard_normal((8, 4)), RANDOM.standard_normal((8, 2)), 0.6
TASK = GaussianRegression(3, samples=6, noise_variance=0.1)


def test_the_penalty_is_what_masks_add_on_average():
    """Monte Carlo of the noisy loss against the closed form, two outputs."""
    w = RANDOM.standard_normal((2, 4))
    masks = RANDOM.random((40_000, 8, 4)) < KEEP
    noisy = 0.5 * np.mean(np.sum((Y - (X * masks / KEEP) @ w.T) ** 2, axis=-1), axis=-1)
    closed = 0.5 * np.mean(np.sum((Y - X @ w.T) ** 2, axis=-1))
    closed += 0.5 * np.sum(dropout_penalty(X, KEEP) * w**2)
    assert noisy.mean() == pytest.approx(closed, abs=4.5 * noisy.std() / 200)


def test_the_minimum_by_another_minimizer():
    penalty = dropout_penalty(X, KEEP)

    def objective(flat):
        w = flat.reshape(2, 4)
        return 0.5 * np.mean(np.sum((Y - X @ w.T) ** 2, -1)) + 0.5 * np.sum(penalty * w**2)

    found = minimize(objective, np.zeros(8), tol=1e-12).x.reshape(2, 4)
    np.testing.assert_allclose(penalized_minimum(X, Y, penalty), found, atol=1e-5)


def test_the_course_is_descent_step_by_step():
    penalty, w, rate = dropout_penalty(X, KEEP), np.ones((2, 4)), 0.1
    courses = mean_weights(X, Y, penalty, w, rate, [0, 7])
    np.testing.assert_allclose(courses[0], w, rtol=1e-12)
    for _ in range(7):
        w = w - rate * ((w @ X.T - Y.T) @ X / 8 + w * penalty)
    np.testing.assert_allclose(courses[1], w, rtol=1e-12)


def experiment(layers, rule=None, parameterization=None):
    network = Network(3, layers, parameterization or Standard())
    training = Training(
        rule or GradientDescent(0.3), 12, record=At((0, 2, 12)), precision="float64"
    )
    return Experiment(TASK, network, training)


@pytest.mark.parametrize("layers", [(Dropout(KEEP), Dense(1)), (DropConnect(1, KEEP),)])
def test_training_follows_means_of_weights_and_of_the_loss(layers):
    result = Run(experiment(layers), LinearDropout(), tuple(range(1500))).compute()
    for quantity in (LAYER_WEIGHTS, TRAIN_LOSS):
        gaps = (result.observation[quantity.name] - result.prediction[quantity.name]).values
        error = gaps.std(axis=0, ddof=1) / np.sqrt(1500)
        np.testing.assert_allclose(gaps[:, 0], 0.0, atol=1e-12)
        assert (np.abs(gaps.mean(axis=0))[1:] < 4.5 * error[1:]).all()
    # The noise adds to the loss of the mean weights more than the mean's own error.
    x, y = TASK.data().train
    mean = result.prediction[LAYER_WEIGHTS.name].values[:, -1]
    without = 0.5 * np.mean((x @ np.swapaxes(mean, 1, 2) - y) ** 2, axis=(1, 2))
    seen = result.observation[TRAIN_LOSS.name].values[:, -1] - without
    assert seen.mean() > 4.5 * seen.std() / np.sqrt(1500)


def test_other_networks_rules_and_numbers_are_refused():
    plain = (Dropout(KEEP), Dense(1))
    for other in (
        experiment((Dense(1),)),
        experiment((Dropout(KEEP), Dense(1, bias_variance=0.1))),
        experiment(plain, Adam()),
        experiment(plain, parameterization=NTK()),
    ):
        with pytest.raises(OutOfReachError, match="dropout in one linear layer"):
            LinearDropout().predict(other, other.start((0,)))
    with pytest.raises(InputError, match="pass start"):
        LinearDropout().predict(experiment(plain))
    with pytest.raises(InputError, match="keep = 0"):
        dropout_penalty(X, 0.0)
