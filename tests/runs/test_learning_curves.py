"""Accuracy curves: what a result holds, and what of it is kept on the way."""

from dataclasses import replace

import numpy as np
import pytest

from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import Adam
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import mlp
from carnotlab.networks.convolutional_architectures import convolutional
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.runs.kernel_curves import FIRST_KERNEL, PRIOR_ACCURACY, KernelCurve
from carnotlab.runs.learning_curves import ACCURACY, accuracies
from carnotlab.runs.run import execute
from carnotlab.runs.store import Store
from carnotlab.runs.trained_curves import TrainedCurve
from carnotlab.tasks.moved_digits import MovedDigits
from carnotlab.theories.kernel_regression.classification import accuracy_by_samples
from carnotlab.training.several_samples import trainer

TASK = MovedDigits(per_class=2, held_out_per_class=3, canvas=8)
DENSE = mlp(64, (16,), 10)
POOLED = convolutional((8, 8, 1), (4,), 10)


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "arrays")
    made.prepare()
    return made


def curve(network=POOLED, **changes):
    return replace(KernelCurve(TASK, network, (10, 20), (0, 3)), **changes)


@pytest.mark.parametrize("network", [DENSE, POOLED], ids=["dense", "pooled"])
def test_accuracies_are_those_of_each_draw(network):
    result = curve(network).compute(None, None)
    assert result.observation["seed"].values.tolist() == [0, 3]
    assert result.observation["samples"].values.tolist() == [10, 20]
    for row, draw in enumerate((0, 3)):
        data = replace(TASK, seed=draw).data()
        shape = (-1, *network.shape)
        x, z = (np.asarray(batch.x).reshape(shape) for batch in data)
        train, across = kernels(network, x), kernels(network, z, x)
        for quantity, kind in ((ACCURACY, "ntk"), (PRIOR_ACCURACY, "nngp")):
            expected = accuracy_by_samples(
                getattr(train, kind), getattr(across, kind), data.train.y, data.test.y, (10, 20)
            )
            # A held-out image on the edge between classes may fall to either side.
            np.testing.assert_allclose(accuracies(result, quantity)[row], expected, atol=1.01 / 30)
        np.testing.assert_allclose(
            result.observation[FIRST_KERNEL.name].values[row], train.ntk[:10, :10], rtol=1e-9
        )


def test_a_result_comes_back_from_the_store(store):
    first = execute(curve(DENSE), store)
    again = execute(curve(DENSE), store)
    assert again.cached
    np.testing.assert_array_equal(accuracies(again), accuracies(first))
    assert again.observation.identical(first.observation)
    assert [check.value for check in again.checks] == [check.value for check in first.checks]
    assert curve(DENSE).remaining(store) == 0.0


def test_blocks_stay_for_more_draws_and_other_sizes(store):
    made = curve(draws=(0,))
    before = made.remaining(store)
    made.compute(store, None)
    later = made.remaining(store)
    assert later < before
    both = curve()
    told = []
    both.compute(store, told.append)
    assert sum(blocks.missing_pairs() for _, blocks in both.blocks(store)) == 0
    # What was there is no part of the work that is told about.
    assert told[0] > 0.0
    assert told[-1] == 1.0


def test_keys_follow_everything_that_matters():
    keys = {
        curve().key,
        curve(DENSE).key,
        curve(draws=(0, 1)).key,
        curve(sizes=(20,)).key,
        curve(dtype="float32").key,
        curve(task=replace(TASK, shuffle=0)).key,
    }
    assert len(keys) == 6
    assert curve().key == curve().key


def trained(**changes):
    training = Training(
        Adam(0.02), 20, Minibatch(10), CrossEntropy(), record=At((20,)), precision="float32"
    )
    return replace(TrainedCurve(TASK, DENSE, training, (10, 20), (0, 1)), **changes)


def test_trained_draws_are_kept_one_by_one(store, monkeypatch):
    first = trained(draws=(0,)).compute(store, None)
    fits = []

    def counting(*arguments):
        fit = trainer(*arguments)

        def counted(data, seed):
            fits.append(seed)
            return fit(data, seed)

        return counted

    monkeypatch.setattr("carnotlab.runs.trained_curves.trainer", counting)
    told = []
    both = trained().compute(store, told.append)
    assert fits == [1, 1], "the first draw is read"
    np.testing.assert_array_equal(accuracies(both)[:1], accuracies(first))
    assert accuracies(both).shape == (2, 2)
    assert told == sorted(told)
    assert trained().remaining(store) < trained().remaining(None)


def test_a_network_that_has_not_learned_its_images_is_outside_the_assumption():
    training = replace(trained().training, duration=1, record=At((1,)))
    checks = {c.name: c for c in trained(training=training).compute(None, None).checks}
    assert not checks["trained to the end"].holds
