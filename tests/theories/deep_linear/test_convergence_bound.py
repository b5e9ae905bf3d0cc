"""The bound on the loss against trained networks, square and rectangular."""

import numpy as np
import pytest
from layer_flow import products_by_solver

from carnotlab.core.errors import InputError
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import PowerLaw
from carnotlab.theories.deep_linear.convergence_bound import convergence_bound

TIMES = np.linspace(0.0, 2.0, 21)


def split(matrix, layers):
    """Share a map equally among layers of its own rank."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    share = values ** (1 / layers)
    middle = [np.diag(share)] * (layers - 2)
    return [share[:, None] * right, *middle, left * share]


def excess_losses(task, start, layers):
    data = task.data().train
    covariance, correlation = (a.T @ data.x / data.size for a in (data.x, data.y))
    best = np.linalg.solve(covariance, correlation.T).T
    courses = products_by_solver(split(start, layers), correlation, covariance, TIMES)
    gaps = courses - best
    return 0.5 * np.einsum("toi,ij,toj->t", gaps, covariance, gaps)


@pytest.mark.parametrize("layers", [2, 3, 4])
@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5)], ids=["square", "wide", "tall"])
@pytest.mark.parametrize("exponent", [0.0, 0.7], ids=["white", "coloured"])
def test_trained_networks_obey_it(layers, shape, exponent):
    task = LinearMap(*shape, (2.0, 1.5, 1.0), input_spectrum=PowerLaw(exponent), held_out=1)
    random = np.random.default_rng(layers)
    for _ in range(3):
        gap = random.standard_normal((shape[1], shape[0]))
        start = task.matrix + 0.4 * gap / np.linalg.norm(gap)
        bound = convergence_bound(task, start, layers)
        losses = excess_losses(task, start, layers)
        assert losses[0] == pytest.approx(bound.excess, rel=1e-10)
        assert (losses <= bound.at(TIMES) * (1 + 1e-9)).all()


@pytest.mark.parametrize("layers", [2, 4])
def test_the_bound_is_tight_for_equal_strengths_and_needs_its_correction(layers):
    """A small error, all of it outside the row space of the map, shrinks at the least rate.

    There the number of layers does not speed up learning: the square formula would be violated.
    """
    task = LinearMap(4, 2, (1.0, 1.0), held_out=1)
    outside = np.linalg.svd(task.right.T)[2][2:]
    start = task.matrix + 1e-3 * outside
    bound = convergence_bound(task, start, layers)
    losses = excess_losses(task, start, layers)
    np.testing.assert_allclose(losses, bound.at(TIMES), rtol=0.01)
    square = bound.excess * np.exp(-layers * bound.rate * TIMES)
    assert losses[-1] > 10 * square[-1]


def test_without_a_margin_or_full_rank_there_is_no_bound():
    task = LinearMap(3, 3, (2.0, 1.5, 1.0))
    with pytest.raises(InputError, match="margin"):
        convergence_bound(task, 0.1 * task.matrix, 3)
    with pytest.raises(InputError, match="layers = 0"):
        convergence_bound(task, task.matrix, 0)
