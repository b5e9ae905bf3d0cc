"""Experiments: parts that must fit, keys, and the start that theories may see."""

import jax
import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.batching import Minibatch, Online
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.initialisation import Aligned
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.statistics import input_output_modes

TASK = LinearMap(3, 2, (2.0, 1.0), held_out=4)
DIGITS = Digits(30, 10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Experiment(TASK, mlp(4, (5,), 2), Training()),
            r"a network of 4 inputs on a task of 3; required: equal sizes; set inputs=3",
        ),
        (
            lambda: Experiment(TASK, mlp(3, (5,), 1), Training()),
            r"a network of 1 outputs on a task of 2.*end the network in Dense\(2\)",
        ),
        (
            lambda: Experiment(TASK, mlp(3, (5,), 2), Training(loss=CrossEntropy())),
            r"cross-entropy on real-valued targets.*use SquaredError\(\)",
        ),
        (
            lambda: Experiment(TASK, mlp(3, (5,), 2), Training(batching=Minibatch(4))),
            r"batches of 4 from 3 samples.*use FullBatch\(\) or a smaller size",
        ),
        (
            lambda: Experiment(DIGITS, mlp(64, (5,), 10), Training(batching=Online(2))),
            r"online sampling from Digits, which is a finite data set.*train in minibatches",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_finite_data_has_no_fresh_samples():
    with pytest.raises(OutOfReachError):
        Experiment(DIGITS, mlp(64, (5,), 10), Training(batching=Online(2)))


def test_what_fits_is_accepted():
    Experiment(DIGITS, mlp(64, (5,), 10), Training(loss=CrossEntropy(), batching=Minibatch(30)))
    Experiment(TASK, mlp(3, (5,), 2), Training(batching=Online(2)))


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_the_start_has_one_row_a_seed(kind):
    experiment = Experiment(TASK, mlp(3, (5,), 2), Training(precision=kind))
    both, one = experiment.start((4, 7)), experiment.start((7,))
    for pair, single in zip(jax.tree.leaves(both), jax.tree.leaves(one), strict=True):
        assert pair.shape[0] == 2
        assert pair.dtype == kind
        np.testing.assert_array_equal(pair[1], single[0])


def test_an_aligned_start_takes_the_modes_of_the_task():
    network = deep_linear(3, (5,), 2, initialisation=Aligned(0.5))
    experiment = Experiment(TASK, network, Training(precision="float64"))
    first, second = (np.asarray(layer["weight"][0]) for layer in experiment.start((0,)))
    modes = input_output_modes(TASK)
    np.testing.assert_allclose(second @ first, 0.5 * modes.left @ modes.right.T, atol=1e-13)


def test_seeds_are_refused_where_they_would_repeat():
    experiment = Experiment(TASK, mlp(3, (5,), 2), Training())
    with pytest.raises(InputError, match=r"no seeds.*use seeds=\(0,\)"):
        experiment.start(())
    # 2^32 and 0 are one key of 32 bits.
    for seed in (2**31, 2**32, -1):
        with pytest.raises(InputError, match=r"from 0 to 2147483647"):
            experiment.start((0, seed))


def test_equal_descriptions_have_equal_keys():
    def build(**changes):
        return Experiment(TASK, mlp(3, (5,), 2), Training(**changes))

    assert build().key == build().key
    assert build() == build()
    assert build(duration=10).key == build(duration=10.0).key
    assert build(weight_decay=0.1).key != build().key
