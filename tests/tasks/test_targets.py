import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.tasks.targets import detect_kind, labels


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (np.array(["a", "b", "a"]), "classification"),
        (np.array([True, False]), "classification"),
        (np.array([0.0, 1.0, 1.0, 0.0]), "classification"),
        (np.array([[0.0], [1.0], [1.0], [0.0]]), "classification"),
        (np.arange(40) % 20, "classification"),
        (np.arange(42) % 21, "regression"),
        (np.array([1, 2, 3]), "regression"),
        (np.array([0.5, 0.5, 1.0, 1.0]), "regression"),
        (np.array([[1, 0], [0, 1], [0, 1]]), "classification"),
        (np.array([[1, 1], [0, 1], [0, 1]]), "regression"),
        (np.array([[0.2, 0.8], [0.5, 0.5]]), "regression"),
    ],
)
def test_the_kind_follows_the_documented_rule(y, kind) -> None:
    assert detect_kind(y) == kind


def test_numbers_are_ordered_as_numbers_and_named_without_a_point() -> None:
    codes, names = labels(np.array([10.0, 9.0, 10.0, 9.0]), "y")
    assert (codes.tolist(), names) == ([1, 0, 1, 0], ("9", "10"))
    assert labels(np.array([1, 0, 1, 0]), "y", ["zero", "one"]).names == ("zero", "one")
    assert labels(np.array([[0, 1], [1, 0], [0, 1], [1, 0]]), "y").codes.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("y", "names", "message"),
    [
        (np.array([0.5, 1.0]), None, "the fraction 0.5 in y.*use kind='regression'"),
        (np.array([1, 1]), None, r"one class only in y \(1\)"),
        (np.array(list("abcde")), None, "5 classes among 5 samples in y.*identifier"),
        (np.array([0, 2, 0, 2]), ["a", "b"], "labels from 0 to 2 with 2 class names"),
        (np.array([[1, 1], [0, 1]]), None, "several columns in y that are not one-hot"),
    ],
)
def test_labels_that_are_no_classes_are_refused(y, names, message) -> None:
    with pytest.raises(InputError, match=message):
        labels(y, "y", names)
