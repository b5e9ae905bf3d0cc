"""Counting on text, against chains of known entropy and a plain recursion."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.scaling_laws.character_counts import (
    character_frequencies,
    counted_loss,
    counted_probabilities,
)


def plain(contexts, after, asked, alphabet, order, strength):
    """Interpolate counts one context at a time."""
    if order == 0:
        counts = [np.sum(after == c) + 1.0 for c in range(alphabet)]
        return np.array(counts) / np.sum(counts)
    same = np.all(contexts[:, -order:] == asked[-order:], axis=1)
    counts = np.array([np.sum(after[same] == c) for c in range(alphabet)])
    shorter = plain(contexts, after, asked, alphabet, order - 1, strength)
    return (counts + strength * shorter) / (same.sum() + strength)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_counts_by_plain_recursion(order):
    random = np.random.default_rng(0)
    contexts, asked = random.integers(0, 4, (200, 3)), random.integers(-1, 4, (30, 3))
    after = random.integers(0, 4, 200)
    found = counted_probabilities(contexts, after, asked, 4, order, 2.0)
    expected = [plain(contexts, after, row, 4, order, 2.0) for row in asked]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)


def chain(length, random):
    """Draw a Markov chain on three characters, and return it with its two entropies."""
    moves = np.array([[0.8, 0.1, 0.1], [0.2, 0.2, 0.6], [0.5, 0.4, 0.1]])
    values, vectors = np.linalg.eig(moves.T)
    rest = np.real(vectors[:, np.argmax(np.real(values))])
    rest /= rest.sum()
    codes = np.zeros(length, dtype=int)
    steps = random.random(length)
    for i in range(1, length):
        codes[i] = np.searchsorted(np.cumsum(moves[codes[i - 1]]), steps[i])
    single = -np.sum(rest * np.log(rest))
    pair = -np.sum(rest[:, None] * moves * np.log(moves))
    return codes, single, pair


def test_losses_reach_the_entropies_of_a_chain():
    random = np.random.default_rng(1)
    parts = []
    for length in (30_000, 3000, 30_000):
        codes, single, pair = chain(length, random)
        windows = np.lib.stride_tricks.sliding_window_view(codes, 3)
        parts.append((windows[:, :2], windows[:, 2]))
    found = [counted_loss(*parts, 3, order) for order in (0, 1, 2)]
    # Scatter of a mean of 30000 losses, each of the order of one.
    assert found[0] == pytest.approx(single, abs=4.0 / np.sqrt(30_000))
    assert found[1] == pytest.approx(pair, abs=4.0 / np.sqrt(30_000))
    assert abs(found[2] - found[1]) < 0.005  # nothing beyond pairs
    assert found[0] - found[1] > 0.1


def test_frequencies_and_refusals():
    np.testing.assert_allclose(character_frequencies(np.array([1, 1, 0]), 3).sum(), 1.0)
    contexts, after = np.zeros((3, 2), int), np.zeros(3, int)
    with pytest.raises(InputError, match="order = 3"):
        counted_probabilities(contexts, after, contexts, 2, 3, 1.0)
    with pytest.raises(InputError, match=r"strength = 0\.0"):
        counted_probabilities(contexts, after, contexts, 2, 1, 0.0)
