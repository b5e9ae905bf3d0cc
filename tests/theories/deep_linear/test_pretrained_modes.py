"""Modes from a pretrained first layer: whole networks against the closed form."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientFlow
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import given
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import Eigenvalues
from carnotlab.theories.deep_linear.pretrained_modes import PretrainedModes
from carnotlab.training.train import train

THEORY = PretrainedModes()
TASK = LinearMap(
    5,
    4,
    (2.0, 1.0, 0.5),
    input_spectrum=Eigenvalues((1.5, 1.2, 1.0, 0.6, 0.4)),
    basis="aligned",
    samples=6,
    held_out=2,
)


def experiment(first, second, task=TASK):
    network = deep_linear(5, (5,), 4, initialisation=given([first, second]))
    training = Training(GradientFlow(1e-9, 1e-11), 3.0, record=Evenly(13), precision="float64")
    return Experiment(task, network, training)


def gap(described):
    start = described.start((0,))
    predicted = THEORY.predict(described, start)["mode_strength"].values
    seen = train(described, THEORY.measures(described), (0,))["mode_strength"].values
    checks = {check.name: check.holds for check in THEORY.check(described, start)}
    return np.abs(seen - predicted).max(), checks


def turn(seed, size=5):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


def test_a_turned_first_layer_and_an_aligned_second_one_are_exact():
    first = turn(0)
    left, right = TASK.left, TASK.right
    second = (left * np.array([0.01, -0.02, 0.03])) @ (first @ right).T
    found, holds = gap(experiment(first, second))
    assert found < 1e-7
    assert all(holds.values())


def test_a_small_random_second_layer_couples_modes_by_its_size():
    second = np.random.default_rng(1).normal(size=(4, 5))
    sizes = np.array([0.02, 0.01, 0.005])[:, None, None]
    described = experiment(np.stack([turn(0)] * 3), sizes * second)
    start = described.start((0, 1, 2))
    predicted = THEORY.predict(described, start)["mode_strength"].values
    seen = train(described, THEORY.measures(described), (0, 1, 2))["mode_strength"].values
    gaps = np.abs(seen - predicted).max(axis=(1, 2))
    assert gaps[-1] < 0.005
    # At least of the first order in what couples them.
    assert gaps[0] / gaps[2] > 3.5


def test_a_first_layer_that_mixes_the_modes_breaks_it():
    first = np.random.default_rng(2).normal(size=(5, 5)) / np.sqrt(5)
    found, holds = gap(experiment(first, np.full((4, 5), 1e-3)))
    assert found > 0.1
    assert not holds["modes kept apart"]
    found, holds = gap(experiment(turn(0), turn(3)[:4]))
    assert found > 0.1
    assert not holds["small second layer"]
    random = LinearMap(5, 4, (2.0, 1.0), input_spectrum=TASK.input_spectrum, held_out=2)
    mixed = experiment(turn(0), np.full((4, 5), 1e-3), random)
    checks = {check.name: check.holds for check in THEORY.check(mixed, mixed.start((0,)))}
    assert not checks["inputs share the modes"]


def test_refusals():
    described = experiment(turn(0), np.full((4, 5), 1e-3))
    with pytest.raises(InputError, match="pass start"):
        THEORY.predict(described)
    deep = Experiment(TASK, deep_linear(5, (5, 5), 4), described.training)
    with pytest.raises(OutOfReachError, match="two trained layers"):
        THEORY.predict(deep, deep.start((0,)))
