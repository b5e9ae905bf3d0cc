"""Handwritten digits, 8 × 8 pixels: real images that need no download."""

import gzip
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.data import Data
from carnotlab.core.errors import InputError, require, require_positive
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_choice, require_whole
from carnotlab.tasks.drawing import generator, sealed
from carnotlab.tasks.label_noise import label_shifts
from carnotlab.tasks.splitting import partition
from carnotlab.tasks.standardising import STANDARDISE, Standardise, standardised
from carnotlab.tasks.targets import one_hot


@dataclass(frozen=True)
class Digits(Task):
    """The 1797 digits of scikit-learn: 64 pixels from 0 to 16, ten classes of about 180.

    ``seed`` draws ``train_size`` images class by class in proportion, ``test_size`` of the others,
    and the wrong labels. ``classes`` keeps only these digits, in this order of outputs.
    ``standardise`` scales the pixels with training statistics, see
    `carnotlab.tasks.standardising.standardised` (pixels at the edge are constant, and stay
    finite). A share ``label_noise`` of training labels is replaced by another class, uniformly;
    held-out labels are clean. Targets are one-hot, minus 1/k if ``centre_targets`` (k classes),
    times ``target_scale``.

    Raises:
        InputError: for more images than there are, fewer than one of each class to train on, an
            unknown digit, or a label noise outside [0, 1].

    >>> data = Digits(train_size=200, test_size=100, classes=(0, 1)).data()
    >>> data.train.x.shape, data.test.y.shape
    ((200, 64), (100, 2))
    """

    train_size: int = 1000
    test_size: int = 500
    standardise: Standardise = "unit range"
    classes: tuple[int, ...] | None = None
    centre_targets: bool = False
    target_scale: float = 1.0
    label_noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        require_whole("train_size", self.train_size, 2)
        require_whole("test_size", self.test_size, 1)
        require_whole("seed", self.seed, 0)
        require_choice("standardise", self.standardise, STANDARDISE)
        require_positive("target_scale", self.target_scale)
        require(
            0.0 <= self.label_noise <= 1.0,
            f"label_noise = {self.label_noise!r}",
            "a share between 0 and 1",
            "try 0.1",
        )
        kept = self.digits
        if len(kept) < 2 or len(set(kept)) < len(kept) or not set(kept) <= set(range(10)):
            required = "a tuple of at least two different digits"
            raise InputError(f"classes = {self.classes!r}", required, "try (0, 1)")
        available = int(np.isin(all_digits()[1], kept).sum())
        require(
            self.train_size + self.test_size <= available,
            f"train_size + test_size = {self.train_size + self.test_size}",
            f"at most the {available} images of these classes",
            "use fewer",
        )
        require(
            self.train_size >= len(kept),
            f"train_size = {self.train_size} for {len(kept)} classes",
            "at least one image of each class",
            "use more",
        )

    @property
    def digits(self) -> tuple[int, ...]:
        """The digits kept, in the order of outputs."""
        return tuple(range(10)) if self.classes is None else self.classes

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input: ``(64,)``."""
        return (64,)

    @property
    def output_size(self) -> int:
        """Number of classes."""
        return len(self.digits)

    @property
    def is_classification(self) -> bool:
        """Targets are one-hot classes."""
        return True

    def data(self) -> Data:
        """Return the images drawn, read-only float64."""
        return _data(self)


@cache
def all_digits() -> tuple[Float[np.ndarray, "n 64"], Int[np.ndarray, " n"]]:
    """Return the pixels, row by row, and the digit of every image.

    >>> pixels, labels = all_digits()
    >>> pixels.shape, labels[:5].tolist()
    ((1797, 64), [0, 1, 2, 3, 4])
    """
    table = _table()
    if table is None:
        from sklearn import datasets  # pyright: ignore[reportMissingTypeStubs]

        pixels, labels = cast("Any", datasets).load_digits(return_X_y=True)
        return np.asarray(pixels, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    return table[:, :-1], table[:, -1].astype(np.int64)


def _table() -> Float[np.ndarray, "n 65"] | None:
    """Return the images as scikit-learn ships them: importing it for one file takes a second."""
    found = find_spec("sklearn")
    for place in found.submodule_search_locations or () if found else ():
        file = Path(place) / "datasets/data/digits.csv.gz"
        if file.is_file():
            with gzip.open(file, "rt", encoding="ascii") as lines:
                return np.loadtxt(lines, delimiter=",")
    return None


@lru_cache(maxsize=8)
def _data(task: Digits) -> Data:
    pixels, labels = all_digits()
    kept = np.concatenate([np.flatnonzero(labels == digit) for digit in task.digits])
    codes = np.concatenate(
        [np.full(int(np.sum(labels == digit)), code) for code, digit in enumerate(task.digits)]
    )
    rest = len(kept) - task.train_size
    train, others = partition(len(kept), rest, seed=task.seed, classes=codes)
    test = others[: task.test_size]
    x_train, x_test = standardised(pixels[kept[train]], pixels[kept[test]], task.standardise)
    random = generator(task.seed, "labels")
    shifts = label_shifts(len(train), task.output_size, task.label_noise, random)
    shown = (codes[train] + shifts) % task.output_size

    def targets(classes: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n k"]:
        hot = one_hot(classes, task.output_size)
        return task.target_scale * (hot - 1.0 / task.output_size if task.centre_targets else hot)

    return Data(sealed(x_train, targets(shown)), sealed(x_test, targets(codes[test])))
