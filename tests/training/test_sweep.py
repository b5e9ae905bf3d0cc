"""Which settings share one program, and the numbers in which they differ."""

import dataclasses

import pytest

from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import Adam, GradientDescent
from carnotlab.experiment.schedules import Exponential
from carnotlab.experiment.training import Training
from carnotlab.networks.activations import LeakyRelu
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import MeanField
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.training.sweep import (
    by_skeleton,
    differing_numbers,
    number_at,
    rebuild,
    skeleton,
    with_numbers,
)

TASK = LinearMap(3, 2, (1.0,), held_out=2)
RATE = ("training", "rule", "learning_rate")


def experiment(rule=None, width=4, task=TASK, parameterization=None, slope=0.1, **training):
    network = mlp(
        3,
        (width,),
        2,
        activation=LeakyRelu(slope),
        parameterization=MeanField() if parameterization is None else parameterization,
    )
    return Experiment(task, network, Training(rule or GradientDescent(0.1, 0.5), **training))


def test_numbers_alone_share_a_program():
    group = [
        experiment(),
        experiment(GradientDescent(0.2, 0.5)),
        experiment(GradientDescent(0.2, 0.9)),
        experiment(slope=0.3),
        experiment(parameterization=MeanField(0.25)),
    ]
    assert len({skeleton(each) for each in group}) == 1
    assert set(differing_numbers(group)) == {
        RATE,
        ("training", "rule", "momentum"),
        ("network", "layers", 1, "slope"),
        ("network", "parameterization", "richness"),
    }


@pytest.mark.parametrize(
    "other",
    [
        experiment(width=5),
        experiment(Adam(0.1)),
        experiment(GradientDescent(0.1)),
        experiment(GradientDescent(0.1, 0.5, nesterov=True)),
        experiment(weight_decay=0.1),
        experiment(duration=7),
        experiment(schedule=Exponential(0.9)),
        experiment(precision="float64"),
        experiment(task=dataclasses.replace(TASK, strengths=(2.0,))),
    ],
    ids=["width", "rule", "momentum", "kind", "decay", "duration", "schedule", "precision", "task"],
)
def test_structure_does_not(other):
    assert skeleton(other) != skeleton(experiment())
    faster = experiment(GradientDescent(0.2, 0.5))
    groups = by_skeleton({"one": experiment(), "other": other, "faster": faster})
    assert [list(group) for group in groups] == [["one", "faster"], ["other"]]
    assert differing_numbers(list(groups[0].values())) == (RATE,)


def test_experiments_are_rebuilt_from_their_numbers():
    one, two = experiment(), experiment(GradientDescent(0.3, 0.9), slope=0.7)
    paths = differing_numbers([one, two])
    assert rebuild(one, paths)(tuple(number_at(two, path) for path in paths)) == two
    assert rebuild(one, paths)(tuple(number_at(one, path) for path in paths)) == one


def test_numbers_are_replaced_without_touching_the_original():
    one = experiment()
    other = with_numbers(one, {RATE: 7.0})
    assert other.training.rule.learning_rate == 7.0
    assert one.training.rule.learning_rate == 0.1
    assert (
        dataclasses.replace(
            other, training=dataclasses.replace(other.training, rule=one.training.rule)
        )
        == one
    )
    assert with_numbers(one, {}) is one
