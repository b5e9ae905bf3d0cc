"""Training with units left out: its mean over noise is descent on the marginal loss."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent, GradientFlow
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure
from carnotlab.networks.description import Network
from carnotlab.networks.layers import Dense, Dropout
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.theories.regime import full_batch_rule
from carnotlab.training.train import train

KEEP, RATE, STEPS, SEEDS = 0.6, 0.1, 10, 2000
TASK = GaussianRegression(3, samples=6, noise_variance=0.1)
WEIGHT = Measure(
    Quantity("weight", ("units", "inputs"), "1", "weights of the first layer"),
    lambda state, _: state.weights[0]["weight"],
)


def _experiment(rule):
    network = Network(3, (Dropout(KEEP), Dense(1)))
    return Experiment(TASK, network, Training(rule, STEPS, record=Evenly(2), precision="float64"))


@pytest.fixture(scope="module")
def path():
    return train(_experiment(GradientDescent(RATE)), [WEIGHT], range(SEEDS))["weight"].values[
        :, :, 0
    ]


def _marginal_descent(start, keep):
    """Descend E|y - (m·x/keep) w|²/2n over masks m: a ridge of (1-keep)/keep diag(X'X)."""
    x, y = (np.asarray(part, dtype=np.float64) for part in TASK.data().train)
    gram = x.T @ x / len(x)
    gram += (1 - keep) / keep * np.diag(np.diag(gram))
    w = start.copy()
    for _ in range(STEPS):
        w = w - RATE * (w @ gram - (x.T @ y / len(x))[:, 0])
    return w


def test_the_mean_over_noise_descends_the_marginal_loss(path):
    # A step is linear in the weights, and its mask is independent of them: the mean is exact.
    gaps = path[:, -1] - _marginal_descent(path[:, 0], KEEP)
    errors = gaps.std(axis=0, ddof=1) / np.sqrt(SEEDS)
    assert (np.abs(gaps.mean(axis=0)) < 4.5 * errors).all()
    without = path[:, -1] - _marginal_descent(path[:, 0], 1.0)
    assert (np.abs(without.mean(axis=0)) > 4.5 * errors).any()


def test_every_seed_and_step_has_noise_of_its_own(path):
    moved = path[:, -1] - _marginal_descent(path[:, 0], KEEP)
    assert len(np.unique(moved.round(12), axis=0)) == SEEDS


def test_gradient_flow_and_theories_of_descent_refuse_dropout():
    with pytest.raises(InputError, match=r"DropConnect under gradient flow.*GradientDescent"):
        _experiment(GradientFlow())
    with pytest.raises(OutOfReachError, match=r"DropConnect for a theory.*a network without"):
        full_batch_rule(_experiment(GradientDescent(RATE)), "a theory")
