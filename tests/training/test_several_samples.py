"""One program for several samples: the same training as one by one, and equal steps for all."""

import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.data import Batch
from carnotlab.core.errors import InputError
from carnotlab.experiment.batching import FullBatch, Minibatch, Online
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import Adam, GradientDescent, GradientFlow
from carnotlab.experiment.schedules import Cosine
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import test_loss as held_out_loss
from carnotlab.measures.losses import test_prediction as held_out_prediction
from carnotlab.networks.architectures import mlp
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.training.several_samples import repeated, trainer
from carnotlab.training.train import train

MEASURES = [held_out_loss, held_out_prediction]


def experiment(seed=0, **changes):
    options = {"rule": Adam(0.02), "duration": 25, "record": At((25,)), **changes}
    task = GaussianRegression(3, samples=6, outputs=2, held_out=4, seed=seed)
    return Experiment(task, mlp(3, (8,), 2), Training(**options))


@pytest.mark.parametrize(
    "changes",
    [
        {"batching": Minibatch(4), "schedule": Cosine(warmup=5)},
        {"rule": GradientDescent(0.1, momentum=0.9), "batching": FullBatch()},
        {"weight_decay": 0.1, "decay_to_start": True},
    ],
)
def test_each_sample_is_trained_on_as_if_alone(changes):
    fit = trainer(experiment(0, **changes), MEASURES)
    for task_seed, seed in ((0, 5), (1, 3), (2, 5)):
        alone = experiment(task_seed, **changes)
        expected = train(alone, MEASURES, (seed,))
        found = fit(alone.task.data(), seed)
        for name, values in found.items():
            np.testing.assert_allclose(values, expected[name].values[0, -1], rtol=2e-5, atol=1e-6)


def test_full_batches_of_a_repeated_sample_train_as_the_sample_does():
    one = experiment(rule=GradientDescent(0.2))
    data = one.task.data()
    few = Batch(data.train.x[:3], data.train.y[:3])
    fit = trainer(one, MEASURES)
    results = [fit(data._replace(train=batch), 0) for batch in (few, repeated(few, 6))]
    np.testing.assert_allclose(results[0]["test_loss"], results[1]["test_loss"], rtol=1e-5)
    whole = fit(data, 0)
    assert abs(whole["test_loss"] - results[0]["test_loss"]) > 1e-3


def test_repeating_keeps_order_and_refuses_what_does_not_divide():
    batch = Batch(np.arange(6.0).reshape(3, 2), np.eye(3))
    twice = repeated(batch, 6)
    np.testing.assert_array_equal(twice.x[3:], batch.x)
    np.testing.assert_array_equal(twice.y[:3], batch.y)
    with pytest.raises(InputError, match="a multiple"):
        repeated(batch, 4)


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": GradientFlow()},
        {"batching": Online(4)},
    ],
)
def test_what_it_does_not_do_is_refused(changes):
    with pytest.raises(InputError, match=r"use train\(\)"):
        trainer(experiment(**changes), MEASURES)


def test_measures_are_numbers_of_numpy():
    found = trainer(experiment(duration=1, record=At((1,))), MEASURES)
    values = found(experiment().task.data(), 0)
    assert values["test_prediction"].shape == (4, 2)
    assert not isinstance(values["test_loss"], jnp.ndarray)
