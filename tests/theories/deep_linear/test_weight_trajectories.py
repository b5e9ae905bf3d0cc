"""Every weight of every layer against trained networks and a solver of all layers."""

import numpy as np
import pytest
from layer_flow import layers_by_solver

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent, GradientFlow
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned, Balanced
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import PowerLaw
from carnotlab.tasks.statistics import (
    input_covariance,
    input_output_correlation,
    input_output_modes,
)
from carnotlab.theories.deep_linear.mode_dynamics import strength_at
from carnotlab.theories.deep_linear.weight_trajectories import (
    WeightTrajectories,
    chain_courses,
    chains_of,
    weight_courses,
)
from carnotlab.training.train import train

THEORY = WeightTrajectories()
TASK = LinearMap(5, 4, (3.0, 2.0, 1.0), input_spectrum=PowerLaw(0.5), basis="aligned", held_out=4)
HIDDEN = {1: (), 2: (6,), 3: (5, 7), 4: (6, 4, 5)}
TIMES = np.linspace(0.0, 3.0, 7)


def aligned(depth, strengths, seed=0):
    """Chain of layers with given strengths [layer, mode] in random bases between the ends."""
    random = np.random.default_rng(seed)
    modes = input_output_modes(TASK)
    bases = [
        modes.right,
        *(np.linalg.qr(random.standard_normal((units, 3)))[0] for units in HIDDEN[depth]),
        modes.left,
    ]
    return [
        (after * strength) @ before.T
        for strength, before, after in zip(strengths, bases[:-1], bases[1:], strict=True)
    ]


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["balanced", "unbalanced", "of both signs"])
def test_flow_of_every_layer(depth, kind):
    random = np.random.default_rng(depth)
    strengths = np.full((depth, 3), 0.4 ** (1 / depth))
    if kind != "balanced":
        strengths = random.uniform(0.2, 1.2, (depth, 3))
    if kind == "of both signs":
        strengths *= random.choice([-1.0, 1.0], (depth, 3))
    factors = aligned(depth, strengths)
    covariance, correlation = input_covariance(TASK), input_output_correlation(TASK)
    modes = input_output_modes(TASK)
    power = np.sum(modes.right * (covariance @ modes.right), axis=0)
    expected = layers_by_solver(factors, correlation, covariance, TIMES)
    courses = weight_courses(factors, modes, power, TIMES)
    for layer, course in enumerate(courses):
        seen = np.stack([now[layer] for now in expected])
        assert course.shape == seen.shape
        assert np.abs(course - seen).max() < 1e-6
        assert np.abs(seen[-1] - seen[0]).max() > 0.1


def test_balanced_chains_have_the_closed_form_and_others_conserve_their_differences():
    s, d = np.array([2.0, 1.2, 0.7]), np.array([1.0, 0.5, 1.6])
    for depth in (2, 3, 4):
        start = np.full((depth, 3), 0.3)
        closed = chain_courses(start, s, d, TIMES)
        np.testing.assert_allclose(
            np.prod(closed, axis=1), strength_at(TIMES, depth, s, 0.3**depth * np.ones(3), d)
        )
        solved = chain_courses(start * (1.0 + 1e-12 * np.arange(depth)[:, None]), s, d, TIMES)
        np.testing.assert_allclose(solved, closed, rtol=1e-9)
        bent = chain_courses(np.linspace(0.1, 0.9, depth)[:, None] * np.ones(3), s, d, TIMES)
        squares = bent[:, 1:] ** 2 - bent[:, :-1] ** 2
        np.testing.assert_allclose(squares, np.broadcast_to(squares[:1], squares.shape), atol=1e-9)


def test_unbalanced_pair_by_its_formula():
    r"""t = ln[(q+c+2s tanh(x/2)) / (q-c-2s tanh(x/2))] / q with c = a^2-b^2, ab = (c/2) sinh x."""
    s, a, b = 1.4, 1.0, 0.01
    c = a * a - b * b
    q = np.hypot(c, 2 * s)

    def clock(u):
        tanh = np.tanh(0.5 * np.arcsinh(2 * u / c))
        return np.log((q + c + 2 * s * tanh) / (q - c - 2 * s * tanh)) / q

    u = np.linspace(0.05, 1.35, 7)
    start = np.outer([b, a], np.ones(3))
    courses = chain_courses(start, np.full(3, s), np.ones(3), clock(u) - clock(a * b))
    np.testing.assert_allclose(np.prod(courses, axis=1)[:, 0], u, rtol=1e-8)


def test_a_chain_of_the_wrong_sign_stops_at_the_saddle():
    start = np.outer([0.5, -0.5], np.ones(3))
    courses = chain_courses(start, np.ones(3), np.ones(3), 10.0 * TIMES)
    assert np.abs(courses[-1]).max() < 1e-6


def described(depth, rule, duration, start=None, **training):
    network = deep_linear(5, HIDDEN[depth], 4, initialisation=start or Aligned(0.1))
    settings = {"record": Evenly(7), "precision": "float64"} | training
    return Experiment(TASK, network, Training(rule, duration, **settings))


@pytest.mark.parametrize(
    ("depth", "rule"),
    [
        pytest.param(2, GradientFlow(1e-10, 1e-12), marks=pytest.mark.slow),
        (3, GradientFlow(1e-10, 1e-12)),
        (2, GradientDescent(0.1)),
        pytest.param(3, GradientDescent(0.1), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_trained_networks(depth, rule):
    """Flow, and descent in steps so coarse that flow is far off: the chain makes the same steps."""
    experiment = described(depth, rule, 3.0 if isinstance(rule, GradientFlow) else 30)
    start = experiment.start((0, 1))
    predicted = THEORY.predict(experiment, start)["every_weight"].values
    observed = train(experiment, THEORY.measures(experiment), (0, 1))["every_weight"].values
    assert np.abs(observed - predicted).max() < 1e-6
    assert np.abs(observed[:, -1] - observed[:, 0]).max() > 0.3
    assert all(check.holds for check in THEORY.check(experiment, start))
    if isinstance(rule, GradientDescent):
        flow = described(depth, GradientFlow(), 3.0)
        assert np.abs(THEORY.predict(flow, start)["every_weight"] - observed).max() > 0.01


def test_a_start_that_is_not_aligned_is_seen_and_fails():
    experiment = described(3, GradientDescent(0.1), 30, Balanced(0.3))
    start = experiment.start((0,))
    assert not THEORY.check(experiment, start)[1].holds
    predicted = THEORY.predict(experiment, start)["every_weight"].values
    observed = train(experiment, THEORY.measures(experiment), (0,))["every_weight"].values
    assert np.abs(observed - predicted).max() > 0.1


def test_refusals():
    factors = aligned(2, np.ones((2, 3)))
    modes = input_output_modes(TASK)
    assert chains_of(factors, modes).remainder < 1e-12
    factors[0] = factors[0] + 0.01
    with pytest.raises(InputError, match="aligned chains"):
        weight_courses(factors, modes, np.ones(3), TIMES)
    with pytest.raises(OutOfReachError, match="diverge"):
        chain_courses(2.0 * np.ones((3, 1)), np.ones(1), np.ones(1), np.arange(30.0), rate=1.0)
