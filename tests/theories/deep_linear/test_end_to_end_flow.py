"""End-to-end flow against networks' own gradient flow, against factors, and in its limits."""

import jax.numpy as jnp
import numpy as np
import pytest
from layer_flow import balanced, product, products_by_solver, velocity_of_layers
from scipy.linalg import fractional_matrix_power

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import Adam, GradientDescent, GradientFlow
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.initialisation import Balanced, Gaussian
from carnotlab.networks.parameterization import NTK
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import PowerLaw
from carnotlab.theories.deep_linear.end_to_end_flow import (
    EndToEndFlow,
    end_to_end_course,
    end_to_end_velocity,
)
from carnotlab.theories.deep_linear.mode_dynamics import strength_at
from carnotlab.training.train import train

THEORY = EndToEndFlow()
TASK = LinearMap(5, 4, (2.0, 1.0, 0.5), input_spectrum=PowerLaw(1.0), held_out=4)
HIDDEN = {1: (), 2: (6,), 3: (5, 7), 4: (6, 4, 5)}


@pytest.mark.parametrize(
    ("widths", "rank"),
    [
        ((4, 4, 4), None),
        ((5, 6, 3), None),
        ((3, 4, 6, 5), None),
        ((5, 2, 4), None),
        ((5, 6, 7, 6, 4), 2),
        ((6, 3, 1), None),
        ((4, 5, 5, 5), 1),
    ],
)
def test_velocity_of_the_product_of_layers(widths, rank):
    """Any shape, with null directions on either side or both."""
    random = np.random.default_rng(sum(widths))
    factors = balanced(random, widths, rank)
    gradient = random.standard_normal((widths[-1], widths[0]))
    expected = velocity_of_layers(factors, gradient)
    with precision("float64"):
        found, other = (
            np.asarray(end_to_end_velocity(jnp.asarray(product(factors)), gradient, layers))
            for layers in (len(factors), len(factors) + 1)
        )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    assert np.abs(other - expected).max() > 0.1 * np.abs(expected).max()


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_kronecker_form(layers):
    r"""Independent of singular vectors: -sum_j (W'W)^((N-j)/N) (x) (WW')^((j-1)/N) on vec(G)."""
    random = np.random.default_rng(layers)
    matrix, gradient = random.standard_normal((2, 4, 4))
    operator = sum(
        np.kron(
            fractional_matrix_power(matrix.T @ matrix, (layers - j) / layers),
            fractional_matrix_power(matrix @ matrix.T, (j - 1) / layers),
        )
        for j in range(1, layers + 1)
    )
    expected = -(operator @ gradient.ravel(order="F")).reshape(4, 4, order="F")
    with precision("float64"):
        found = np.asarray(end_to_end_velocity(jnp.asarray(matrix), gradient, layers))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * np.abs(expected).max())


def test_null_values_are_dropped_and_not_powers_of_rounding():
    """(1e-17)^(2/8) is 6e-5: rounding left in would move what balanced layers never move."""
    random = np.random.default_rng(0)
    factors = balanced(random, (5,) * 9, rank=2)
    gradient = random.standard_normal((5, 5))
    expected = velocity_of_layers(factors, gradient)
    with precision("float64"):
        whole = jnp.asarray(product(factors))
        assert float(jnp.linalg.svd(whole, compute_uv=False)[2]) > 0.0
        found, kept = (
            np.asarray(end_to_end_velocity(whole, gradient, 8, rank)) for rank in (None, 5)
        )
    scale = np.abs(expected).max()
    assert np.abs(found - expected).max() < 1e-11 * scale
    assert np.abs(kept - expected).max() > 1e-8 * scale


@pytest.mark.parametrize("widths", [(5, 6, 4), (5, 2, 6, 4), (5, 6, 4, 5, 4), (5, 6, 5, 1)])
def test_course_against_a_solver_of_all_layers(widths):
    """Correlated inputs, one of them silent (a covariance of less than full rank)."""
    random = np.random.default_rng(len(widths))
    factors = [0.7 * factor for factor in balanced(random, widths)]
    mixing = random.standard_normal((widths[0], widths[0])) / np.sqrt(widths[0])
    mixing[:, 0] = 0.0
    covariance = mixing.T @ mixing
    correlation = random.standard_normal((widths[-1], widths[0])) @ covariance
    times = np.linspace(0.0, 4.0, 7)
    expected = products_by_solver(factors, correlation, covariance, times)
    found = end_to_end_course(product(factors), correlation, covariance, len(factors), times)
    assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()
    # The control: another number of layers, and layers that are not balanced.
    layers = 2 if len(factors) == 3 else 3
    other = end_to_end_course(product(factors), correlation, covariance, layers, times)
    assert np.abs(other - expected).max() > 0.01
    factors[0], factors[1] = 2.0 * factors[0], 0.5 * factors[1]
    unbalanced = products_by_solver(factors, correlation, covariance, times)
    assert np.abs(found - unbalanced).max() > 0.01


def test_limit_of_whitened_aligned_modes():
    s, u0, times = np.array([2.0, 1.3, 0.7, 0.2]), 0.05, np.linspace(0.0, 6.0, 7)
    for layers in (1, 2, 3, 4):
        start, correlation = (
            np.hstack([np.diag(v), np.zeros((4, 1))]) for v in (np.full(4, u0), s)
        )
        found = end_to_end_course(start, correlation, np.eye(5), layers, times)
        modes = strength_at(times, layers, s, np.full(4, u0), np.ones(4))
        np.testing.assert_allclose(np.einsum("tii->ti", found[:, :, :4]), modes, rtol=1e-8)
        assert np.abs(found[:, 0, 1]).max() < 1e-12


def described(depth, rule=None, duration=6.0, start=None, task=TASK, **training):
    network = deep_linear(5, HIDDEN[depth], 4, initialisation=start or Balanced(0.5))
    settings = {"record": Evenly(7), "precision": "float64"} | training
    return Experiment(
        task, network, Training(rule or GradientFlow(1e-10, 1e-12), duration, **settings)
    )


@pytest.mark.parametrize(
    "depth", [pytest.param(2, marks=pytest.mark.slow), 3, pytest.param(4, marks=pytest.mark.slow)]
)
def test_trained_networks(depth):
    """Unwhitened inputs, the library's own gradient flow of every layer."""
    experiment = described(depth)
    start = experiment.start((0,))
    predicted = THEORY.predict(experiment, start)
    observed = train(experiment, THEORY.measures(experiment), (0,))
    for quantity in THEORY.predicts:
        gap = np.abs(observed[quantity.name].values - predicted[quantity.name].values).max()
        assert gap < 1e-6, quantity.name
    loss = observed["train_loss"].values
    assert (loss[:, -1] < 0.5 * loss[:, 0]).all()
    assert all(check.holds for check in THEORY.check(experiment, start))


@pytest.mark.slow
def test_descent_differs_in_proportion_to_the_step():
    gaps = []
    for rate in (0.02, 0.01):
        experiment = described(3, GradientDescent(rate), 4.0 / rate)
        predicted = THEORY.predict(experiment, experiment.start((0,)))
        observed = train(experiment, THEORY.measures(experiment), (0,))
        gaps.append(np.abs(observed["end_to_end_map"] - predicted["end_to_end_map"]).max().item())
    assert gaps[0] / gaps[1] == pytest.approx(2.0, rel=0.1)


def test_what_is_outside_its_assumptions_fails_and_is_said_to():
    experiment = described(3, start=Gaussian(0.5))
    start = experiment.start((0,))
    checks = {check.name: check.holds for check in THEORY.check(experiment, start)}
    assert checks == {"balanced start": False, "small steps": True}
    predicted = THEORY.predict(experiment, start)
    observed = train(experiment, THEORY.measures(experiment), (0,))
    assert np.abs(observed["end_to_end_map"] - predicted["end_to_end_map"]).max() > 0.01
    coarse = described(2, GradientDescent(0.1), 10)
    assert not THEORY.check(coarse, coarse.start((0,)))[1].holds


def test_refusals():
    experiment = described(2)
    with pytest.raises(InputError, match="weights at time zero"):
        THEORY.predict(experiment)
    with pytest.raises(OutOfReachError, match="rule Adam"):
        THEORY.predict(described(2, Adam(), 10), experiment.start((0,)))
    bent = Experiment(TASK, mlp(5, (4,), 4), experiment.training)
    with pytest.raises(OutOfReachError, match="Relu"):
        THEORY.predict(bent, bent.start((0,)))
    scaled = Experiment(
        TASK,
        mlp(5, (), 4, parameterization=NTK()),
        experiment.training,
    )
    with pytest.raises(OutOfReachError, match="times the learning rate"):
        THEORY.predict(scaled, scaled.start((0,)))
    with pytest.raises(InputError, match="layers = 0"):
        end_to_end_course(np.eye(2), np.eye(2), np.eye(2), 0, np.ones(1))
    with pytest.raises(InputError, match="covariance"):
        end_to_end_course(np.eye(2), np.eye(2), np.eye(3), 2, np.ones(1))
