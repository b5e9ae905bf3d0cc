"""A task made from arrays in memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from carnotlab.core.data import Data
from carnotlab.core.descriptions import array_digest
from carnotlab.core.errors import InputError, require
from carnotlab.tasks.base import Task
from carnotlab.tasks.preparation import Preparation
from carnotlab.tasks.preparing import Prepared, Raw, prepare
from carnotlab.tasks.standardising import Standardise


@dataclass(frozen=True)
class ArrayTask(Task):
    """Samples from arrays in memory; make one with `from_arrays`.

    Two are equal iff their arrays have equal ``digests`` (SHA-256 of x, y and, where held out by
    hand, the test arrays) and their names and ``preparation`` agree. The arrays are copies.
    """

    name: str
    digests: tuple[str, ...]
    class_names: tuple[str, ...] | None
    feature_names: tuple[str, ...] | None
    preparation: Preparation
    prepared: Prepared = field(repr=False, compare=False)

    def __describe__(self) -> dict[str, Any]:
        """Name the content by its digests."""
        return {
            "kind": "ArrayTask",
            "name": self.name,
            "sha256": self.digests,
            "class_names": self.class_names,
            "feature_names": self.feature_names,
            "preparation": self.preparation,
        }

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return tuple(self.prepared.data.train.x.shape[1:])

    @property
    def output_size(self) -> int:
        """Number of targets or classes."""
        return int(self.prepared.data.train.y.shape[1])

    @property
    def is_classification(self) -> bool:
        """Whether targets are one-hot classes."""
        return self.prepared.classes is not None

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes in the order of the outputs; None for a regression."""
        return self.prepared.classes

    def data(self) -> Data:
        """Return the training and held-out samples, read-only float64."""
        return self.prepared.data


def from_arrays(
    x: Any,
    y: Any,
    *,
    x_test: Any = None,
    y_test: Any = None,
    kind: Literal["auto", "classification", "regression"] = "auto",
    standardise: Standardise = "none",
    standardise_targets: bool = False,
    test_fraction: float = 0.2,
    rows: int | None = None,
    image_shape: tuple[int, ...] | None = None,
    seed: int = 0,
    name: str = "arrays",
    class_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
) -> ArrayTask:
    """Return a task of inputs ``x: [n, *input]`` and targets ``y: [n]`` or ``[n, k]``.

    Labels (whole numbers, text, true/false or one-hot rows) become one-hot targets of width k,
    the number of classes; see `carnotlab.tasks.targets.detect_kind` for how ``"auto"`` tells them
    from quantities. Held-out samples are ``x_test`` and ``y_test`` if given, else a share
    ``test_fraction`` drawn with ``seed``. All options: `Preparation`. Anything `numpy.asarray`
    takes will do.

    Raises:
        InputError: for entries that are not finite numbers, lengths that differ, a single class,
            fewer than two samples, an image shape that does not fit.

    >>> task = from_arrays(np.eye(10), ["even", "odd"] * 5, test_fraction=0.4)
    >>> task.classes, task.data().train.x.shape, task.data().test.y.shape
    (('even', 'odd'), (6, 10), (4, 2))
    """
    require(
        (x_test is None) == (y_test is None),
        "only one of x_test and y_test",
        "both or neither",
        "give the other too",
    )
    arrays = [_array(a, label) for a, label in ((x, "x"), (y, "y"))]
    if x_test is not None:
        arrays += [_array(a, label) for a, label in ((x_test, "x_test"), (y_test, "y_test"))]
    preparation = Preparation(
        kind, standardise, standardise_targets, test_fraction, rows, image_shape, seed
    )
    classes = None if class_names is None else tuple(class_names)
    features = None if feature_names is None else tuple(feature_names)
    raw = Raw(*arrays, source=name, feature_names=features, class_names=classes)
    prepared = prepare(raw, preparation)
    size = math.prod(arrays[0].shape[1:])
    require(
        features is None or len(features) == size,
        f"{len(features or ())} feature names for {size} features",
        "one name for each",
        "correct feature_names",
    )
    digests = tuple(array_digest(array) for array in arrays)
    return ArrayTask(name, digests, classes, features, preparation, prepared)


def _array(values: Any, name: str) -> np.ndarray[Any, Any]:
    """Return values as an array of numbers or of fixed-width text."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} that is no array ({error})", "an array of numbers", "make it rectangular"
        ) from error
    if array.dtype.kind in "OT":
        cells: list[Any] = array.ravel().tolist()
        odd = next((cell for cell in cells if not isinstance(cell, str)), None)
        require(
            odd is None,
            f"{name} of Python objects, {odd!r} among them",
            "an array of numbers or of text",
            "convert it to float64, coding text as numbers",
        )
        return array.astype(str)
    require(array.ndim > 0, f"{name} = {array}", "an array", "give one entry for each sample")
    return array
