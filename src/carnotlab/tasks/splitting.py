"""Dividing samples in two: at random, class by class where there are classes, or by halves."""

import numpy as np
from jaxtyping import Int

from carnotlab.core.data import Batch
from carnotlab.core.errors import require
from carnotlab.tasks.drawing import generator


def partition(
    n: int, second: int, *, seed: int, classes: Int[np.ndarray, " n"] | None = None
) -> tuple[Int[np.ndarray, " first"], Int[np.ndarray, " second"]]:
    """Return the indices of two random parts, the second of a given size; together all of them.

    Both are in random order. With ``classes`` (integers from 0) each class is divided in the same
    proportion, rounded by largest remainder, and keeps at least one sample in the first part.

    Raises:
        InputError: if either part would be empty, or a class cannot keep a sample.

    >>> first, second = partition(10, 3, seed=0)
    >>> sorted([*first.tolist(), *second.tolist()]) == list(range(10)), len(second)
    (True, 3)
    """
    require(
        0 < second < n,
        f"{second} of {n} samples for one part of a split",
        "at least one sample in each part",
        "give more samples or another fraction",
    )
    order = generator(seed, "split").permutation(n)
    if classes is None:
        return order[second:], order[:second]
    counts = np.bincount(classes)
    most = np.maximum(counts - 1, 0)
    require(
        second <= int(most.sum()),
        f"{n} samples in {np.count_nonzero(counts)} classes, {second} of them set apart",
        "at least one sample of each class in the other part",
        "set fewer apart",
    )
    taken = _shares(counts, most, second)
    chosen = np.zeros(n, dtype=bool)
    for label, number in enumerate(taken.tolist()):
        members = order[classes[order] == label]
        chosen[members[:number]] = True
    return order[~chosen[order]], order[chosen[order]]


def validation_and_test(held_out: Batch) -> tuple[Batch, Batch]:
    """Return the halves of the held-out samples, for choosing and for judging.

    >>> [half.size for half in validation_and_test(Batch(np.ones((5, 2)), np.ones((5, 1))))]
    [2, 3]
    """
    half = len(held_out.x) // 2
    return Batch(held_out.x[:half], held_out.y[:half]), Batch(held_out.x[half:], held_out.y[half:])


def _shares(
    counts: Int[np.ndarray, " k"], most: Int[np.ndarray, " k"], total: int
) -> Int[np.ndarray, " k"]:
    """Divide ``total`` in proportion to ``counts`` by largest remainder, none above ``most``."""
    exact = counts * (total / counts.sum())
    shares = np.minimum(np.floor(exact).astype(np.int64), most)
    while (missing := total - int(shares.sum())) > 0:
        room = np.flatnonzero(shares < most)
        by_remainder = room[np.argsort(-(exact - shares)[room], kind="stable")]
        shares[by_remainder[:missing]] += 1
    return shares
