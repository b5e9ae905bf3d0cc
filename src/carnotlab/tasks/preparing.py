"""From raw arrays to samples: checked, divided, scaled. Shared by arrays in memory and files."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Data
from carnotlab.core.errors import InputError, require
from carnotlab.tasks.drawing import sealed
from carnotlab.tasks.preparation import Preparation
from carnotlab.tasks.splitting import partition
from carnotlab.tasks.standardising import scales, standardised
from carnotlab.tasks.targets import detect_kind, labels, one_hot


@dataclass(frozen=True, eq=False)
class Raw:
    """Arrays as found, with the names to call them by in messages.

    ``x: [n, *input]``, ``y: [n]`` or ``[n, k]``; ``x_test`` and ``y_test`` if held out already.
    """

    x: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    x_test: np.ndarray[Any, Any] | None = None
    y_test: np.ndarray[Any, Any] | None = None
    source: str = "the arrays"
    target: str = "y"
    feature_names: tuple[str, ...] | None = None
    class_names: tuple[str, ...] | None = None


class Prepared(NamedTuple):
    """Samples ready for use, with the names of classes (None for a regression) and features."""

    data: Data
    classes: tuple[str, ...] | None
    features: tuple[str, ...] | None


def prepare(raw: Raw, how: Preparation) -> Prepared:
    """Return the samples of ``raw``, prepared as ``how`` says, read-only float64.

    Raises:
        InputError: for fewer than two samples, x and y of different lengths, entries that are not
            finite numbers, labels that are no classification, an image of the wrong size.

    >>> raw = Raw(np.arange(20.0).reshape(10, 2), np.array([0, 1] * 5))
    >>> prepare(raw, Preparation()).data.test.y
    array([[1., 0.],
           [0., 1.]])
    """
    x, y = _numbers(raw.x, "x", raw.source), raw.y
    x_test = None if raw.x_test is None else _numbers(raw.x_test, "x of the test set", raw.source)
    _require_pairs(x, y, raw.source)
    if x_test is not None and raw.y_test is not None:
        _require_pairs(x_test, raw.y_test, f"the test set of {raw.source}", least=1)
        require(
            x_test.shape[1:] == x.shape[1:],
            f"test inputs of shape {x_test.shape[1:]}, training inputs of {x.shape[1:]}",
            "the same shape in both",
            f"correct {raw.source}",
        )
        y = _joined(y, raw.y_test, raw)
    targets, codes, classes = _targets(y, raw, how)

    if x_test is None:
        every = _chosen(np.arange(len(x)), codes, how)
        count = min(max(round(how.test_fraction * len(every)), 1), len(every) - 1)
        groups = None if codes is None else codes[every]
        first, second = partition(len(every), count, seed=how.seed, classes=groups)
        train, test = every[first], every[second]
    else:
        train = _chosen(np.arange(len(x)), codes, how)
        test = np.arange(len(x), len(x) + len(x_test))
        x = np.concatenate([x, x_test])

    x = _as_images(x, how)
    x_train, x_held_out = standardised(x[train], x[test], how.standardise)
    y_train, y_held_out = targets[train], targets[test]
    if classes is None:
        require(
            bool(np.any(y_train.max(axis=0) > y_train.min(axis=0))),
            f"one constant value in {raw.target}",
            "a target that varies",
            "choose another target",
        )
    if how.standardise_targets:
        mean, scale = scales(y_train) if classes is None else (1.0 / len(classes), 1.0)
        y_train, y_held_out = (y_train - mean) / scale, (y_held_out - mean) / scale
    data = Data(sealed(x_train, y_train), sealed(x_held_out, y_held_out))
    return Prepared(data, classes, raw.feature_names)


def _numbers(x: np.ndarray[Any, Any], name: str, source: str) -> Float[np.ndarray, "n *input"]:
    require(
        x.dtype.kind in "biuf",
        f"{name} of {source} with dtype {x.dtype}",
        "real numbers",
        "convert it to float64, coding text as numbers",
    )
    require(x.ndim > 0, f"the single number {name} in {source}", "an array", "give one per sample")
    numbers = x.astype(np.float64)
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        place = tuple(bad[0].tolist())
        raise InputError(
            f"{numbers[place]} in {name} of {source} at index {place}, {len(bad)} such in all",
            "finite numbers",
            "remove those samples, or fill the values in",
        )
    return numbers[:, None] if numbers.ndim == 1 else numbers


def _require_pairs(
    x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], source: str, least: int = 2
) -> None:
    samples = "samples" if least > 1 else "sample"
    shapes = f"x of shape {x.shape} and y of shape {y.shape} in {source}"
    require(
        y.ndim in (1, 2) and 0 not in (*x.shape[1:], *y.shape[1:]),
        shapes,
        "x [n, *input] and y [n] or [n, k]",
        "reshape them",
    )
    require(len(x) == len(y), shapes, "as many targets as inputs", "match them")
    require(
        len(x) >= least,
        f"{len(x)} sample{'' if len(x) == 1 else 's'} in {source}",
        f"at least {least} {samples}",
        "give more data",
    )


def _joined(
    y: np.ndarray[Any, Any], y_test: np.ndarray[Any, Any], raw: Raw
) -> np.ndarray[Any, Any]:
    require(
        y.shape[1:] == y_test.shape[1:] and (y.dtype.kind in "US") == (y_test.dtype.kind in "US"),
        f"targets of shape {y.shape}, {y.dtype}, and for testing {y_test.shape}, {y_test.dtype}",
        "the same kind of targets in both",
        f"correct {raw.source}",
    )
    return np.concatenate([y, y_test])


def _targets(
    y: np.ndarray[Any, Any], raw: Raw, how: Preparation
) -> tuple[Float[np.ndarray, "n k"], np.ndarray[Any, Any] | None, tuple[str, ...] | None]:
    """Return targets, class codes and class names of all samples."""
    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8", "replace")
    if y.dtype.kind not in "Ub":
        y = _numbers(y, raw.target, raw.source)
    kind = detect_kind(y) if how.kind == "auto" else how.kind
    if kind == "classification":
        codes, names = labels(y, f"{raw.target} of {raw.source}", raw.class_names)
        absent = np.setdiff1d(codes, codes[: len(raw.y)])
        require(
            len(absent) == 0,
            f"the class {names[absent[0]] if len(absent) else ''} in the test set only",
            "training samples of every class",
            f"add some to {raw.source}, or take it from the test set",
        )
        return one_hot(codes, len(names)), codes, names
    require(
        y.dtype.kind != "U",
        f"text in {raw.target} of {raw.source}",
        "numbers, for a regression",
        "use kind='classification'",
    )
    return y.astype(np.float64).reshape(len(y), -1), None, None


def _chosen(
    every: np.ndarray[Any, Any], codes: np.ndarray[Any, Any] | None, how: Preparation
) -> np.ndarray[Any, Any]:
    if how.rows is None or how.rows >= len(every):
        return every
    groups = None if codes is None else codes[: len(every)]
    return every[partition(len(every), len(every) - how.rows, seed=how.seed, classes=groups)[0]]


def _as_images(x: Float[np.ndarray, "n *input"], how: Preparation) -> Float[np.ndarray, "n *input"]:
    if how.image_shape is None:
        return x
    size = math.prod(x.shape[1:])
    require(
        math.prod(how.image_shape) == size,
        f"image_shape = {how.image_shape} for inputs of {size} numbers",
        f"height × width × channels = {size}",
        "correct image_shape",
    )
    return x.reshape(len(x), *how.image_shape)
