"""Ensembles: reproducible to the bit, the same alone and together, on one device and on several."""

import hashlib
import itertools
import json

import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.batching import Minibatch, Online
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import Adam, GradientDescent, GradientFlow
from carnotlab.experiment.schedules import Cosine
from carnotlab.experiment.times import At, Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure
from carnotlab.measures.losses import test_loss as held_out_loss
from carnotlab.measures.losses import train_loss as training_loss
from carnotlab.measures.losses import train_prediction as training_outputs
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import MeanField
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.training.train import train, train_sweep

TASK = GaussianRegression(3, samples=8, outputs=2, held_out=4)
MEASURES = (training_outputs, training_loss)

# Run here and in fresh processes; prints a digest, or the numbers.
PROGRAM = """
import hashlib, json
import jax
{setup}
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import train_loss, train_prediction
from carnotlab.networks.architectures import mlp
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.training.train import train
task = GaussianRegression(3, samples=8, outputs=2, held_out=4)
rule = GradientDescent(0.1, 0.9)
training = Training(rule, 30, batching=Minibatch(3, True), record=Evenly(4))
done = []
seen = train(
    Experiment(task, mlp(3, (16,), 2), training),
    [train_prediction, train_loss],
    (0, 1, 5),
    progress=done.append,
)
values = seen["train_prediction"].values
result = {{
    "devices": len(jax.devices()),
    "digest": hashlib.sha256(values.tobytes()).hexdigest(),
    "values": values.tolist(),
    "progress": done,
}}
print(json.dumps(result))
"""


def build(rate=0.1, width=4, duration=20, *, momentum=0.0, **training):
    return Experiment(
        TASK,
        mlp(3, (width,), 2),
        Training(GradientDescent(rate, momentum), duration, **{"record": Evenly(5)} | training),
    )


def rising(parts):
    return all(a < b for a, b in itertools.pairwise(parts))


@pytest.fixture(scope="module")
def here(python):
    return json.loads(python(PROGRAM.format(setup="")))


def test_the_same_seed_gives_the_same_bits_twice_and_in_a_fresh_process(here):
    training = Training(
        GradientDescent(0.1, 0.9), 30, batching=Minibatch(3, True), record=Evenly(4)
    )
    experiment = Experiment(TASK, mlp(3, (16,), 2), training)
    runs = [train(experiment, MEASURES, (0, 1, 5))["train_prediction"].values for _ in range(2)]
    digests = {hashlib.sha256(run.tobytes()).hexdigest() for run in runs}
    assert digests == {here["digest"]}
    assert not np.array_equal(runs[0][0], runs[0][1])


def test_members_spread_over_two_devices_are_the_same(here, python):
    """Three members on two devices: one is padding, and dropped again."""
    there = json.loads(python(PROGRAM.format(setup='jax.config.update("jax_num_cpu_devices", 2)')))
    assert here["devices"] == 1
    assert there["devices"] == 2
    # Programs of two members a device and of three sum in other orders: single precision's 6e-8,
    # in sums of 16 terms and over 30 steps.
    np.testing.assert_allclose(there["values"], here["values"], rtol=1e-4, atol=1e-5)
    for run in (here, there):
        assert rising(run["progress"])
        assert run["progress"][-1] == 1.0
        assert len(run["progress"]) >= 4


FLOW = """
import json
import jax
jax.config.update("jax_num_cpu_devices", {devices})
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientFlow
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import train_loss
from carnotlab.networks.architectures import mlp
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.training.train import train
task = GaussianRegression(3, samples=8, outputs=2, held_out=4)
flow = Training(GradientFlow(rtol=1e-6), 2.0, record=Evenly(3), precision="float64")
seen = train(Experiment(task, mlp(3, (4,), 2), flow), [train_loss], (0, 1, 5))
assert len(jax.devices()) == {devices}
print(json.dumps(seen["train_loss"].values.tolist()))
"""


@pytest.mark.slow
def test_flows_spread_over_two_devices_are_the_same(python):
    one, two = (json.loads(python(FLOW.format(devices=number))) for number in (1, 2))
    # The solver chooses the same steps up to rounding.
    np.testing.assert_allclose(two, one, rtol=1e-10)


def test_a_member_is_the_same_alone_and_in_an_ensemble():
    # Not to the bit: a batched product of matrices may sum in another order than a single one.
    # Single precision, sums of a few terms, 20 stable steps.
    batching = Minibatch(3, replacement=True)
    together = train(build(batching=batching), MEASURES, (0, 4, 7))
    alone = train(build(batching=batching), MEASURES, (4,))
    for name in ("train_prediction", "train_loss"):
        np.testing.assert_allclose(
            together[name].sel(seed=4).values, alone[name].sel(seed=4).values, rtol=1e-5, atol=1e-6
        )
    far = together["train_prediction"].sel(seed=7) - alone["train_prediction"].sel(seed=4)
    assert np.abs(far.values).max() > 0.1


def test_settings_of_one_program_give_what_single_programs_give():
    def settings(rate, momentum, decay, richness):
        network = mlp(3, (4,), 2, parameterization=MeanField(richness))
        training = Training(
            GradientDescent(rate, momentum),
            20,
            weight_decay=decay,
            record=Evenly(5),
            precision="float64",
        )
        return Experiment(TASK, network, training)

    every = {"a": settings(0.1, 0.9, 0.1, 0.5), "b": settings(0.05, 0.5, 0.3, 2.0)}
    swept = train_sweep(every, MEASURES, (0, 1))
    for label, experiment in every.items():
        single = train(experiment, MEASURES, (0, 1))
        for name in ("train_prediction", "train_loss"):
            np.testing.assert_allclose(
                swept[name].sel(setting=label).values, single[name].values, rtol=1e-11
            )
    assert "flow_time" not in swept.coords
    assert single.attrs["experiment"] == every["b"].key


def test_different_structures_are_grouped_and_come_back_in_order():
    every = {"wide": build(width=6), "slow": build(0.05), "fast": build(0.2)}
    done = []
    swept = train_sweep(every, MEASURES, (0, 1), progress=done.append)
    assert swept["setting"].values.tolist() == ["wide", "slow", "fast"]
    assert rising(done)
    assert done[-1] == 1.0
    # Two programs: the first ends at one half.
    assert 0.5 in done
    single = train(every["wide"], MEASURES, (0, 1))
    np.testing.assert_allclose(
        swept["train_loss"].sel(setting="wide").values, single["train_loss"].values, rtol=1e-5
    )
    assert swept["train_loss"].dims == ("setting", "seed", "time")


def test_results_are_labelled():
    seen = train(build(batching=Minibatch(4, True)), [training_outputs], (3, 1))
    assert seen["train_prediction"].dims == ("seed", "time", "train_sample", "output")
    assert seen["seed"].values.tolist() == [3, 1]
    assert seen["time"].attrs["units"] == "steps"
    assert seen["epochs"].values.tolist() == [0.0, 2.5, 5.0, 7.5, 10.0]
    np.testing.assert_allclose(seen["flow_time"].values, 0.1 * seen["time"].values)
    assert seen["diverged_at"].values.tolist() == [-1, -1]
    assert seen["train_prediction"].attrs["units"] == "1"


def test_flow_time_is_given_only_where_a_step_is_one():
    for training in (
        {"momentum": 0.5},
        {"schedule": Cosine()},
    ):
        assert "flow_time" not in train(build(duration=1, **training), [training_loss]).coords
    adam = Experiment(TASK, mlp(3, (4,), 2), Training(Adam(), 1))
    assert "flow_time" not in train(adam, [training_loss]).coords


def test_progress_of_a_flow_ends_at_one():
    flow = Training(GradientFlow(rtol=1e-4), 0.1, record=At((0.1,)))
    done = []
    train(Experiment(TASK, mlp(3, (4,), 2), flow), [training_loss], progress=done.append)
    assert done == [1.0]


def test_cross_entropy_learns_classes():
    task = Digits(20, 10, classes=(0, 1))
    training = Training(GradientDescent(0.5), 200, loss=CrossEntropy(), record=Evenly(3))
    losses = train(Experiment(task, mlp(64, (8,), 2), training), [training_loss])["train_loss"]
    assert losses.values[0, -1] < 0.1 * losses.values[0, 0]


WRONG = Measure(Quantity("wrong", ("mode",), "1", "a number"), lambda state, data: jnp.zeros(()))


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: train(build(), MEASURES, ()), r"seeds = \(\); required: at least one seed"),
        (lambda: train(build(), MEASURES, (1, 1)), r"seeds = \(1, 1\).*none twice"),
        (lambda: train(build(), MEASURES, (2**31,)), r"from 0 to 2147483647"),
        (
            lambda: train(build(), [held_out_loss, held_out_loss]),
            r"measures \['test_loss', 'test_loss'\]; required: different names",
        ),
        (lambda: train_sweep({}, MEASURES), r"no experiments"),
        (
            lambda: train_sweep({"a": build(), "b": build(duration=10)}, MEASURES),
            r"settings with 2 different sets of record times.*the same times in all",
        ),
        (
            lambda: train(build(duration=1), [WRONG]),
            r"wrong of shape \(\); required: dimensions \('mode',\)",
        ),
        (lambda: build(batching=Minibatch(9)), r"batches of 9 from 8 samples"),
        (
            lambda: Experiment(Digits(20, 10), mlp(64, (4,), 10), Training(batching=Online(2))),
            r"online sampling from Digits",
        ),
    ],
)
def test_refusals(run, message):
    with pytest.raises(InputError, match=message):
        run()
