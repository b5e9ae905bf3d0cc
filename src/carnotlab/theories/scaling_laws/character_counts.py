"""What counting does on text: entropy of single characters, and counts of a few in a row."""

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.errors import require

STRENGTHS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Counts that what is known from shorter contexts is worth, to choose from."""


def character_frequencies(
    next_codes: Int[np.ndarray, " n"], alphabet: int
) -> Float[np.ndarray, " alphabet"]:
    """Return how frequent each character is, one count added to each.

    >>> character_frequencies(np.array([0, 0]), 2).tolist()
    [0.75, 0.25]
    """
    return (np.bincount(next_codes, minlength=alphabet) + 1.0) / (len(next_codes) + alphabet)


def counted_probabilities(
    contexts: Int[np.ndarray, "n length"],
    next_codes: Int[np.ndarray, " n"],
    asked: Int[np.ndarray, "m length"],
    alphabet: int,
    order: int,
    strength: float,
) -> Float[np.ndarray, "m alphabet"]:
    r"""Return the probability of each next character, from counts after the last ``order`` ones.

    :math:`p_k(c \mid s) = \frac{n(s c) + m\,p_{k-1}(c \mid s')}{n(s) + m}`, with :math:`s'` the
    context without its first character and ``strength`` :math:`m`, down to single characters:
    order 1 counts pairs, order 2 triples. Source: mackay1995.

    Raises:
        InputError: if the order is below zero or beyond the contexts, or the strength not above 0.

    >>> contexts, after = np.array([[0], [0], [1]]), np.array([1, 1, 0])
    >>> counted_probabilities(contexts, after, np.array([[0]]), 2, 1, 1.0).round(3).tolist()
    [[0.133, 0.867]]
    """
    require(
        0 <= order <= contexts.shape[1] and strength > 0.0,
        f"order = {order} and strength = {strength} in contexts of {contexts.shape[1]}",
        "an order from 0 to the length of contexts, a strength above 0",
        "use order=2 and strength=5.0",
    )
    found = np.tile(character_frequencies(next_codes, alphabet), (len(asked), 1))
    for k in range(1, order + 1):
        # A context of k characters as one number; -1 for what is unknown is a digit of its own.
        digits = (alphabet + 1) ** np.arange(k)
        known = (contexts[:, -k:] + 1) @ digits
        wanted = (asked[:, -k:] + 1) @ digits
        kinds, places = np.unique(known, return_inverse=True)
        counts = np.zeros((len(kinds) + 1, alphabet))
        np.add.at(counts, (places, next_codes), 1.0)
        at = np.minimum(np.searchsorted(kinds, wanted), len(kinds) - 1)
        rows = counts[np.where(kinds[at] == wanted, at, len(kinds))]
        found = (rows + strength * found) / (rows.sum(axis=1, keepdims=True) + strength)
    return found


def counted_loss(
    train: tuple[Int[np.ndarray, "n length"], Int[np.ndarray, " n"]],
    validation: tuple[Int[np.ndarray, "m length"], Int[np.ndarray, " m"]],
    test: tuple[Int[np.ndarray, "m length"], Int[np.ndarray, " m"]],
    alphabet: int,
    order: int,
) -> float:
    """Return the test cross-entropy in nats of counts, strength chosen on validation samples.

    >>> samples = np.array([[0], [1], [0], [1]]), np.array([1, 0, 1, 0])
    >>> round(counted_loss(samples, samples, samples, 2, 1), 2)
    0.11
    """

    def loss(samples: tuple[np.ndarray, np.ndarray], strength: float) -> float:
        asked, after = samples
        found = counted_probabilities(*train, asked, alphabet, order, strength)
        return -float(np.mean(np.log(found[np.arange(len(after)), after])))

    best = min(STRENGTHS, key=lambda strength: loss(validation, strength))
    return loss(test, best)
