"""Categories planted in many tables: what a study draws and a store keeps."""

import time
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from jaxtyping import Float
from scipy.sparse.linalg import svds

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.item_features import ItemFeatures
from carnotlab.tasks.planted_category import PlantedCategory
from carnotlab.theories.semantic.category_coherence import (
    category_overlap,
    coherence,
    inside_rate,
)

CATEGORY_OVERLAP = Quantity(
    "category_overlap", (), "fraction", "overlap of the leading mode with a category"
)
DENSE = 0.05
WHITE = 0.05


@dataclass(frozen=True)
class CategoryDraws(Computable):
    """Many draws of one planted category; in the result the dimension ``seed`` is the draw."""

    task: PlantedCategory
    draws: int

    @property
    def key(self) -> str:
        """A digest of the category, the draws, code, versions and devices."""
        return result_key(type(self), self.task, self.draws)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Draw tables and take their leading modes; theory gets the description only."""
        del store
        began, task = time.perf_counter(), self.task
        found: list[float] = []
        for draw in range(self.draws):
            table = np.asarray(replace(task, seed=draw).data().train.y)
            found.append(leading_overlap(table, task.item_direction, task.feature_direction))
            if progress is not None:
                progress((draw + 1) / self.draws)
        value = coherence(
            task.inside,
            task.outside,
            task.members,
            task.own_features,
            task.items,
            task.features,
        )
        noise = task.outside * (1.0 - task.outside)
        checks = (
            Check(
                "dense noise",
                "a row of the table holds many features: one over the variance of their number",
                1.0 / (noise * min(task.items, task.features)),
                DENSE,
            ),
            Check(
                "base rate taken off",
                "mean of the noise over its standard deviation",
                task.outside / noise**0.5 if task.base_rate else 0.0,
                WHITE,
            ),
        )
        return _result(value, task.features / task.items, found, checks, began)


@dataclass(frozen=True)
class TableDraws(Computable):
    """A category planted in a real table, standardised, with its features dealt out anew or not.

    A quarter of the items share a quarter of the features, chosen anew in every draw.
    """

    task: ItemFeatures
    coherence: float
    dealt_out: bool
    draws: int

    @property
    def key(self) -> str:
        """A digest of the table, what is planted, the draws, code, versions and devices."""
        return result_key(type(self), self.task, self.coherence, self.dealt_out, self.draws)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Plant, draw, and take leading modes."""
        del store, progress
        began = time.perf_counter()
        table = np.asarray(self.task.data().train.y)
        table = (table - table.mean(axis=0)) / table.std(axis=0)
        items, features = table.shape
        random = np.random.default_rng(0)
        strength = (self.coherence * (items * features) ** 0.5) ** 0.5
        found: list[float] = []
        for _ in range(self.draws):
            noise = random.permuted(table, axis=0) if self.dealt_out else table
            item = _members(random, items)
            feature = _members(random, features)
            planted = noise + strength * np.outer(item, feature)
            found.append(leading_overlap(planted, item, feature))
        # Independent features of unit variance spread over singular values as noise does.
        top = np.linalg.svd(random.permuted(table, axis=0) if self.dealt_out else table)[1][0]
        edge = items**0.5 + features**0.5
        check = Check(
            "background without structure",
            "largest singular value of the background beyond the edge of noise, relative",
            max(float(top) / edge - 1.0, 0.0),
            WHITE,
        )
        return _result(self.coherence, features / items, found, (check,), began)


def leading_overlap(
    table: Float[np.ndarray, "items features"],
    item: Float[np.ndarray, " items"],
    feature: Float[np.ndarray, " features"],
) -> float:
    """Return the overlap of a table's leading singular vectors with two directions.

    >>> round(leading_overlap(np.diag([3.0, 1.0, 0.5]), np.eye(3)[0], np.eye(3)[0]), 12)
    1.0
    """
    left, _, right = cast("Any", svds)(table, k=1, v0=np.ones(min(table.shape)))
    return float(abs(left[:, 0] @ item) * abs(right[0] @ feature))


def category(
    value: float,
    items: int,
    features: int,
    outside: float,
    *,
    base_rate: bool = False,
    share: float | None = None,
) -> PlantedCategory:
    """Return a category of some coherence whose features are present inside at 1 - ``outside``.

    Noise then has one variance everywhere, inside the category and out. With ``share`` the
    category is this part of the table instead, and the rate inside follows.
    """
    if share is None:
        size = (value * outside * (1.0 - outside)) ** 0.5 / (1.0 - 2.0 * outside)
        members, own = round(size * items**0.5), round(size * features**0.5)
    else:
        members, own = round(share * items), round(share * features)
    members, own = max(1, members), max(1, own)
    inside = inside_rate(value, outside, members, own, items, features)
    return PlantedCategory(
        items, features, members, own, inside, outside, base_rate=base_rate, whiten=True
    )


def _members(random: np.random.Generator, size: int) -> Float[np.ndarray, " size"]:
    chosen = random.permutation(size) < max(2, size // 4)
    direction = chosen - chosen.mean()  # standardised features have no mean to add to
    return direction / np.linalg.norm(direction)


def _result(
    value: float, ratio: float, found: list[float], checks: tuple[Check, ...], began: float
) -> RunResult:
    expected = CATEGORY_OVERLAP.label(category_overlap(value, ratio)).to_dataset()
    expected.attrs["coherence"] = value
    seen = CATEGORY_OVERLAP.label(found, ("seed",)).to_dataset()
    return RunResult(expected, seen, checks, time.perf_counter() - began)
