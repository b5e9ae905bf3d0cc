"""One category of items with features in common, planted in a table of independent features."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Data
from carnotlab.core.errors import require
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_whole
from carnotlab.tasks.drawing import generator, sealed


@dataclass(frozen=True)
class PlantedCategory(Task):
    r"""Items with random features, some of which share more than the others.

    The first ``members`` items have each of the first ``own_features`` features with probability
    ``inside``; everywhere else a feature is present with probability ``outside``, all independent.
    Targets are 1 or 0 minus the base rate ``outside``, or just 1 or 0 with ``base_rate``.

    Inputs are one-hot items, all equally likely, :math:`\Sigma_{xx} = I/P`, or :math:`\sqrt P`
    times as large with ``whiten``, as in `FeatureHierarchy`. Data is x ``[items, items]`` and
    y ``[items, features]``, dimensionless; the held-out set is the training set.

    Raises:
        InputError: for rates outside (0, 1) or a category larger than the table.

    References: saxe2019.

    >>> task = PlantedCategory(6, 8, members=2, own_features=3, inside=0.9, outside=0.2)
    >>> task.item_direction.round(3), task.data().train.y.shape
    (array([0.707, 0.707, 0.   , 0.   , 0.   , 0.   ]), (6, 8))
    """

    items: int
    features: int
    members: int
    own_features: int
    inside: float
    outside: float
    base_rate: bool = False
    whiten: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        require_whole("items", self.items, 2)
        require_whole("features", self.features, 1)
        require_whole("members", self.members, 1)
        require_whole("own_features", self.own_features, 1)
        require_whole("seed", self.seed, 0)
        require(
            self.members <= self.items and self.own_features <= self.features,
            f"a category of {self.members} items and {self.own_features} features",
            f"at most {self.items} items and {self.features} features",
            "make the category smaller",
        )
        for name, rate in (("inside", self.inside), ("outside", self.outside)):
            require(0.0 < rate < 1.0, f"{name} = {rate!r}", "between 0 and 1", "try 0.2")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input: ``(items,)``."""
        return (self.items,)

    @property
    def output_size(self) -> int:
        """Number of features."""
        return self.features

    @property
    def item_direction(self) -> Float[np.ndarray, " items"]:
        """Unit vector of the category's members."""
        return _unit(self.items, self.members)

    @property
    def feature_direction(self) -> Float[np.ndarray, " features"]:
        """Unit vector of the category's features."""
        return _unit(self.features, self.own_features)

    def data(self) -> Data:
        """Return one draw of the table, read-only float64."""
        return _data(self)


def _unit(size: int, count: int) -> Float[np.ndarray, " size"]:
    return np.where(np.arange(size) < count, count**-0.5, 0.0)


@lru_cache(maxsize=8)
def _data(task: PlantedCategory) -> Data:
    rates = np.full((task.items, task.features), task.outside)
    rates[: task.members, : task.own_features] = task.inside
    present = generator(task.seed, "features").random(rates.shape) < rates
    values = present - (0.0 if task.base_rate else task.outside)
    x = np.eye(task.items) * (np.sqrt(task.items) if task.whiten else 1.0)
    batch = sealed(x, values)
    return Data(batch, batch)
