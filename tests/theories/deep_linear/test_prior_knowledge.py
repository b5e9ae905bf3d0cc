"""Prior knowledge: trained networks against the prediction, every assumption, every refusal."""

import dataclasses

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import Adam, GradientDescent, GradientFlow
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.initialisation import Balanced, Gaussian, LambdaBalanced, given
from carnotlab.networks.parameterization import NTK, MeanField
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import Isotropic, PowerLaw
from carnotlab.theories.deep_linear.prior_knowledge import PriorKnowledge, course_on_task
from carnotlab.training.train import train

THEORY = PriorKnowledge()
NAMES = ("mode_strength", "train_prediction", "hidden_similarity_1")


def experiment(start, *, inputs=None, rule=None, duration=4.0, hidden=4):
    task = LinearMap(
        5, 4, (2.0, 1.2, 0.5), input_spectrum=inputs or Isotropic(0.8), samples=7, held_out=4
    )
    rule = rule or GradientFlow(1e-9, 1e-11)
    training = Training(rule, duration, record=Evenly(9), precision="float64")
    return Experiment(task, deep_linear(5, (hidden,), 4, initialisation=start), training)


def gaps(described, theory=THEORY, seeds=(0, 1)):
    """Return the largest difference of each quantity over its largest value, and the checks."""
    start = described.start(seeds)
    predicted = theory.predict(described, start)
    observed = train(described, theory.measures(described), seeds)
    found = {
        name: np.abs(observed[name].values - predicted[name].values).max()
        / np.abs(predicted[name].values).max()
        for name in NAMES
    }
    return found, {check.name: check.holds for check in theory.check(described, start)}


@pytest.mark.parametrize(
    "start",
    [LambdaBalanced(0.0, 0.05), LambdaBalanced(2.0, 0.3), LambdaBalanced(-1.5, 0.3), Balanced(0.3)],
    ids=str,
)
def test_trained_networks_follow_from_their_start(start):
    found, holds = gaps(experiment(start))
    assert max(found.values()) < 1e-6
    assert all(holds.values())


def test_each_assumption_broken_is_seen_and_matters():
    found, holds = gaps(experiment(LambdaBalanced(0.5, 0.1), inputs=PowerLaw(1.0)))
    assert not holds["white inputs"]
    assert holds["λ-balanced start"]
    assert found["mode_strength"] > 0.03
    found, holds = gaps(experiment(Gaussian(1.0)))
    assert not holds["λ-balanced start"]
    assert holds["white inputs"]
    assert found["mode_strength"] > 0.03
    ignored, _ = gaps(experiment(LambdaBalanced(2.0, 0.1)), PriorKnowledge(balance=0.0))
    assert ignored["mode_strength"] > 0.03


def test_descent_is_predicted_to_first_order_in_its_steps():
    errors = []
    for rate in (0.02, 0.01):
        steps = GradientDescent(rate)
        found, holds = gaps(experiment(LambdaBalanced(0.7, 0.2), rule=steps, duration=4.0 / rate))
        errors.append(found["mode_strength"])
        assert holds["small steps"] == (rate < 0.015)
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.1)
    assert errors[0] < 0.02


def test_knowledge_of_one_task_is_the_start_of_the_next():
    """Members of a given ensemble, each with its own past, learn another task as predicted."""
    first = experiment(LambdaBalanced(0.3, 0.2), duration=2.0)
    start = first.start((0, 1))
    pasts = [
        course_on_task(first.task, np.array([2.0]), layers).end
        for layers in zip(*(np.asarray(layer["weight"]) for layer in start), strict=True)
    ]
    known = given([np.stack(layer) for layer in zip(*pasts, strict=True)])
    task = dataclasses.replace(first.task, seed=5)
    switched = dataclasses.replace(
        first, task=task, network=deep_linear(5, (4,), 4, initialisation=known)
    )
    found, holds = gaps(switched)
    assert max(found.values()) < 1e-6
    assert all(holds.values())
    with pytest.raises(InputError, match=r"seed 2 of a start given for 2 members"):
        switched.start((2,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": deep_linear(5, (4, 4), 4)}, "two trained layers"),
        ({"network": dataclasses.replace(deep_linear(5, (4,), 4), frozen=1)}, "1 of them frozen"),
        ({"network": mlp(5, (4,), 4)}, "activation Relu"),
        ({"training": Training(Adam(), 5)}, "Adam"),
        ({"training": Training(weight_decay=0.1)}, "weight_decay"),
    ],
)
def test_refusals(changes, message):
    described = dataclasses.replace(experiment(LambdaBalanced()), **changes)
    with pytest.raises(OutOfReachError, match=message):
        THEORY.predict(described, described.start((0,)))


def test_the_start_is_needed():
    with pytest.raises(InputError, match="pass start"):
        THEORY.predict(experiment(LambdaBalanced()))


def test_other_learning_rates_or_multipliers_of_layers_are_refused():
    """Stored weights that are multiplied move their matrices at another rate."""
    for kind in (NTK(), MeanField()):
        network = dataclasses.replace(
            deep_linear(5, (4,), 4, initialisation=LambdaBalanced(0.5, 0.1)), parameterization=kind
        )
        described = dataclasses.replace(experiment(LambdaBalanced()), network=network)
        with pytest.raises(OutOfReachError, match=r"use Standard\(\)"):
            THEORY.predict(described, described.start((0,)))
