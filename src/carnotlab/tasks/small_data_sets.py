"""Small labelled sets with the splits by which methods are compared on them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.descriptions import Plain, array_digest

Rows = Int[np.ndarray, " rows"]


class Split(NamedTuple):
    """Rows to train on and rows to test on, counted from 0."""

    train: Rows
    test: Rows


@dataclass(frozen=True, eq=False)
class SmallDataSet:
    """Inputs ``x: [n, features]`` float64, classes ``y: [n]`` and the splits of a protocol.

    ``choosing`` is the split on which hyper-parameters are chosen, ``reporting`` holds those over
    which accuracy is averaged.
    """

    name: str
    x: Float[np.ndarray, "n features"]
    y: Int[np.ndarray, " n"]
    choosing: Split
    reporting: tuple[Split, ...]

    @property
    def majority(self) -> float:
        """Share of the largest class: the accuracy of a rule that looks at no input."""
        return float(np.unique(self.y, return_counts=True)[1].max() / len(self.y))

    @property
    def classes(self) -> int:
        """Number of classes that occur."""
        return len(np.unique(self.y))

    def __describe__(self) -> Plain:
        """Name the content by digests."""
        splits = [*self.choosing, *(rows for split in self.reporting for rows in split)]
        return {
            "kind": "SmallDataSet",
            "name": self.name,
            "sha256": [array_digest(array) for array in (self.x, self.y, *splits)],
        }


def drawn_split(y: Int[np.ndarray, " n"], rng: np.random.Generator, train_fraction: float) -> Split:
    """Draw a split at random, each class divided in the same proportion.

    >>> y = np.repeat([0, 1], 8)
    >>> split = drawn_split(y, np.random.default_rng(0), 0.75)
    >>> np.bincount(y[split.train]).tolist(), np.bincount(y[split.test]).tolist()
    ([6, 6], [2, 2])
    """
    train: list[Rows] = []
    test: list[Rows] = []
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        cut = round(train_fraction * len(rows))
        train.append(rows[:cut])
        test.append(rows[cut:])
    return Split(np.sort(np.concatenate(train)), np.sort(np.concatenate(test)))


def with_splits(
    name: str, x: Float[np.ndarray, "n features"], y: Int[np.ndarray, " n"]
) -> SmallDataSet:
    """Return a set with standardised inputs and drawn splits: one half/half, four of 75/25."""
    rng = np.random.default_rng(0)
    spread = x.std(axis=0)
    used = spread > 0.0
    scaled = (x[:, used] - x[:, used].mean(axis=0)) / spread[used]
    choosing = drawn_split(y, rng, 0.5)
    return SmallDataSet(
        name, scaled, y, choosing, tuple(drawn_split(y, rng, 0.75) for _ in range(4))
    )


def with_reporting(given: SmallDataSet, count: int) -> SmallDataSet:
    """Return a set with ``count`` reporting splits: its own first, further ones drawn 75/25.

    >>> len(with_reporting(bundled_sets()[0], 6).reporting)
    6
    """
    rng = np.random.default_rng(1)
    more = max(count - len(given.reporting), 0)
    drawn = tuple(drawn_split(given.y, rng, 0.75) for _ in range(more))
    return replace(given, reporting=(*given.reporting[:count], *drawn))


def bundled_sets() -> tuple[SmallDataSet, ...]:
    """Return small sets made of those that come with scikit-learn, with splits drawn here.

    Five questions are each asked of 359 or 360 handwritten digits, four of which no linear rule
    answers well; and the larger set on breast cancer.

    >>> [(each.name, len(each.y), each.classes) for each in bundled_sets()][:2]
    [('digits', 360, 10), ('digits-odd-or-even', 360, 2)]
    """
    from sklearn import datasets

    digits, kinds = _arrays(datasets.load_digits)
    asked = {
        "digits": kinds,
        "digits-odd-or-even": kinds % 2,
        "digits-above-four": (kinds > 4).astype(np.int64),
        "digits-multiple-of-three": (kinds % 3 == 0).astype(np.int64),
        "digits-with-a-loop": np.isin(kinds, (0, 6, 8, 9)).astype(np.int64),
    }
    parts = {
        name: (digits[start :: len(asked)], labels[start :: len(asked)])
        for start, (name, labels) in enumerate(asked.items())
    }
    whole = {**parts, "breast-cancer-diagnostic": _arrays(datasets.load_breast_cancer)}
    return tuple(with_splits(name, x, y) for name, (x, y) in whole.items())


def _arrays(
    load: Callable[[], Any],
) -> tuple[Float[np.ndarray, "n features"], Int[np.ndarray, " n"]]:
    bunch = load()
    return np.asarray(bunch.data, dtype=np.float64), np.asarray(bunch.target, dtype=np.int64)
