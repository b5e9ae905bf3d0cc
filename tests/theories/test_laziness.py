"""How lazily a network will train: kernels and displacements from explicit Jacobians."""

import jax
import numpy as np
import pytest

from carnotlab.core.precision import precision
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.training import Training
from carnotlab.networks.activations import Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.layers import Dense
from carnotlab.networks.parameterization import NTK, MeanField
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.theories.laziness import MEMBERS, PROBE, kernel_displacement, kernel_gap

TASK = GaussianRegression(3, samples=15, outputs=2, held_out=2)
X = TASK.data().train.x


def experiment(width=8, parameterization=None):
    network = mlp(3, (width,), 2, activation=Tanh(), parameterization=parameterization)
    return Experiment(TASK, network, Training(precision="float64"))


def member(start, i):
    return jax.tree.map(lambda leaf: leaf[i], start)


def jacobian(described, weights):
    """Gradients of all outputs, ``[n, outputs, parameters]``, and each parameter's rate factor."""
    with precision("float64"):
        slopes = jax.jacrev(lambda w: described.model.apply(w, X))(weights)
        rows = [np.asarray(leaf).reshape(len(X), 2, -1) for leaf in jax.tree.leaves(slopes)]
    rates = described.model.rate_scales("gradient")
    factors = [np.full(row.shape[-1], rate) for row, rate in zip(rows, rates, strict=True)]
    return np.concatenate(rows, axis=-1), np.concatenate(factors)


def kernel(described, weights):
    J, rates = jacobian(described, weights)
    J = J[:PROBE]
    return np.einsum("icp,p,jcp->ij", J, rates, J) / 2


@pytest.mark.parametrize("parameterization", [NTK(), MeanField(0.5)])
def test_gap_of_kernels_by_hand(parameterization):
    described = experiment(8, parameterization)
    start = described.start(tuple(range(MEMBERS + 2)))
    limit = kernels(described.network, X[:PROBE]).ntk
    gaps = [np.linalg.norm(kernel(described, member(start, i)) - limit) for i in range(MEMBERS)]
    expected = np.sqrt(np.mean(np.square(gaps))) / np.linalg.norm(limit)
    assert kernel_gap(described, start) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("parameterization", [NTK(), MeanField(0.5)])
def test_displacement_by_hand(parameterization):
    """Weights moved by r J' c, and the kernel taken there again."""
    described = experiment(8, parameterization)
    start = described.start((0, 1))
    coefficients = np.random.default_rng(0).normal(size=(2, 15, 2)) * 0.1
    changes = []
    for i in range(2):
        weights = member(start, i)
        J, rates = jacobian(described, weights)
        step = rates * np.einsum("icp,ic->p", J, coefficients[i])
        leaves, structure = jax.tree.flatten(weights)
        ends = np.cumsum([leaf.size for leaf in leaves])[:-1]
        moved = structure.unflatten(
            [
                np.asarray(leaf) + part.reshape(leaf.shape)
                for leaf, part in zip(leaves, np.split(step, ends), strict=True)
            ]
        )
        before = kernel(described, weights)
        change = np.linalg.norm(kernel(described, moved) - before) / np.linalg.norm(before)
        changes.append(change)
    assert kernel_displacement(described, start, coefficients) == pytest.approx(
        np.mean(changes), rel=1e-9
    )
    assert kernel_displacement(described, start, 0 * coefficients) == 0.0


def test_a_linear_model_is_lazy_at_any_displacement():
    described = Experiment(TASK, Network(3, (Dense(2),), NTK()), Training(precision="float64"))
    start = described.start((0,))
    assert kernel_displacement(described, start, np.ones((1, 15, 2))) < 1e-14
    assert kernel_gap(described, start) < 1e-14


def power_of_width(measure, parameterization=None):
    values = []
    for width in (64, 4096):
        described = experiment(width, parameterization)
        values.append(measure(described, described.start(tuple(range(MEMBERS)))))
    return np.log(values[1] / values[0]) / np.log(64)


@pytest.mark.parametrize(
    ("size", "parameterization", "expected"),
    [
        # A small step along a fixed direction changes the kernel by a sum of `width` terms of
        # random sign, each of order width^(-3/2): one over the width.
        (0.1, NTK(), -1.0),
        # The promise of the parameterization is width^(-1/2) at least; larger steps are between.
        (1.0, NTK(), -0.75),
        (1.0, MeanField(), 0.0),
    ],
)
def test_wide_networks_are_lazy_and_mean_field_ones_are_not(size, parameterization, expected):
    targets = np.broadcast_to(size * np.asarray(TASK.data().train.y), (MEMBERS, 15, 2))
    found = power_of_width(
        lambda e, start: kernel_displacement(e, start, targets), parameterization
    )
    # Four members know a value to some 35 %: 0.35 sqrt(2) / ln 64 = 0.12 in a power.
    assert found == pytest.approx(expected, abs=0.2)


def test_the_gap_falls_as_one_over_the_root_of_the_width():
    assert power_of_width(kernel_gap) == pytest.approx(-0.5, abs=0.2)
