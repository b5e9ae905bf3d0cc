"""Padded networks against the same networks trained each by itself in its own shapes."""

from dataclasses import replace

import numpy as np
import pytest

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import Adam, GradientDescent, GradientFlow, Rule
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure
from carnotlab.measures.losses import (
    test_accuracy,
    test_loss,
    train_accuracy,
    train_loss,
    train_prediction,
)
from carnotlab.networks.activations import Relu, Sigmoid, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import NTK, MeanField, Parameterization, Standard
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.training.padded_widths import widened
from carnotlab.training.train import train
from carnotlab.training.width_sweep import train_widths

TASK = Digits(train_size=60, test_size=30, label_noise=0.2)
FOUR = [train_loss, test_loss, train_accuracy, test_accuracy]


def experiment(
    hidden: tuple[int, ...],
    rule: Rule,
    kind: Parameterization | None = None,
    activation: type[Relu] | type[Tanh] = Relu,
    **settings: object,
) -> Experiment:
    network = mlp(
        64,
        hidden,
        10,
        bias_variance=0.1,
        activation=activation(),
        parameterization=kind or Standard(),
    )
    chosen = {"loss": CrossEntropy(), "precision": "float64", "record": At((0, 10, 40)), **settings}
    return Experiment(TASK, network, Training(rule, 40, **chosen))  # pyright: ignore


SMALL = GaussianRegression(3, 7, noise_variance=0.1)


def small(
    *hidden: int, rule: Rule | None = None, kind: Parameterization | None = None
) -> Experiment:
    """Return networks of 3 inputs and 1 output, which are quick to compile."""
    rule = rule or GradientDescent(0.1)
    training = Training(rule, 9, record=At((9,)), precision="float64")
    network = mlp(3, hidden, 1, bias_variance=0.1, parameterization=kind or Standard())
    return Experiment(SMALL, network, training)


slow = pytest.mark.slow
CASES = [
    pytest.param(((3,), (11,)), Adam(0.01), Standard(), Relu, id="Adam"),
    pytest.param(((3, 9), (5, 12)), Adam(0.01), NTK(), Relu, id="two layers"),
    pytest.param(((3,), (5,)), GradientDescent(0.3), NTK(), Tanh, id="descent"),
    pytest.param(((3,), (5,)), GradientDescent(0.05, 0.9), Standard(), Tanh, id="mom."),
    pytest.param(((3,), (5,)), GradientDescent(0.1), MeanField(0.5), Tanh, id="field"),
]


def test_networks_of_two_widths_train_as_they_would_alone() -> None:
    shapes = ((3,), (9,))
    by_width = {str(each): small(*each, rule=Adam(0.01), kind=NTK()) for each in shapes}
    together = train_widths(by_width, [train_loss, test_loss], (0, 3))
    for label, each in by_width.items():
        alone = train(each, [train_loss, test_loss], (0, 3))
        for name in ("train_loss", "test_loss"):
            np.testing.assert_allclose(together[name].sel(setting=label), alone[name], rtol=1e-9)


@slow
@pytest.mark.parametrize(("shapes", "rule", "kind", "act"), CASES)
def test_each_padded_network_trains_as_it_would_alone(
    shapes: tuple[tuple[int, ...], ...],
    rule: Rule,
    kind: Parameterization,
    act: type[Relu] | type[Tanh],
) -> None:
    by_width = {str(hidden): experiment(hidden, rule, kind, act) for hidden in shapes}
    together = train_widths(by_width, [*FOUR, train_prediction], (0, 3))
    for label, each in by_width.items():
        alone = train(each, [*FOUR, train_prediction], (0, 3))
        for measure in (*FOUR, train_prediction):
            found = together[measure.quantity.name].sel(setting=label)
            wanted = alone[measure.quantity.name]
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-10)
        assert float(np.ptp(alone["train_loss"].values)) > 0.05  # it has moved


@slow
def test_single_precision_agrees_to_its_rounding_and_minibatches_are_the_same() -> None:
    by_width = {
        str(w): experiment((w,), Adam(0.01), precision="float32", batching=Minibatch(16))
        for w in (3, 6)
    }
    together = train_widths(by_width, [train_loss], (1,))
    for label, each in by_width.items():
        alone = train(each, [train_loss], (1,))["train_loss"]
        found = together["train_loss"].sel(setting=label)
        np.testing.assert_allclose(found, alone, rtol=2e-4)


@slow
def test_weight_decay_leaves_idle_units_idle() -> None:
    each = experiment((5,), Adam(0.01), weight_decay=0.05)
    found = train_widths({"5": each}, [train_loss], (0,))["train_loss"].values[0]
    np.testing.assert_allclose(found, train(each, [train_loss], (0,))["train_loss"], rtol=1e-9)


@pytest.mark.parametrize(
    ("each", "measures", "counts"),
    [
        pytest.param(experiment((5,), Adam(0.01)), FOUR, (11, 16, 45), marks=slow, id="digits"),
        pytest.param(small(5), [train_loss, test_loss], (4,), id="regression"),
    ],
)
def test_a_setting_with_fewer_samples_trains_as_on_a_set_of_them_alone(
    each: Experiment, measures: list[Measure], counts: tuple[int, ...]
) -> None:
    by_count = {str(count): count for count in counts}
    together = train_widths(dict.fromkeys(by_count, each), measures, (0, 2), samples=by_count)
    data = each.task.data()
    for label, count in by_count.items():
        fewer = Data(Batch(data.train.x[:count], data.train.y[:count]), data.test)
        alone = train_widths({"": each}, measures, (0, 2), draw=lambda _, fewer=fewer: fewer)
        for measure in measures:
            name = measure.quantity.name
            found = together[name].sel(setting=label)
            np.testing.assert_allclose(found, alone[name].sel(setting=""), rtol=1e-9, atol=1e-10)


def test_each_seed_can_have_data_of_its_own() -> None:
    by_width = {"4": small(4)}

    def draw(seed: int) -> Data:
        return replace(SMALL, seed=seed).data()

    together = train_widths(by_width, [test_loss], (0, 5), draw=draw)["test_loss"]
    for label, each in by_width.items():
        for seed in (0, 5):
            alone = train(replace(each, task=replace(SMALL, seed=seed)), [test_loss], (seed,))
            found = together.sel(setting=label, seed=seed)
            np.testing.assert_allclose(found, alone["test_loss"].sel(seed=seed), rtol=1e-9)


@slow
def test_several_devices_find_what_one_does(python) -> None:  # type: ignore[no-untyped-def]
    code = """
import jax
jax.config.update("jax_num_cpu_devices", {devices})
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import test_loss
from carnotlab.networks.architectures import mlp
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.training.width_sweep import train_widths
training = Training(GradientDescent(0.1), 9, record=At((9,)), precision="float64")
task = GaussianRegression(3, 7, noise_variance=0.1)
by_width = {{str(w): Experiment(task, mlp(3, (w,), 1), training) for w in (2, 5)}}
found = train_widths(by_width, [test_loss], (0, 1, 2))
print(found["test_loss"].values.ravel().round(12).tolist())
"""
    assert python(code.format(devices=2)) == python(code.format(devices=1))


def test_what_cannot_be_padded_is_refused() -> None:
    network = mlp(64, (3,), 10, activation=Sigmoid())
    one = experiment((3,), Adam(0.01))
    with pytest.raises(OutOfReachError, match="0 at 0"):
        train_widths({"": replace(one, network=network)}, FOUR)
    with pytest.raises(OutOfReachError, match="mean-field"):
        train_widths({"": experiment((3, 3), Adam(0.01), MeanField())}, FOUR)
    with pytest.raises(InputError, match="narrower"):
        widened(one, (2,))
    flow = replace(one, training=Training(GradientFlow(), 1.0, loss=CrossEntropy()))
    with pytest.raises(InputError, match="flow"):
        train_widths({"": flow}, FOUR)
    with pytest.raises(InputError, match="from 1 to 60"):
        train_widths({"": one}, FOUR, samples={"": 61})
    with pytest.raises(InputError, match="FullBatch"):
        train_widths({"": one}, [train_prediction], samples={"": 10})
    with pytest.raises(InputError, match="none twice"):
        train_widths({"": one}, FOUR, (1, 1))
    with pytest.raises(InputError, match="same in all"):
        train_widths({"a": one, "b": experiment((3,), Adam(0.01), record=At((40,)))}, FOUR)


def test_widths_between_two_powers_of_two_share_a_program() -> None:
    from carnotlab.training import width_sweep

    width_sweep._program.cache_clear()  # pyright: ignore[reportPrivateUsage]
    found = train_widths({str(w): small(w) for w in (9, 12, 16, 17)}, [test_loss])
    assert width_sweep._program.cache_info().misses == 2  # pyright: ignore
    assert found["setting"].values.tolist() == ["9", "12", "16", "17"]
