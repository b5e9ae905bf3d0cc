"""Signatures and eigenvalues against the full Hessian, and that there are no other points."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_flow import product
from scipy.optimize import least_squares

from carnotlab.core.errors import InputError
from carnotlab.core.precision import precision
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import PowerLaw
from carnotlab.theories.deep_linear.critical_points import (
    critical_point,
    critical_points,
    hessian_eigenvalues,
    saddle_sequence,
    saddle_weights,
    whitened_modes,
)


def loss_by_samples(flat, shapes, data):
    outputs, taken = jnp.asarray(data.x), 0
    for rows, columns in shapes:
        outputs = outputs @ flat[taken : taken + rows * columns].reshape(rows, columns).T
        taken += rows * columns
    return 0.5 * jnp.mean(jnp.sum((jnp.asarray(data.y) - outputs) ** 2, axis=1))


@partial(jax.jit, static_argnums=1)
def derivatives(flat, shapes, data):
    loss, slope = jax.value_and_grad(loss_by_samples)(flat, shapes, data)
    return loss, slope, jax.hessian(loss_by_samples)(flat, shapes, data)


def examine(task, flat, shapes):
    """Return loss, gradient and Hessian by all weights, by automatic differentiation."""
    with precision("float64"):
        found = derivatives(jnp.asarray(flat), tuple(shapes), task.data().train)
        return tuple(np.asarray(part) for part in found)


def flattened(factors):
    return np.concatenate([f.ravel() for f in factors]), tuple(f.shape for f in factors)


def gradient_and_hessian(task, factors):
    loss, gradient, hessian = examine(task, *flattened(factors))
    return float(loss), gradient, np.linalg.eigvalsh(hessian)


WIDTHS = [(3, 4), (4,), pytest.param((5, 3, 4), marks=pytest.mark.slow), (2,)]


@pytest.mark.parametrize("hidden", WIDTHS, ids=str)
@pytest.mark.parametrize("exponent", [0.0, 1.0], ids=["white", "coloured"])
def test_every_subset_of_modes_against_the_full_hessian(hidden, exponent):
    task = LinearMap(4, 3, (3.0, 2.0, 1.0), input_spectrum=PowerLaw(exponent), held_out=1)
    strengths = whitened_modes(task).strengths
    widths = (4, *hidden, 3)
    points = list(critical_points(strengths, widths))
    least = min(
        gradient_and_hessian(task, saddle_weights(task, hidden, p.learned))[0] for p in points
    )
    for point in points:
        factors = saddle_weights(task, hidden, point.learned, seed=1)
        loss, gradient, values = gradient_and_hessian(task, factors)
        assert np.abs(gradient).max() < 1e-12
        assert loss - least == pytest.approx(point.excess, abs=1e-12)
        clear = 1e-9 * max(1.0, np.abs(values).max())
        counts = ((values < -clear).sum(), (abs(values) <= clear).sum(), (values > clear).sum())
        assert counts == (point.negative, point.zero, point.positive)
        assert (point.kind == "global minimum") == (loss - least < 1e-12)
        if exponent == 0.0:
            expected = hessian_eigenvalues(strengths, point.learned, widths)
            np.testing.assert_allclose(values, expected, atol=1e-11)


def test_equal_strengths_are_flat_towards_each_other():
    task = LinearMap(3, 3, (2.0, 2.0, 1.0), held_out=1)
    for hidden in ((2,), (3, 3)):
        point = critical_point((2.0, 2.0, 1.0), (1,), (3, *hidden, 3))
        _, gradient, values = gradient_and_hessian(task, saddle_weights(task, hidden, (1,)))
        assert np.abs(gradient).max() < 1e-12
        assert ((values < -1e-9).sum(), (abs(values) <= 1e-9).sum()) == (point.negative, point.zero)
    assert critical_point((2.0, 2.0, 1.0), (1,), (3, 1, 1, 3)).kind == "global minimum"


def test_the_count_does_not_depend_on_how_layers_share_the_product():
    """Any invertible change of hidden units keeps the loss, hence the signature."""
    task = LinearMap(4, 3, (3.0, 2.0, 1.0), held_out=1)
    random = np.random.default_rng(0)
    for hidden, learned in (((4, 5), (1,)), ((4,), (2, 0))):
        factors = list(saddle_weights(task, hidden, learned))
        for place, units in enumerate(hidden):
            change = np.eye(units) + 0.4 * random.standard_normal((units, units))
            factors[place] = change @ factors[place]
            factors[place + 1] = factors[place + 1] @ np.linalg.inv(change)
        point = critical_point((3.0, 2.0, 1.0), learned, (4, *hidden, 3))
        _, gradient, values = gradient_and_hessian(task, factors)
        assert np.abs(gradient).max() < 1e-10
        assert ((values < -1e-8).sum(), (values > 1e-8).sum()) == (point.negative, point.positive)


def test_degenerate_saddles_are_left_at_the_order_of_the_depth():
    for depth in (3, 4):
        task = LinearMap(3, 3, (2.0, 1.0), held_out=1)
        hidden = (3,) * (depth - 1)
        modes = whitened_modes(task)
        point = critical_point(modes.strengths, (0,), (3, *hidden, 3))
        assert point.kind == "degenerate saddle"
        factors = saddle_weights(task, hidden, (0,))
        # Directions of hidden units that the learned mode leaves idle.
        free = [np.linalg.svd(factors[place])[0][:, 1] for place in range(depth - 1)]
        chain = [modes.right[:, 1], *free, modes.left[:, 1]]
        falls = []
        for size in (0.05, 0.1):
            moved = [
                factor + size * np.outer(after, before)
                for factor, before, after in zip(factors, chain[:-1], chain[1:], strict=True)
            ]
            falls.append(point.excess - examine(task, *flattened(moved))[0])
        np.testing.assert_allclose(falls, [0.05**depth, 0.1**depth], rtol=0.01)


def test_fine_print_other_points_of_the_same_map_may_be_strict():
    """At depth three, idle directions of one layer may be large: then there is a way down."""
    task = LinearMap(3, 3, (2.0, 1.0), held_out=1)
    first, middle, last = saddle_weights(task, (3, 3), (0,))
    idle = [np.linalg.svd(matrix)[0][:, 1] for matrix in (first, middle)]
    factors = (first, middle + 0.7 * np.outer(idle[1], idle[0]), last)
    np.testing.assert_allclose(product(factors), last @ middle @ first, atol=1e-12)
    _, gradient, values = gradient_and_hessian(task, factors)
    assert np.abs(gradient).max() < 1e-12
    assert values[0] == pytest.approx(-0.7, abs=1e-9)
    assert critical_point((2.0, 1.0), (0,), (3, 3, 3, 3)).negative == 0


def test_any_point_without_gradient_has_learned_some_modes_exactly():
    """Roots of the gradient found from random weights have one of the 2^3 losses, and no minima."""
    strengths = (2.0, 1.5, 1.0)
    task = LinearMap(3, 3, strengths, held_out=1)
    widths = (3, 3, 3)
    levels = {p.learned: p.excess for p in critical_points(strengths, widths)}
    shapes = tuple(itertools.pairwise(widths))
    random = np.random.default_rng(0)
    found = set()
    for _ in range(60):
        start = random.standard_normal(18) * random.uniform(0.2, 1.5)
        root = least_squares(
            lambda flat: examine(task, flat, shapes)[1],
            start,
            jac=lambda flat: examine(task, flat, shapes)[2],
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
            max_nfev=300,
        )
        if np.abs(root.fun).max() > 1e-9:
            continue  # a minimum of the gradient's size that is no root of it
        excess, _, hessian = examine(task, root.x, shapes)
        nearest = min(levels, key=lambda learned: abs(levels[learned] - excess))
        assert excess == pytest.approx(levels[nearest], abs=1e-7)
        found.add(nearest)
        if excess > 1e-7:
            assert np.linalg.eigvalsh(hessian)[0] < -1e-6
    assert len(found) >= 4  # saddles of several kinds, not minima alone


def test_sequence_and_refusals():
    sequence = saddle_sequence((1.0, 3.0, 2.0), (4, 2, 3))
    assert [point.learned for point in sequence] == [(), (1,), (1, 2)]
    assert [point.excess for point in sequence] == [6.5, 2.0, 0.0]
    assert [point.negative for point in sequence] == [6, 2, 0]
    with pytest.raises(InputError, match="hidden layer"):
        critical_point((1.0,), (), (2, 2))
    with pytest.raises(InputError, match="narrowest"):
        critical_point((2.0, 1.0), (0, 1), (2, 1, 2))
    with pytest.raises(InputError, match="learned"):
        critical_point((2.0, 1.0), (2,), (2, 1, 2))
    with pytest.raises(InputError, match="positive"):
        critical_point((2.0, 0.0), (0,), (2, 1, 2))
    with pytest.raises(InputError, match="narrowest"):
        saddle_weights(LinearMap(3, 3, (2.0, 1.0)), (1,), (0, 1))
