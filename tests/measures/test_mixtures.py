"""Barriers of known functions, and the order of units found again."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.measures.mixtures import barrier, losses_along, matched, mixture

SHARES = np.linspace(0.0, 1.0, 11)
RANDOM = np.random.default_rng(0)


def test_mixtures_of_trees():
    found = mixture(({"weight": jnp.zeros(2)},), ({"weight": jnp.ones(2)},), 0.25)
    np.testing.assert_allclose(found[0]["weight"], 0.25)


def test_a_convex_loss_has_no_barrier_and_a_double_well_its_own():
    bowl = losses_along(lambda w: (w - 0.3) ** 2, jnp.array(-1.0), jnp.array(1.0), SHARES)
    assert barrier(np.asarray(bowl), SHARES) == 0.0
    well = losses_along(lambda w: (w**2 - 1.0) ** 2, jnp.array(-1.0), jnp.array(1.0), SHARES)
    assert float(barrier(np.asarray(well), SHARES)) == pytest.approx(1.0, rel=1e-6)


def test_the_barrier_is_above_the_chord_not_above_the_mean_of_the_ends():
    losses = 4.0 * SHARES  # a slope is no barrier, whatever its ends
    assert barrier(losses, SHARES) == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(InputError, match=r"from 0\.1 to 1\.0"):
        barrier(losses[1:], SHARES[1:])


def forward(chain, x):
    for matrix in chain[:-1]:
        x = np.maximum(x @ matrix.T, 0.0)
    return x @ chain[-1].T


def chain(*sizes):
    pairs = itertools.pairwise(sizes)
    return [RANDOM.normal(size=(b, a)) for a, b in pairs]


@pytest.mark.parametrize("sizes", [(5, 12, 3), (5, 12, 9, 3)])
def test_another_order_of_units_is_found_and_undone(sizes):
    first = chain(*sizes)
    other = [matrix.copy() for matrix in first]
    for at in range(len(other) - 1):
        order = RANDOM.permutation(len(other[at]))
        other[at], other[at + 1] = other[at][order], other[at + 1][:, order]
    for one, two in zip(first, matched(first, other), strict=True):
        np.testing.assert_array_equal(one, two)


def test_matching_keeps_the_function_and_never_moves_away():
    first, other = chain(5, 12, 9, 3), chain(5, 12, 9, 3)
    found = matched(first, other)
    x = RANDOM.normal(size=(7, 5))
    np.testing.assert_allclose(forward(found, x), forward(other, x), rtol=1e-10)

    def overlap(one):
        return sum(float(np.sum(a * b)) for a, b in zip(first, one, strict=True))

    assert overlap(found) > overlap(other)


def test_one_hidden_layer_is_matched_at_best():
    """Against all orders of five units."""
    first, other = chain(3, 5, 2), chain(3, 5, 2)
    found = matched(first, other)

    def overlap(one):
        return sum(float(np.sum(a * b)) for a, b in zip(first, one, strict=True))

    best = max(
        overlap([other[0][list(order)], other[1][:, list(order)]])
        for order in itertools.permutations(range(5))
    )
    assert overlap(found) == pytest.approx(best, rel=1e-12)


def test_refusal():
    with pytest.raises(InputError, match="different shapes"):
        matched(chain(3, 4, 2), chain(3, 5, 2))
