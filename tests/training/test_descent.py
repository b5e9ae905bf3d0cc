"""Discrete training against loops written out in numpy, with a gradient written out by hand."""

import jax
import numpy as np
import optax
import pytest

from carnotlab.core.keys import key_for
from carnotlab.core.precision import precision
from carnotlab.experiment.batching import Minibatch, Online
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import Adam, GradientDescent, OptaxRule
from carnotlab.experiment.schedules import Cosine, Exponential, Piecewise
from carnotlab.experiment.times import At, Evenly
from carnotlab.experiment.training import EarlyStopping, Training
from carnotlab.measures.losses import test_loss as held_out_loss
from carnotlab.measures.losses import test_prediction as held_out_outputs
from carnotlab.measures.losses import train_loss as training_loss
from carnotlab.measures.losses import train_prediction as training_outputs
from carnotlab.networks.architectures import deep_linear
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.training.batches import batches
from carnotlab.training.train import train, train_sweep

STEPS = 12
SEEDS = (0, 3)


def momentum_loop(net, start, batch_at, factor, *, rate, mu=0.0, nesterov=False, decay=0.0, to=0.0):
    """Heavy ball or Nesterov, in numpy: w' = w - rate r (v' or g + mu v'), v' = mu v + g."""
    w, v, path = start.copy(), np.zeros_like(start), [start]
    for step in range(STEPS):
        g = net.gradient(w, *batch_at(step)) + decay * (w - to * start)
        v = mu * v + g
        w = w - rate * net.rate * factor(step) * (g + mu * v if nesterov else v)
        path.append(w)
    return np.stack(path)


def constant(step):
    del step
    return 1.0


CASES = {
    "plain": ({"rule": GradientDescent(0.2)}, {"rate": 0.2}, constant),
    "momentum": ({"rule": GradientDescent(0.1, 0.9)}, {"rate": 0.1, "mu": 0.9}, constant),
    "Nesterov, decay to the start, growing rate": (
        {
            "rule": GradientDescent(0.1, 0.8, nesterov=True),
            "weight_decay": 0.3,
            "decay_to_start": True,
            "schedule": Exponential(1.05),
        },
        {"rate": 0.1, "mu": 0.8, "nesterov": True, "decay": 0.3, "to": 1.0},
        lambda step: 1.05**step,
    ),
    "decay to zero, cosine": (
        {
            "rule": GradientDescent(0.2),
            "weight_decay": 0.3,
            "schedule": Cosine(warmup=4, final=0.1),
        },
        {"rate": 0.2, "decay": 0.3},
        lambda step: (
            step / 4 if step < 4 else 0.1 + 0.45 * (1 + np.cos(np.pi * (step - 4) / (STEPS - 4)))
        ),
    ),
    "steps down": (
        {"rule": GradientDescent(0.2), "schedule": Piecewise((3, 7), 0.5)},
        {"rate": 0.2},
        lambda step: 0.5 ** ((step >= 3) + (step >= 7)),
    ),
}


def trained(net, task, measures, seeds=SEEDS, **training):
    experiment = Experiment(
        task,
        net.network,
        Training(duration=STEPS, record=Evenly(STEPS + 1), precision="float64", **training),
    )
    return train(experiment, measures, seeds)


@pytest.mark.parametrize(
    ("case", "kind"), [*((case, "mean_field") for case in CASES), ("momentum", "standard")]
)
def test_gradient_descent_against_an_explicit_loop(
    case, kind, small_task, weights_measure, request
):
    net = request.getfixturevalue(kind)
    training, by_hand, factor = CASES[case]
    seen = trained(net, small_task, [weights_measure], **training)["weights"].values
    data = small_task.data().train
    for path in seen:
        expected = momentum_loop(net, path[0], lambda _: data, factor, **by_hand)
        # Both sides are double precision; rounding of 1e-16 grows little in 12 stable steps.
        assert np.abs(path - expected).max() < 1e-12
        assert np.abs(expected[-1] - expected[0]).max() > 0.1


def test_the_loop_tells_momentum_from_nesterov_and_one_rate_from_another(small_task, standard):
    start = np.linspace(-1, 1, 4 + 12 + 2 + 8)
    data = small_task.data().train
    paths = [
        momentum_loop(standard, start, lambda _: data, constant, **options)[-1]
        for options in (
            {"rate": 0.1, "mu": 0.9},
            {"rate": 0.1, "mu": 0.9, "nesterov": True},
            {"rate": 0.1, "mu": 0.9, "decay": 0.1},
            {"rate": 0.1, "mu": 0.9, "decay": 0.1, "to": 1.0},
        )
    ]
    for i, one in enumerate(paths):
        for other in paths[:i]:
            assert np.abs(one - other).max() > 1e-3


def adam_loop(net, start, data, rates, *, rate, b1=0.9, b2=0.99, eps=1e-8):
    w, m, v, path = start.copy(), 0.0, 0.0, [start]
    for step in range(STEPS):
        g = net.gradient(w, *data)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        corrected = m / (1 - b1 ** (step + 1)), v / (1 - b2 ** (step + 1))
        w = w - rate * rates * corrected[0] / (np.sqrt(corrected[1]) + eps)
        path.append(w)
    return np.stack(path)


def test_adam_against_an_explicit_loop(small_task, mean_field, weights_measure):
    seen = trained(mean_field, small_task, [weights_measure], rule=Adam(0.05, b2=0.99))
    # Input and output layers keep the rate of an adaptive rule; there is no hidden layer here.
    for path in seen["weights"].values:
        expected = adam_loop(mean_field, path[0], small_task.data().train, 1.0, rate=0.05)
        assert np.abs(path - expected).max() < 1e-11


def test_a_rule_of_optax_against_an_explicit_loop(small_task, mean_field, weights_measure):
    rule = OptaxRule(optax.rmsprop, 0.02, options=(("decay", 0.8), ("eps", 1e-6)))
    seen = trained(mean_field, small_task, [weights_measure], rule=rule)
    data = small_task.data().train
    for path in seen["weights"].values:
        w, v = path[0], 0.0
        for step in range(STEPS):
            g = mean_field.gradient(w, *data)
            v = 0.8 * v + 0.2 * g**2
            w = w - 0.02 * g / np.sqrt(v + 1e-6)
            assert np.abs(path[step + 1] - w).max() < 1e-11


def test_a_gradient_rule_of_optax_gets_the_rates_of_gradient_rules(
    small_task, mean_field, weights_measure
):
    rule = OptaxRule(optax.sgd, 0.2, kind="gradient")
    seen = trained(mean_field, small_task, [weights_measure], seeds=(0,), rule=rule)
    path = seen["weights"].values[0]
    data = small_task.data().train
    expected = momentum_loop(mean_field, path[0], lambda _: data, constant, rate=0.2)
    assert np.abs(path - expected).max() < 1e-12


@pytest.mark.parametrize("batching", [Minibatch(2), Minibatch(2, replacement=True), Online(3)])
def test_each_step_sees_its_own_batch(batching, small_task, standard, weights_measure):
    seen = trained(
        standard, small_task, [weights_measure], rule=GradientDescent(0.1), batching=batching
    )
    for seed, path in zip(SEEDS, seen["weights"].values, strict=True):
        with precision("float64"):
            data = jax.tree.map(jax.numpy.asarray, small_task.data().train)
            begin, draw = batches(batching, small_task, data.size)
            key, draw = key_for(seed, "batches"), jax.jit(draw)
            order, drawn = begin(key), []
            for step in range(STEPS):
                order, batch = draw(order, key, jax.numpy.int32(step), data)
                drawn.append((np.asarray(batch.x), np.asarray(batch.y)))
        expected = momentum_loop(
            standard, path[0], lambda step, drawn=drawn: drawn[step], constant, rate=0.1
        )
        assert np.abs(path - expected).max() < 1e-12
    epochs = {Minibatch(2): 2, Minibatch(2, True): 2, Online(3): 1}[batching]
    assert seen["epochs"].values.tolist() == [step / epochs for step in range(STEPS + 1)]


def test_records_are_those_of_the_recorded_steps(small_task, standard, weights_measure):
    """Recording seldom or often does not change the course, and step t has made t updates."""
    often = trained(standard, small_task, [weights_measure], rule=GradientDescent(0.1))
    experiment = Experiment(
        small_task,
        standard.network,
        Training(GradientDescent(0.1), STEPS, record=At((1, 5, 9)), precision="float64"),
    )
    seldom = train(experiment, [weights_measure, training_loss, training_outputs], SEEDS)
    assert seldom["time"].values.tolist() == [1, 5, 9]
    assert seldom["flow_time"].values.tolist() == [0.1, 0.5, 0.9]
    chosen = often["weights"].sel(time=[1, 5, 9]).values
    np.testing.assert_allclose(seldom["weights"].values, chosen, rtol=1e-13, atol=1e-14)
    x, y = small_task.data().train
    for member in range(2):
        for time in range(3):
            outputs = standard.outputs(seldom["weights"].values[member, time], x)
            np.testing.assert_allclose(
                seldom["train_prediction"].values[member, time], outputs, rtol=1e-12
            )
            loss = 0.5 * np.mean(np.sum((outputs - y) ** 2, axis=1))
            assert seldom["train_loss"].values[member, time] == pytest.approx(loss, rel=1e-12)


# Early stopping: noisy labels and few samples, so that a fast rate overfits and a slow one has no
# time to.
PATIENCE = 3


@pytest.fixture(scope="module")
def stopping_runs():
    """The same sweep with early stopping and without."""

    def sweep(stopping):
        settings = {
            name: Experiment(
                GaussianRegression(20, samples=15, noise_variance=1.0, held_out=50),
                deep_linear(20, (20,), 1),
                Training(GradientDescent(rate), 400, record=Evenly(41), early_stopping=stopping),
            )
            for name, rate in (("fast", 0.5), ("slow", 0.001))
        }
        return train_sweep(settings, [held_out_loss, held_out_outputs], range(3))

    return sweep(EarlyStopping(PATIENCE)), sweep(None)


def expected_stop(losses, times):
    best, since = np.inf, 0
    for loss, time in zip(losses, times, strict=True):
        best, since = (loss, 0) if loss < best else (best, since + 1)
        if since == PATIENCE:
            return time
    return -1


def test_the_stop_is_where_the_losses_say(stopping_runs):
    stopped, free = stopping_runs
    times = free["time"].values
    for setting in ("fast", "slow"):
        for seed in range(3):
            losses = free["test_loss"].sel(setting=setting, seed=seed).values
            expected = expected_stop(losses, times)
            assert int(stopped["stopped_at"].sel(setting=setting, seed=seed)) == expected
            assert (expected == -1) == (setting == "slow")
    assert (free["stopped_at"].values == -1).all()


def test_a_stopped_member_is_frozen_and_its_past_untouched(stopping_runs):
    stopped, free = stopping_runs
    for seed in range(3):
        stop = int(stopped["stopped_at"].sel(setting="fast", seed=seed))
        frozen = stopped["test_prediction"].sel(setting="fast", seed=seed)
        going = free["test_prediction"].sel(setting="fast", seed=seed)
        after = frozen.sel(time=slice(stop, None)).values
        assert (after == after[0]).all()
        assert len(after) > 3
        before = {"time": slice(None, stop)}
        # Another program, hence another order of single-precision sums.
        np.testing.assert_allclose(
            frozen.sel(before).values, going.sel(before).values, rtol=1e-4, atol=1e-5
        )
        assert np.abs(going.values[-1] - after[0]).max() > 1e-2


RATES = {"calm": 0.1, "wild": 1e4, "brisk": 0.3}


@pytest.fixture(scope="module")
def sweep_of_rates(small_task, standard, weights_measure):
    def run(rates):
        settings = {
            name: Experiment(
                small_task,
                standard.network,
                Training(GradientDescent(rate), 40, record=Evenly(11)),
            )
            for name, rate in rates.items()
        }
        return train_sweep(settings, [weights_measure, training_loss], (0, 1))

    return run


@pytest.fixture(scope="module")
def with_a_wild_one(sweep_of_rates):
    return sweep_of_rates(RATES)


def test_divergence_is_recorded_when_it_happens(with_a_wild_one):
    lost = with_a_wild_one["diverged_at"]
    assert (lost.sel(setting=["calm", "brisk"]).values == -1).all()
    for seed in (0, 1):
        at = int(lost.sel(setting="wild", seed=seed))
        assert 0 < at <= 40
        losses = with_a_wild_one["train_loss"].sel(setting="wild", seed=seed)
        assert np.isfinite(losses.sel(time=slice(None, at - 1)).values).all()
        assert not np.isfinite(losses.sel(time=slice(at, None)).values).any()
    assert np.isfinite(with_a_wild_one["train_loss"].sel(setting=["calm", "brisk"]).values).all()


def test_the_others_are_untouched_by_divergence_to_the_last_bit(with_a_wild_one, sweep_of_rates):
    tame = sweep_of_rates({**RATES, "wild": 0.05})
    alone = sweep_of_rates({name: rate for name, rate in RATES.items() if name != "wild"})
    assert np.isfinite(tame["weights"].values).all()
    for name in ("calm", "brisk"):
        seen = with_a_wild_one["weights"].sel(setting=name).values
        np.testing.assert_array_equal(seen, tame["weights"].sel(setting=name).values)
        np.testing.assert_array_equal(seen, alone["weights"].sel(setting=name).values)
