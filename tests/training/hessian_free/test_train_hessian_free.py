"""Networks trained by it, with either loss; what it cannot train is refused."""

from dataclasses import replace

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import train_accuracy, train_loss
from carnotlab.networks.activations import Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.layers import BatchNorm
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.training.hessian_free.sparse_start import sparse_start
from carnotlab.training.hessian_free.step import HessianFree
from carnotlab.training.hessian_free.train_hessian_free import (
    COST,
    DAMPING,
    INNER_STEPS,
    train_hessian_free,
)

TASK = GaussianRegression(4, samples=30, outputs=2)
TRAINING = Training(duration=6, record=Evenly(7))


def test_it_descends_at_every_step_and_says_what_it_cost():
    network = mlp(4, (6, 6), 2, activation=Tanh(), bias_variance=0.1)
    seen = train_hessian_free(
        Experiment(TASK, network, TRAINING), [train_loss], (0, 3), settings=HessianFree(1.0)
    )
    loss = seen["train_loss"].values
    assert loss.shape == (2, 7)
    assert np.all(np.diff(loss, axis=1) < 0.0)
    assert np.all(np.diff(seen[COST.name].values, axis=1) > 1.0)
    assert np.all(np.diff(seen[INNER_STEPS.name].values, axis=1) >= 1)
    assert seen[DAMPING.name].values[0, 0] == 1.0
    assert seen["time"].attrs["units"] == "steps"


def test_where_the_budget_is_spent_weights_stay_and_progress_is_complete():
    experiment = Experiment(TASK, mlp(4, (6, 6), 2, activation=Tanh()), TRAINING)
    free = train_hessian_free(experiment, [train_loss], settings=HessianFree(1.0))
    third = float(free[COST.name].values[0, 3])
    told: list[float] = []
    bounded = train_hessian_free(
        experiment,
        [train_loss],
        settings=HessianFree(1.0),
        budget=third,
        progress=told.append,
    )
    loss = bounded["train_loss"].values[0]
    np.testing.assert_array_equal(loss[:4], free["train_loss"].values[0, :4])
    assert np.all(loss[4:] == loss[3])
    assert float(bounded[COST.name].values[0, -1]) == third
    assert told == sorted(told)
    assert told[3:] == [1.0] * 4
    assert told[1] > 1.0 / 6.0


def test_cross_entropy_of_digits_is_learned_in_a_few_steps():
    network = mlp(64, (10,), 10, activation=Tanh(), bias_variance=0.1)
    training = Training(duration=30, loss=CrossEntropy(), record=Evenly(2))
    seen = train_hessian_free(
        Experiment(Digits(100, 10), network, training),
        [train_accuracy],
        settings=HessianFree(1.0, curvature_batch=50),
    )
    assert seen["train_accuracy"].values[0, 0] < 0.4
    assert seen["train_accuracy"].values[0, -1] > 0.95


def test_what_it_cannot_train_is_refused():
    network = mlp(4, (6,), 2)
    with pytest.raises(InputError, match="full batches"):
        train_hessian_free(
            Experiment(TASK, network, replace(TRAINING, batching=Minibatch(5))), [train_loss]
        )
    for other in (mlp(4, (6,), 2, normalization=BatchNorm()), replace(network, frozen=1)):
        with pytest.raises(OutOfReachError, match="Hessian-free"):
            train_hessian_free(Experiment(TASK, other, TRAINING), [train_loss])


def test_a_sparse_start_has_so_many_inputs_each_of_the_size_asked_for():
    network = mlp(400, (300, 3), 2)
    start = sparse_start(network, (4, 5), inputs=15, scale=2.0)
    first = start.matrices[0]
    assert np.all((first != 0.0).sum(axis=2) == 15)
    assert first[first != 0.0].std() == pytest.approx(2.0, rel=0.03)
    assert np.all((start.matrices[2] != 0.0).sum(axis=2) == 3)  # of three inputs there are
    assert not np.array_equal(first[0], first[1])
    again = sparse_start(network, (5,), inputs=15, scale=2.0)
    np.testing.assert_array_equal(again.matrices[0][0], first[1])
    # Inputs are chosen evenly: of 300 units times 15 each input has 11.25 on average.
    assert (first[0] != 0.0).sum(axis=0).std() == pytest.approx(11.25**0.5, rel=0.2)
