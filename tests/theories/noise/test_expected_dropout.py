"""The penalty of dropout against noisy losses, linear theory and training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy, SquaredError, loss_function
from carnotlab.experiment.rules import Adam, GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TEST_LOSS
from carnotlab.networks.activations import Relu, Tanh
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model
from carnotlab.networks.layers import Dense, DropConnect, Dropout, Residual
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import Run
from carnotlab.tasks.digits import Digits
from carnotlab.theories.noise.expected_dropout import ExpectedDropout, dropout_penalty_of
from carnotlab.theories.noise.two_linear_layers import path_penalty

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.standard_normal((6, 3)), np.eye(2)[[0, 1, 1, 0, 1, 0]]


def noisy_gap(network, loss, draws=20_000, scale=1.0):
    """Return what masks add to the loss by Monte Carlo, its error, and the penalty."""
    with precision("float64"):
        model, value = Model(network), loss_function(loss)
        weights = jax.tree.map(lambda w: scale * jnp.asarray(w, jnp.float64), model.start(0))
        keys = jax.random.split(jax.random.key(1), draws)
        noisy = jax.jit(
            jax.vmap(lambda key: value(model.apply(weights, jnp.asarray(X), key), jnp.asarray(Y)))
        )(keys)
        gaps = np.asarray(noisy) - float(
            value(model.apply(weights, jnp.asarray(X)), jnp.asarray(Y))
        )
        penalty = float(dropout_penalty_of(model, loss)(weights, jnp.asarray(X)))
    return gaps.mean(), gaps.std() / draws**0.5, penalty


def test_it_is_exact_behind_the_last_activation():
    network = Network(3, (Dense(5), Tanh(), Dropout(0.6), Dense(2)), Standard())
    gap, error, penalty = noisy_gap(network, SquaredError())
    assert gap == pytest.approx(penalty, abs=4.5 * error)
    assert penalty > 20 * error


def test_with_linear_layers_it_is_the_penalty_on_paths():
    network = Network(3, (Dense(5), Dropout(0.6), Dense(2)), Standard())
    model = Model(network)
    with precision("float64"):
        weights = jax.tree.map(lambda w: jnp.asarray(w, jnp.float64), model.start(0))
        found = float(dropout_penalty_of(model, SquaredError())(weights, jnp.asarray(X)))
    layers = tuple(np.asarray(layer["weight"]) for layer in weights)
    assert found == pytest.approx(path_penalty(layers, X, 0.6, "hidden units"), rel=1e-12)


def test_elsewhere_it_is_the_leading_term_as_noise_falls():
    """Cross-entropy, units seldom left out: within a few percent and the error of 60000 draws."""
    network = Network(3, (Dense(5), Tanh(), Dropout(0.95), Dense(2)), Standard())
    gap, error, penalty = noisy_gap(network, CrossEntropy(), 60_000)
    assert gap == pytest.approx(penalty, abs=0.05 * penalty + 4.5 * error)


def test_the_hessian_of_cross_entropy_is_that_of_jax():
    network = Network(3, (Dropout(0.5), Dense(4)), Standard())
    model = Model(network)
    with precision("float64"):
        w = jnp.asarray(RANDOM.standard_normal((4, 3)))
        x = jnp.asarray(X)
        found = float(dropout_penalty_of(model, CrossEntropy())(({"weight": w},), x))
        by_hand = 0.0
        for row in x:
            hessian = jax.hessian(lambda z: -jax.nn.log_softmax(z)[0])(w @ row)
            by_hand += (
                0.5 * sum(row[j] ** 2 * w[:, j] @ hessian @ w[:, j] for j in range(3)) / len(x)
            )
    assert found == pytest.approx(float(by_hand), rel=1e-12)


def test_training_follows_descent_on_the_expected_loss():
    network = Network(64, (Dense(16), Relu(), Dropout(0.7), Dense(10)), Standard())
    training = Training(GradientDescent(0.1), 100, record=At((0, 30, 100)))
    experiment = Experiment(Digits(100, 50), network, training)
    result = Run(experiment, ExpectedDropout(), tuple(range(6))).compute()
    other = ExpectedDropout("none").predict(experiment, experiment.start(tuple(range(6))))
    seen = result.observation[TEST_LOSS.name].values.mean(axis=0)
    expected = result.prediction[TEST_LOSS.name].values.mean(axis=0)
    without = other[TEST_LOSS.name].values.mean(axis=0)
    assert np.abs(seen - expected)[2] < 0.3 * np.abs(seen - without)[2]


def test_what_is_not_covered_is_refused():
    with pytest.raises(OutOfReachError, match="noise on weights"):
        dropout_penalty_of(Model(Network(3, (DropConnect(2),))), SquaredError())
    network = Network(3, (Dense(3), Residual((Dropout(), Dense(3))), Dense(1)))
    with pytest.raises(OutOfReachError, match="inside blocks"):
        dropout_penalty_of(Model(network), SquaredError())
    network = Network(64, (Dropout(), Dense(10)))
    experiment = Experiment(Digits(50, 50), network, Training(Adam(), 3))
    with pytest.raises(OutOfReachError, match="gradient descent"):
        ExpectedDropout().predict(experiment, experiment.start((0,)))
