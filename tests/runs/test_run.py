"""Runs: what identifies them, what is kept, and that nothing is computed twice."""

import dataclasses
import json

import jax
import numpy as np
import pytest
import xarray as xr

from carnotlab.core.errors import OutOfReachError
from carnotlab.experiment.rules import Adam
from carnotlab.measures.kernel_change import kernel_change
from carnotlab.measures.losses import train_loss as training_loss
from carnotlab.measures.weights import weight_norm
from carnotlab.networks.architectures import deep_linear
from carnotlab.runs import run as module
from carnotlab.runs.run import Run, RunResult, execute
from carnotlab.runs.store import Store
from carnotlab.studies.noise.balance_run import BalanceRun
from carnotlab.studies.online_learning.replay_run import ReplayRun
from carnotlab.theories.tangent_kernel_limit import TangentKernelLimit


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture(scope="module")
def result(run):
    return execute(dataclasses.replace(run, measures=(training_loss,)))


def test_a_run_predicts_trains_and_checks(result, run):
    assert not result.cached
    assert result.seconds > 0
    assert set(result.prediction) == {"mode_strength"}
    assert {"mode_strength", "train_loss", "diverged_at"} <= set(result.observation)
    assert result.observation["seed"].values.tolist() == [0, 1]
    assert [check.name for check in result.checks] == [
        assumption.name for assumption in run.theory.assumptions
    ]


def test_a_result_survives_its_tree(result):
    again = RunResult.from_xarray(result.to_xarray())
    assert again.cached
    assert again.checks == result.checks
    assert again.seconds == result.seconds
    xr.testing.assert_identical(again.prediction, result.prediction)
    xr.testing.assert_identical(again.observation, result.observation)


def test_a_second_execution_trains_nothing(run, store, monkeypatch):
    first = execute(run, store)

    def refuse(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(module, "train", refuse)
    monkeypatch.setattr(type(run.theory), "predict", refuse)
    done = []
    second = execute(run, store, done.append)
    assert done == [1.0]
    assert second.cached
    assert not first.cached
    assert second.checks == first.checks
    for part in ("prediction", "observation"):
        xr.testing.assert_identical(getattr(second, part), getattr(first, part))
    # The guard guards: another run is trained.
    with pytest.raises(AssertionError, match="trained again"):
        execute(dataclasses.replace(run, seeds=(5,)), store)


def test_progress_of_a_run_ends_at_one(run):
    done = []
    execute(run, progress=done.append)
    assert done[-1] == 1.0
    assert done == sorted(done)


def test_the_key_changes_with_whatever_changes_the_result(run, monkeypatch):
    training = run.experiment.training

    def trained(**changes):
        other = dataclasses.replace(training, **changes)
        return dataclasses.replace(
            run, experiment=dataclasses.replace(run.experiment, training=other)
        )

    network = deep_linear(3, (5,), 2, initialisation=run.experiment.network.initialisation)
    probe = np.eye(3)
    others = [
        trained(duration=31),
        trained(precision="float64"),
        trained(weight_decay=0.1),
        trained(rule=Adam()),
        dataclasses.replace(run, experiment=dataclasses.replace(run.experiment, network=network)),
        dataclasses.replace(run, seeds=(0, 2)),
        dataclasses.replace(run, seeds=(1, 0)),
        dataclasses.replace(run, theory=TangentKernelLimit()),
        dataclasses.replace(run, theory=TangentKernelLimit(probe=3)),
        dataclasses.replace(run, measures=(training_loss,)),
        dataclasses.replace(run, measures=(weight_norm,)),
        # Two measures of one name that differ in a setting.
        dataclasses.replace(run, measures=(kernel_change(probe),)),
        dataclasses.replace(run, measures=(kernel_change(2 * probe),)),
    ]
    keys = [run.key, *(other.key for other in others)]
    monkeypatch.setattr(module, "code_digest", lambda: "another program")
    keys.append(run.key)
    monkeypatch.undo()
    monkeypatch.setattr(jax, "__version__", "0.0.1")
    keys.append(run.key)
    monkeypatch.undo()
    assert len(set(keys)) == len(keys)
    assert dataclasses.replace(run).key == run.key


def test_keys_follow_the_code_of_what_computes_beside_the_layers(monkeypatch):
    def keys(noise):
        monkeypatch.setattr(
            module,
            "code_digest",
            lambda folders=(): noise if folders == ("studies/noise",) else "as it was",
        )
        return [module.result_key(kind, 1) for kind in (BalanceRun, ReplayRun)]

    before, after = keys("before"), keys("edited")
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_what_a_theory_refuses_is_neither_trained_nor_stored(run, store, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("trained")

    monkeypatch.setattr(module, "train", refuse)
    training = dataclasses.replace(run.experiment.training, rule=Adam())
    experiment = dataclasses.replace(run.experiment, training=training)
    with pytest.raises(OutOfReachError, match="the rule Adam"):
        execute(Run(experiment, run.theory, (0,)), store)
    assert list(store.root.iterdir()) == []


def test_the_tree_holds_labelled_plain_data(result):
    tree = result.to_xarray()
    assert set(tree.children) == {"prediction", "observation", "checks"}
    assert tree["observation/mode_strength"].attrs["units"] == "1"
    assert json.dumps(tree["checks"].attrs)


def test_a_mean_over_what_was_read_is_that_over_what_was_computed(tmp_path):
    """Sums over arrays of the same numbers round otherwise where these lie in another order."""
    random = np.random.default_rng(0)
    across = np.asfortranarray(random.normal(size=(37, 53, 11)))
    assert (
        np.mean(across, axis=(0, 1)).tobytes()
        != np.mean(np.ascontiguousarray(across), axis=(0, 1)).tobytes()
    )  # else there is nothing to test
    data = xr.Dataset({"u": (("seed", "time", "mode"), across, {"units": "1"})})
    result = RunResult(data, data.rename(u="v"), (), 0.0)
    store = Store(tmp_path)
    store.save("k", result.to_xarray())
    read = RunResult.from_xarray(store.load("k"))
    for one, other in (
        (result.prediction["u"], read.prediction["u"]),
        (result.observation["v"], read.observation["v"]),
    ):
        assert np.mean(one.values, axis=(0, 1)).tobytes() == np.mean(
            other.values, axis=(0, 1)
        ).tobytes()  # fmt: skip
        assert one.attrs == {"units": "1"}
