"""A task made from the user's own file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from carnotlab.core.data import Data
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_choice, require_whole
from carnotlab.tasks.preparation import Preparation
from carnotlab.tasks.preparing import Prepared, prepare
from carnotlab.tasks.reading import (
    MAX_BYTES,
    MissingRows,
    described_by_content,
    file_digest,
    read,
    require_unchanged,
    resolved,
)
from carnotlab.tasks.standardising import Standardise


@dataclass(frozen=True)
class FileTask(Task):
    """Samples from a CSV, Parquet or NPZ file; make one with `from_file`.

    The description holds the SHA-256 of the file's content: results follow the content, wherever
    the file lies, and a file that has changed since is refused rather than read.
    """

    path: str
    target: str | None
    features: tuple[str, ...] | None
    preparation: Preparation
    missing: MissingRows = "refuse"
    max_bytes: int = MAX_BYTES
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        require_choice("missing", self.missing, ("refuse", "drop rows"))
        require_whole("max_bytes", self.max_bytes, 1)
        object.__setattr__(self, "path", resolved(self.path))
        object.__setattr__(self, "sha256", file_digest(self.path, max_bytes=self.max_bytes))
        _load(self)

    def __describe__(self) -> dict[str, Any]:
        """Name the content by its digest, and the file without its folder."""
        return described_by_content(self, leave_out=("max_bytes",))

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return tuple(self.data().train.x.shape[1:])

    @property
    def output_size(self) -> int:
        """Number of targets or classes."""
        return int(self.data().train.y.shape[1])

    @property
    def is_classification(self) -> bool:
        """Whether targets are one-hot classes."""
        return self.classes is not None

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes in the order of the outputs; None for a regression."""
        return _load(self).classes

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the inputs, where the file has them."""
        return _load(self).features

    def data(self) -> Data:
        """Return the training and held-out samples, read-only float64."""
        return _load(self).data


@lru_cache(maxsize=2)  # each may be as large as max_bytes
def _load(task: FileTask) -> Prepared:
    require_unchanged(
        task.path,
        task.sha256,
        max_bytes=task.max_bytes,
        instead="describe it again with from_file",
    )
    raw = read(
        task.path,
        target=task.target,
        features=task.features,
        regression=task.preparation.kind == "regression",
        missing=task.missing,
        max_bytes=task.max_bytes,
    )
    return prepare(raw, task.preparation)


def from_file(
    path: str | os.PathLike[str],
    *,
    target: str | None = None,
    features: Sequence[str] | None = None,
    missing: MissingRows = "refuse",
    kind: Literal["auto", "classification", "regression"] = "auto",
    standardise: Standardise = "per feature",
    standardise_targets: bool = False,
    test_fraction: float = 0.2,
    rows: int | None = None,
    image_shape: tuple[int, ...] | None = None,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> FileTask:
    r"""Return a task of the user's own data, read from a file.

    - CSV: UTF-8, commas, a header line. Parquet: flat columns. ``target`` names the column to
      predict and ``features`` those to predict it from (default: all others), which must be
      numbers. Rows with gaps are refused, or left out with ``missing="drop rows"``.
    - NPZ: arrays ``x, y``, or ``x_train, y_train, x_test, y_test``; optional text arrays
      ``class_names`` and ``feature_names``. Nothing is unpickled.

    ``max_bytes`` bounds the file on disk and each array as float64 in memory. The other options
    are those of `Preparation`: text targets are classes, and inputs are standardised per feature
    with the training samples' statistics.

    Raises:
        InputError: for anything that cannot be used as it stands, naming file, column and line
            where there are such, and the mend.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "flowers.csv"
    ...     _ = file.write_text("length,kind\n" + "1.0,rose\n2.0,lily\n" * 5)
    ...     task = from_file(file, target="kind")
    >>> task.classes, task.feature_names, task.data().train.size
    (('lily', 'rose'), ('length',), 8)
    """
    preparation = Preparation(
        kind, standardise, standardise_targets, test_fraction, rows, image_shape, seed
    )
    columns = None if features is None else tuple(features)
    return FileTask(str(path), target, columns, preparation, missing, max_bytes)
