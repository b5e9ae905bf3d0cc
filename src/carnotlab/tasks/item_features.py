"""Items and their features from a table: what a learner of semantic knowledge is taught."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Data
from carnotlab.core.errors import InputError, require, require_positive
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_choice
from carnotlab.tasks.csv_files import read_csv
from carnotlab.tasks.drawing import sealed
from carnotlab.tasks.reading import (
    MAX_BYTES,
    described_by_content,
    file_digest,
    require_unchanged,
    resolved,
)

MissingCells: TypeAlias = Literal["refuse", "mean"]


@dataclass(frozen=True)
class ItemFeatures(Task):
    r"""One-hot items in, their features out, from a CSV file of one line per item.

    The first column names the items, the others are features in any units (binary, counts,
    ratings). In this order: missing cells are refused, or take the ``"mean"`` of the feature over
    the items that have it; features equal for all items are left out if ``drop_constant``;
    features are multiplied by ``scale``; with ``centre`` each feature's mean is subtracted.

    P items are equally likely: :math:`\Sigma_{xx} = I/P`, or I with ``whiten``, which makes inputs
    :math:`\sqrt P` times as large, as in `FeatureHierarchy`. Data is x ``[P, P]`` and
    y ``[P, features]``; the held-out set is the training set, the knowledge of the same items.
    The description holds the SHA-256 of the file, not its place.

    Raises:
        InputError: for a file that cannot be read, two items of one name, a cell that is no
            number (with column and line), or a missing one under ``missing="refuse"``.

    References: rogers2004, kemp2008, deyne2008, saxe2019.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "animals.csv"
    ...     _ = file.write_text("name,wings,fins\nrobin,1,0\nsalmon,0,1\n")
    ...     task = ItemFeatures(str(file), whiten=True)
    ...     task.items, task.data().train.y.tolist()
    (('robin', 'salmon'), [[1.0, 0.0], [0.0, 1.0]])
    """

    path: str
    missing: MissingCells = "refuse"
    drop_constant: bool = False
    scale: float = 1.0
    centre: bool = False
    whiten: bool = False
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        require_choice("missing", self.missing, ("refuse", "mean"))
        require_positive("scale", self.scale)
        object.__setattr__(self, "path", resolved(self.path))
        object.__setattr__(self, "sha256", file_digest(self.path))
        _load(self)

    def __describe__(self) -> dict[str, Any]:
        """Name the content by its digest, and the file without its folder."""
        return described_by_content(self)

    @property
    def items(self) -> tuple[str, ...]:
        """Names of the items, in the order of the inputs."""
        return _load(self).items

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of the outputs."""
        return _load(self).features

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input: ``(items,)``."""
        return (len(self.items),)

    @property
    def output_size(self) -> int:
        """Number of features."""
        return len(self.features)

    def data(self) -> Data:
        """Return all items with their features, read-only float64."""
        return _load(self).data


class _Loaded(NamedTuple):
    items: tuple[str, ...]
    features: tuple[str, ...]
    data: Data


@lru_cache(maxsize=8)
def _load(task: ItemFeatures) -> _Loaded:
    require_unchanged(task.path, task.sha256)
    path = Path(task.path)
    table = read_csv(path, max_bytes=MAX_BYTES, named_rows=True)
    first, names = table.columns[0], table.columns[1:]
    require(len(names) > 0, f"{path.name} without features", "a column for each", "add some")
    items = tuple(str(name) for name in table.frame[first].fillna(""))
    require(
        len(items) >= 2, f"{len(items)} items in {path.name}", "at least 2", "add lines for more"
    )
    for row, name in enumerate(items):
        if name == "" or name in items[:row]:
            raise InputError(
                f"{f'a second item {name!r}' if name else 'an item without a name'} "
                f"in {table.place(row)} of {path.name}",
                "distinct names of items in the first column",
                "name it otherwise",
            )
    values = np.stack([table.numbers(n, missing=task.missing == "mean") for n in names], axis=1)
    values = _filled(values, names, path.name)
    kept = np.ptp(values, axis=0) > 0.0 if task.drop_constant else np.ones(len(names), dtype=bool)
    require(bool(kept.any()), f"constant features only in {path.name}", "one that varies", "add it")
    values = task.scale * values[:, kept]
    if task.centre:
        values = values - values.mean(axis=0)
    x = np.eye(len(items)) * (np.sqrt(len(items)) if task.whiten else 1.0)
    batch = sealed(x, values)
    features = tuple(name for name, keep in zip(names, kept.tolist(), strict=True) if keep)
    return _Loaded(items, features, Data(batch, batch))


def _filled(
    values: Float[np.ndarray, "items features"], names: tuple[str, ...], source: str
) -> Float[np.ndarray, "items features"]:
    """Return values with gaps closed by each feature's mean."""
    gaps = np.isnan(values)
    present = np.sum(~gaps, axis=0)
    require(
        bool(np.all(present > 0)),
        f"no value at all in column '{names[int(np.argmin(present))]}' of {source}",
        "a value for at least one item",
        "remove the column",
    )
    means = np.sum(np.where(gaps, 0.0, values), axis=0) / present
    return np.where(gaps, means, values)
