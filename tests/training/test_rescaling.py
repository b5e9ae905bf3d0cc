"""Tables of rates, decay of each map, decoupled decay and rescaled weights, by loops in NumPy."""

from dataclasses import replace

import numpy as np
import optax
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import Adam, GradientDescent, GradientFlow, OptaxRule
from carnotlab.experiment.schedules import Piecewise, tabulated
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import test_prediction as prediction_held_out
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.layers import BatchNorm
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.information_in_weights import stored_weights
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.theories.scale_invariance.growing_rates import growing_schedule, without_decay
from carnotlab.training.sweep import skeleton
from carnotlab.training.train import train, train_sweep

TASK = GaussianRegression(3, samples=6, outputs=2, held_out=2)
STEPS = 12
RANDOM = np.random.default_rng(0)
TABLE = tabulated(
    RANDOM.uniform(0.5, 1.5, (STEPS, 2)),
    RANDOM.uniform(0.9, 1.1, (STEPS, 2)),
    RANDOM.uniform(0.9, 1.1, (STEPS, 2)),
    np.array([0.3, -0.2]),
)


def training(**changes):
    given = {"precision": "float64", "record": At((STEPS,))}
    return Training(GradientDescent(0.1, 0.8), STEPS, **{**given, **changes})


def matrices(experiment):
    """Return the two matrices at the end of training."""
    seen = train(experiment, [stored_weights], (0,))
    flat = seen[stored_weights.quantity.name].values[0, -1]
    return flat[:12].reshape(4, 3), flat[12:].reshape(2, 4)


def by_hand(training, rule=None):
    """Descend squared error of two linear layers, step by step."""
    start = Experiment(TASK, NETWORK, training).start((0,))
    w = [np.asarray(layer["weight"][0]) for layer in start]
    x, y = TASK.data().train
    table = training.schedule
    decays = training.weight_decay
    decays = decays if isinstance(decays, tuple) else (decays, decays)
    v = [f * each for f, each in zip(table.first_buffers, w, strict=True)]
    for t in range(STEPS):
        w = [table.weights[t, i] * w[i] for i in range(2)]
        v = [table.buffers[t, i] * v[i] for i in range(2)]
        missed = x @ w[0].T @ w[1].T - y
        slopes = [w[1].T @ missed.T @ x / len(x), missed.T @ (x @ w[0].T) / len(x)]
        for i in range(2):
            rate = 0.1 * table.rates[t, i]
            pull = 0.0 if training.decoupled_decay else decays[i] * w[i]
            v[i] = 0.8 * v[i] + slopes[i] + pull
            kept = 1.0 - rate * decays[i] if training.decoupled_decay else 1.0
            w[i] = kept * w[i] - rate * v[i]
    return w


NETWORK = deep_linear(3, (4,), 2)


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.2, (0.3, 0.0)])
def test_tables_and_decays_by_hand(decay, decoupled):
    its = training(schedule=TABLE, weight_decay=decay, decoupled_decay=decoupled)
    for found, expected in zip(matrices(Experiment(TASK, NETWORK, its)), by_hand(its), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


def test_one_column_is_for_all_maps():
    column = tabulated(*(np.array(part)[:, 0] for part in (TABLE.rates, TABLE.weights)))
    several = tabulated(*(np.tile(part, (1, 2)) for part in (column.rates, column.weights)))
    one, two = (
        matrices(Experiment(TASK, NETWORK, training(schedule=each, weight_decay=decay)))
        for each, decay in ((column, (0.1,)), (several, (0.1, 0.1)))
    )
    for first, second in zip(one, two, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-13)


def test_a_table_of_rates_is_a_schedule():
    schedule = Piecewise((4, 8), 0.5)
    table = tabulated(0.5 ** np.repeat([0, 1, 2], 4))
    for one, other in zip(
        matrices(Experiment(TASK, NETWORK, training(schedule=schedule))),
        matrices(Experiment(TASK, NETWORK, training(schedule=table))),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_decoupled_decay_of_adam_is_adamw():
    rule = OptaxRule(optax.adamw, 0.05, (("weight_decay", 0.3),))
    usual = training(weight_decay=0.3, decoupled_decay=True)
    for one, other in zip(
        matrices(Experiment(TASK, NETWORK, replace(usual, rule=Adam(0.05)))),
        matrices(Experiment(TASK, NETWORK, replace(training(), rule=rule))),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_tables_and_decays_of_maps_share_one_program_and_each_trains_as_alone():
    other = replace(TABLE, rates=0.5 * TABLE.rates)
    both = {
        "one": Experiment(TASK, NETWORK, training(schedule=TABLE, weight_decay=(0.3, 0.0))),
        "two": Experiment(TASK, NETWORK, training(schedule=other, weight_decay=(0.0, 0.1))),
    }
    assert len({skeleton(each) for each in both.values()}) == 1
    swept = train_sweep(both, [stored_weights], (0, 1))[stored_weights.quantity.name]
    for label, experiment in both.items():
        alone = train(experiment, [stored_weights], (0, 1))[stored_weights.quantity.name]
        np.testing.assert_allclose(swept.sel(setting=label), alone, rtol=1e-12)
    shorter = replace(both["one"], training=training(schedule=tabulated(np.ones(STEPS))))
    assert skeleton(shorter) != skeleton(both["one"])


def test_equal_tables_are_equal():
    assert replace(TABLE, rates=TABLE.rates.copy()) == TABLE
    assert hash(TABLE) == hash(replace(TABLE, rates=TABLE.rates.copy()))
    assert replace(TABLE, rates=2.0 * TABLE.rates) != TABLE
    one, two = (Experiment(TASK, NETWORK, training(schedule=each)) for each in (TABLE, TABLE))
    assert one.key == two.key


def normalized(schedule, decay, kind):
    network = mlp(64, (8,), 10, normalization=BatchNorm(0.0), parameterization=Standard())
    its = Training(
        GradientDescent(0.1, 0.9),
        60,
        Minibatch(10),
        CrossEntropy(),
        schedule,
        decay,
        record=At((60,)),
        precision=kind,
    )
    return Experiment(Digits(60, 20), network, its)


def test_growing_rates_in_both_precisions():
    """Float64: the function with decay. Float32: powers of two change no bit."""
    rates, decay = 0.1 * 0.3 ** (np.arange(60) // 50), 0.025
    course = without_decay(rates, decay, 0.9)
    kept = tabulated(np.outer(rates / 0.1, np.ones(2)))
    grown = growing_schedule(course, rates, (True, False))
    rescaled = growing_schedule(course, rates, (True, False), every=1)
    assert np.log2(rescaled.weights[:, 0]).sum() < 0.0

    def outputs(schedule, decays, kind):
        seen = train(normalized(schedule, decays, kind), [prediction_held_out], (0,))
        return seen[prediction_held_out.quantity.name].values[0, -1]

    own = (0.0, decay)
    with_decay = outputs(kept, (decay, decay), "float64")
    np.testing.assert_allclose(outputs(grown, own, "float64"), with_decay, atol=1e-10)
    np.testing.assert_array_equal(outputs(rescaled, own, "float32"), outputs(grown, own, "float32"))
    # The control: decay left on top of growing rates.
    assert np.abs(outputs(grown, (decay, decay), "float64") - with_decay).max() > 1e-3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tabulated(np.array([1.0, np.inf])), r"not finite.*rescale weights"),
        (lambda: tabulated(np.ones((2, 3)), np.ones((2, 2))), r"\[2, 3\] and \[2, 2\]"),
        (lambda: tabulated(np.ones((2, 2, 2))), r"factors of shape \[2, 2, 2\]"),
        (lambda: training(schedule=tabulated(np.ones(3))), r"a table of 3 steps for 12"),
        (
            lambda: Training(Adam(), STEPS, schedule=TABLE),
            r"rescales weights under Adam.*GradientDescent",
        ),
        (lambda: training(weight_decay=(0.1, -0.1)), r"weight_decay = -0.1"),
        (
            lambda: Training(GradientFlow(), weight_decay=0.1, decoupled_decay=True),
            r"decoupled decay",
        ),
        (
            lambda: Experiment(TASK, NETWORK, training(weight_decay=(0.1, 0.1, 0.1))),
            r"3 decays for 2 linear maps",
        ),
        (
            lambda: Experiment(TASK, NETWORK, training(schedule=tabulated(np.ones((STEPS, 3))))),
            r"3 rates for 2 linear maps",
        ),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_decay_of_each_map_is_none_of_all():
    with pytest.raises(OutOfReachError, match="one for all"):
        _ = training(weight_decay=(0.1, 0.1)).common_decay
