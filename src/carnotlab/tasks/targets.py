"""Classification or regression: deciding which, and turning labels into one-hot targets."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.errors import InputError, require

Kind: TypeAlias = Literal["classification", "regression"]

MOST_CLASSES = 20
"""Whole numbers with more distinct values than this are taken for quantities, not labels."""


class Labels(NamedTuple):
    """Classes as integers ``codes: [n]`` into ``names``."""

    codes: Int[np.ndarray, " n"]
    names: tuple[str, ...]


def detect_kind(y: np.ndarray[Any, Any]) -> Kind:
    """Tell labels from quantities.

    Text and true/false are labels. So are whole numbers that take at most 20 values, each of
    them twice on average, and rows of several columns that are all one-hot. All else is a
    regression; pass ``kind`` where this rule is wrong (a score from 1 to 5, say).

    >>> detect_kind(np.array([0, 1, 1, 0])), detect_kind(np.array([0.5, 1.0, 2.0]))
    ('classification', 'regression')
    """
    if y.ndim == 2 and y.shape[1] > 1:
        return "classification" if _is_one_hot(y) else "regression"
    column = y.ravel()
    if column.dtype.kind in "USb":
        return "classification"
    if not np.all(column == np.round(column)):
        return "regression"
    distinct = len(np.unique(column))
    return "classification" if distinct <= min(MOST_CLASSES, len(y) / 2) else "regression"


def labels(y: np.ndarray[Any, Any], where: str, names: Sequence[str] | None = None) -> Labels:
    """Return labels as integers with their names, numbers in numerical order, text in A–Z order.

    ``where`` names the target in messages; ``names`` are those of the labels 0, 1, ….

    Raises:
        InputError: for fractions, one class only, or nearly as many classes as samples.

    >>> labels(np.array(["cat", "ant", "cat"]), "y")
    Labels(codes=array([1, 0, 1]), names=('ant', 'cat'))
    """
    if y.ndim == 2 and y.shape[1] > 1:
        require(
            _is_one_hot(y),
            f"several columns in {where} that are not one-hot",
            "one column of labels, or rows with a single 1",
            "use kind='regression'",
        )
        y = np.argmax(y, axis=1)
    column = y.ravel()
    if column.dtype.kind == "f" and not np.all(column == np.round(column)):
        fraction = column[column != np.round(column)][0]
        raise InputError(
            f"the fraction {fraction:g} in {where}",
            "whole numbers or text as labels",
            "use kind='regression'",
        )
    values, codes = np.unique(column, return_inverse=True)
    require(
        len(values) > 1,
        f"one class only in {where} ({_name(values[0])})",
        "at least two",
        "add samples of another class",
    )
    require(
        len(values) <= max(2, len(column) // 2),
        f"{len(values)} classes among {len(column)} samples in {where}",
        "at least two samples per class on average",
        "choose another target (is this one an identifier?), or use kind='regression'",
    )
    known = [_name(value) for value in values]
    if names is not None and column.dtype.kind in "iuf":
        require(
            values[0] >= 0 and values[-1] < len(names),
            f"labels from {values[0]:g} to {values[-1]:g} with {len(names)} class names",
            f"labels from 0 to {len(names) - 1}",
            "correct the labels or the names",
        )
        known = [str(names[int(value)]) for value in values]
    return Labels(codes.astype(np.int64), tuple(known))


def one_hot(codes: Int[np.ndarray, " n"], classes: int) -> Float[np.ndarray, "n classes"]:
    """Return rows with a single 1 at the class's place, float64.

    >>> one_hot(np.array([1, 0]), 2)
    array([[0., 1.],
           [1., 0.]])
    """
    return np.eye(classes)[codes]


def share_wrong(outputs: Float[np.ndarray, "n k"], targets: Float[np.ndarray, "n k"]) -> float:
    """Return the share of rows whose largest output is not at the target's class.

    >>> share_wrong(np.array([[0.9, 0.2], [0.8, 0.1]]), np.eye(2))
    0.5
    """
    return float(np.mean(np.argmax(outputs, axis=1) != np.argmax(targets, axis=1)))


def _is_one_hot(y: np.ndarray[Any, Any]) -> bool:
    return bool(np.all((y == 0) | (y == 1)) and np.all(np.sum(y == 1, axis=1) == 1))


def _name(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) else str(value)
