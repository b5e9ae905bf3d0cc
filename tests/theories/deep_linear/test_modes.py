"""Modes of deep linear networks: whole networks against the closed form, and every assumption."""

import dataclasses

import jax
import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import Adam, GradientDescent, GradientFlow
from carnotlab.experiment.schedules import Cosine
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import EarlyStopping, Training
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.initialisation import Aligned, Balanced, Gaussian
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import PowerLaw
from carnotlab.theories.deep_linear.mode_dynamics import strength_at
from carnotlab.theories.deep_linear.modes import DeepLinearModes
from carnotlab.training.train import train

THEORY = DeepLinearModes()
WHITE = LinearMap(5, 4, (3.0, 2.0, 1.0), held_out=4)
COLOURED = LinearMap(
    5, 4, (3.0, 2.0, 1.0), input_spectrum=PowerLaw(0.5), basis="aligned", held_out=4
)
HIDDEN = {1: (), 2: (7,), 3: (6, 4), 4: (3, 8, 5), 5: (4, 6, 3, 7)}


def experiment(depth=2, task=WHITE, start=None, rule=None, duration=40, hidden=None, **training):
    hidden = HIDDEN[depth] if hidden is None else hidden
    network = deep_linear(5, hidden, 4, initialisation=start or Aligned(0.1))
    settings = {"record": Evenly(21), "precision": "float64"} | training
    return Experiment(task, network, Training(rule or GradientDescent(0.01), duration, **settings))


def strengths(result):
    return result["mode_strength"].values


def both(described, seeds=(0,)):
    """Return prediction and observation of one experiment."""
    start = described.start(seeds)
    return (
        strengths(THEORY.predict(described, start)),
        strengths(train(described, THEORY.measures(described), seeds)),
    )


@pytest.mark.parametrize(
    ("depth", "task"), [(1, COLOURED), (2, COLOURED), (3, WHITE), (4, COLOURED), (5, WHITE)]
)
def test_gradient_flow_of_whole_networks(depth, task):
    """Weight matrices of unequal widths, nothing decoupled by hand."""
    flow = experiment(depth, task, Aligned(0.2), GradientFlow(1e-10, 1e-12), 2.5, record=Evenly(6))
    predicted, observed = both(flow)
    relative = np.abs(observed[0] / predicted - 1).max()
    assert relative < 1e-6
    assert observed[0, -1, 0] > 0.9 * 3.0
    # The neighbouring depth is another course altogether.
    other = experiment(depth + 1 if depth < 5 else 4, task, Aligned(0.2), flow.training.rule, 2.5)
    other = dataclasses.replace(other, training=flow.training)
    assert np.abs(strengths(THEORY.predict(other)) / predicted - 1).max() > 0.05


def half_times(times, courses, final):
    return np.array(
        [np.interp(0.5 * f, course, times) for f, course in zip(final, courses.T, strict=True)]
    )


@pytest.mark.parametrize("depth", [2, 3])
def test_half_times_of_descent(depth):
    """Within 2 % after the correction for the step, and worse without it."""
    rate = 0.08 / 3 / (depth / 2)
    steps = 250 if depth == 2 else 700
    descent = experiment(
        depth, start=Aligned(1e-3), rule=GradientDescent(rate), duration=steps, record=Evenly(steps)
    )
    predicted, observed = both(descent)
    times, final = descent.training.flow_times, np.array([3.0, 2.0, 1.0])
    flow = strength_at(times, depth, final, np.full(3, 1e-3), np.ones(3))
    seen = half_times(times, observed[0], final)
    corrected = np.abs(half_times(times, predicted, final) / seen - 1)
    plain = np.abs(half_times(times, flow, final) / seen - 1)
    assert corrected.max() < 0.02
    # The correction is of first order in the step and what it leaves of second.
    assert (plain > 5 * corrected).all()
    assert plain.max() > 0.01


def test_small_random_starts_at_depth_two():
    """Half-times within 1 % of those from the growing part |(W1 v + W2' u) / 2|^2 of the start.

    A mode loses what its hidden direction shares with those of stronger modes, cos^2 of the angle
    between random directions, 1 / width on average and ten times that at worst: of the half-time
    that is cos^2 / ln(s / u0), 10 / 256 / 8 = 0.5 %. In narrow networks it is more.
    """
    flow = experiment(
        start=Gaussian(1e-2),
        rule=GradientFlow(1e-8, 1e-12),
        duration=10.0,
        hidden=(256,),
        record=Evenly(400),
    )
    predicted, observed = both(flow, (0, 1))
    times, final = flow.training.times, np.array([3.0, 2.0, 1.0])
    for seed in range(2):
        error = half_times(times, predicted[seed], final) / half_times(times, observed[seed], final)
        assert np.abs(error - 1).max() < 0.01
    # Members differ: the start is really used.
    assert np.abs(predicted[0] - predicted[1]).max() > 0.01


def checks(described, start=None):
    start = described.start((0, 1)) if start is None else start
    return {check.name: check for check in THEORY.check(described, start)}


NAMES = ("inputs share the modes", "start within the modes", "balanced start", "small steps")


@pytest.mark.parametrize(
    ("depth", "task"), [(1, WHITE), (2, COLOURED), (3, WHITE), (4, COLOURED), (5, COLOURED)]
)
def test_every_assumption_holds_where_the_theory_was_derived(depth, task):
    found = checks(experiment(depth, task, rule=GradientDescent(1e-3)))
    assert tuple(found) == NAMES
    assert all(check.holds for check in found.values())
    assert found["inputs share the modes"].value < 1e-10
    assert found["start within the modes"].value < 1e-10
    assert found["balanced start"].value < 1e-10


def scaled(start, factor):
    """The same map with its first layer larger and its second smaller."""
    first, second, *rest = jax.tree.map(np.asarray, start)
    return (
        {"weight": factor * first["weight"]},
        {"weight": second["weight"] / factor},
        *rest,
    )


def broken(name):
    skewed = dataclasses.replace(COLOURED, basis="random")
    mixed = experiment(3, start=Balanced(0.1))
    large = experiment(rule=GradientDescent(0.1))
    unbalanced = experiment()
    return {
        "inputs share the modes": (experiment(task=skewed), None),
        "start within the modes": (mixed, None),
        "balanced start": (unbalanced, scaled(unbalanced.start((0, 1)), 3.0)),
        "small steps": (large, None),
    }[name]


@pytest.mark.parametrize("name", NAMES)
def test_each_assumption_reacts_when_it_is_broken_and_the_others_do_not(name):
    found = checks(*broken(name))
    assert not found[name].holds
    assert all(check.holds for other, check in found.items() if other != name)


def test_measures_of_assumptions_by_hand():
    """Step size: eta D d (s/d)^(2 - 2/D) for the strongest mode; imbalance by its definition."""
    assert checks(experiment(3))["small steps"].value == pytest.approx(
        0.01 * 3 * 3.0 ** (4 / 3), rel=1e-9
    )
    described = experiment(rule=GradientDescent(0.01))
    start = scaled(described.start((0,)), 3.0)
    # Both layers have three singular values sqrt(0.1), made 3 and 1/3 times as large.
    gap = np.sqrt(3) * 0.1 * (9 - 1 / 9)
    assert checks(described, start)["balanced start"].value == pytest.approx(
        gap / np.linalg.norm([3.0, 2.0, 1.0]), rel=1e-9
    )


def test_one_bad_seed_breaks_an_assumption():
    described = experiment(3)
    good = described.start((0, 1))
    bad = jax.tree.map(lambda w: np.stack([w[0], np.full_like(w[1], np.nan)]), good)
    assert checks(described, good)["balanced start"].holds
    for name in ("balanced start", "start within the modes"):
        assert np.isnan(checks(described, bad)[name].value)
        assert not checks(described, bad)[name].holds


def test_nothing_is_used_but_description_and_start():
    aligned = experiment()
    alone = strengths(THEORY.predict(aligned))
    for seeds in ((0,), (7, 8)):
        np.testing.assert_array_equal(
            strengths(THEORY.predict(aligned, aligned.start(seeds))), alone
        )
    other_samples = experiment(task=dataclasses.replace(WHITE, held_out=9))
    np.testing.assert_array_equal(strengths(THEORY.predict(other_samples)), alone)
    random = experiment(start=Balanced(0.1))
    pair = strengths(THEORY.predict(random, random.start((3, 4))))
    single = strengths(THEORY.predict(random, random.start((4,))))
    assert pair.shape == (2, 21, 3)
    np.testing.assert_allclose(pair[1], single[0], rtol=1e-12)


CLASSES = Digits(30, 10, classes=(0, 1))


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (
            Experiment(WHITE, mlp(5, (4,), 4), Training()),
            r"the activation Relu in the linear reading",
        ),
        (
            Experiment(CLASSES, deep_linear(64, (4,), 2), Training(loss=CrossEntropy())),
            r"CrossEntropy\(\) for deep_linear_modes.*use SquaredError\(\)",
        ),
        (experiment(batching=Minibatch(2)), r"Minibatch.* for deep_linear_modes.*FullBatch"),
        (experiment(schedule=Cosine()), r"Cosine.*use Constant\(\)"),
        (experiment(early_stopping=EarlyStopping()), r"early_stopping=None"),
        (experiment(rule=Adam()), r"the rule Adam for deep_linear_modes.*use GradientDescent"),
        (experiment(rule=GradientDescent(0.1, 0.9)), r"momentum = 0.9.*set momentum=0"),
        (experiment(weight_decay=0.1), r"weight_decay = 0.1 for deep_linear_modes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_out_of_reach_is_refused(described, message):
    with pytest.raises(OutOfReachError, match=message):
        THEORY.predict(described)


def test_a_random_start_needs_its_weights():
    with pytest.raises(InputError, match=r"a random start without its weights.*experiment.start"):
        THEORY.predict(experiment(start=Gaussian()))
