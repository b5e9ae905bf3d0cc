import pickle

import numpy as np
import pytest

from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import InputError
from carnotlab.tasks.arrays import from_arrays

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(40, 6)), RANDOM.normal(size=40)
LABELS = np.arange(40) % 4


def test_equal_content_is_equal_and_a_changed_entry_is_not() -> None:
    task, again = from_arrays(X, Y), from_arrays(X.copy(), Y.tolist())
    assert task == again
    assert hash(task) == hash(again)
    assert content_key(task) == content_key(again)
    changed = X.copy()
    changed[0, 0] += 1e-9
    other = from_arrays(changed, Y)
    assert other != task
    assert content_key(other) != content_key(task)
    assert content_key(from_arrays(X, Y, seed=1)) != content_key(task)


def test_the_arrays_are_copies_that_cannot_be_written_to() -> None:
    x = X.copy()
    task = from_arrays(x, Y)
    before = task.data().train.x.copy()
    x[:] = 0.0
    np.testing.assert_array_equal(task.data().train.x, before)
    with pytest.raises(ValueError, match="read-only"):
        task.data().train.x[0, 0] = 1.0


def test_regression_and_classification_targets() -> None:
    task = from_arrays(X, Y)
    assert (task.input_shape, task.output_size, task.is_classification) == ((6,), 1, False)
    assert task.classes is None
    assert task.data().train.size == 32
    task = from_arrays(X, LABELS, class_names=list("abcd"), test_fraction=0.5)
    assert (task.output_size, task.classes) == (4, ("a", "b", "c", "d"))
    assert task.data().test.y.sum(axis=0).tolist() == [5.0] * 4
    task = from_arrays(X, LABELS, kind="regression")
    assert task.output_size == 1


def test_held_out_arrays_are_taken_as_they_are() -> None:
    task = from_arrays(X[:30], LABELS[:30], x_test=X[30:], y_test=LABELS[30:])
    data = task.data()
    np.testing.assert_array_equal(data.train.x, X[:30])
    np.testing.assert_array_equal(data.test.x, X[30:])
    np.testing.assert_array_equal(np.argmax(data.test.y, axis=1), LABELS[30:])


def test_targets_are_standardised_with_training_statistics() -> None:
    train = from_arrays(X, 5.0 + 3.0 * Y, standardise_targets=True).data().train
    np.testing.assert_allclose([train.y.mean(), train.y.std()], [0.0, 1.0], atol=1e-12)
    centred = from_arrays(X, LABELS, standardise_targets=True).data().train.y
    np.testing.assert_allclose(np.unique(centred), [-0.25, 0.75])


def test_rows_limit_the_samples_and_keep_every_class() -> None:
    task = from_arrays(X, LABELS, rows=12, test_fraction=0.25)
    assert (task.data().train.size, task.data().test.size) == (9, 3)
    assert np.all(task.data().train.y.sum(axis=0) >= 1)
    assert from_arrays(X, Y, rows=1000) == from_arrays(X, Y, rows=1000)


def test_images_are_reshaped_or_keep_their_shape() -> None:
    assert from_arrays(X, Y, image_shape=(2, 3, 1)).input_shape == (2, 3, 1)
    assert from_arrays(X.reshape(40, 3, 2), Y).input_shape == (3, 2)
    assert from_arrays(X[:, 0], Y).input_shape == (1,)


def test_tasks_travel_between_processes() -> None:
    task = from_arrays(X, LABELS)
    copy = pickle.loads(pickle.dumps(task))
    assert copy == task
    np.testing.assert_array_equal(copy.data().train.x, task.data().train.x)


BAD = X.copy()
BAD[3, 2] = np.nan


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (BAD, Y, {}, r"nan in x of arrays at index \(3, 2\)"),
        (X, np.where(Y > 1, np.inf, Y), {}, "inf in y of arrays"),
        (X, Y[:-1], {}, r"x of shape \(40, 6\) and y of shape \(39,\)"),
        (X[:0], Y[:0], {}, "0 samples in arrays; required: at least 2 samples"),
        (X[:1], Y[:1], {}, "1 sample in arrays; required: at least 2 samples"),
        (X[:, :0], Y, {}, r"x of shape \(40, 0\)"),
        (X, np.zeros((40, 2, 2)), {}, r"y of shape \(40, 2, 2\)"),
        (3.0, Y, {}, "x = 3.0; required: an array"),
        (X.astype(complex), Y, {}, "x of arrays with dtype complex128"),
        (X.astype(str), Y, {}, "x of arrays with dtype <U32"),
        (np.array([[1, None]] * 2), Y[:2], {}, "x of Python objects, 1 among them"),
        ([[1.0], [1.0, 2.0]], Y[:2], {}, "x that is no array"),
        (X, np.zeros(40), {}, r"one class only in y of arrays \(0\)"),
        (X, np.full(40, 0.5), {}, "one constant value in y"),
        (X, ["a", "b"] * 20, {"kind": "regression"}, "text in y of arrays"),
        (X, Y, {"kind": "classification"}, "the fraction"),
        (X, Y, {"kind": "other"}, "kind = 'other'"),
        (X, Y, {"test_fraction": 1.0}, "test_fraction = 1.0"),
        (X, Y, {"rows": 1}, "rows = 1"),
        (X, Y, {"image_shape": (28, 28, 1)}, r"image_shape = \(28, 28, 1\) for inputs of 6"),
        (X, Y, {"image_shape": (2, 3)}, r"image_shape = \(2, 3\)"),
        (X, Y, {"standardise": "maybe"}, "standardise = 'maybe'"),
        (X, Y, {"x_test": X}, "only one of x_test and y_test"),
        (X, Y, {"x_test": X[:, :2], "y_test": Y}, r"test inputs of shape \(2,\)"),
        (X, Y, {"x_test": X[:0], "y_test": Y[:0]}, "0 samples in the test set of arrays"),
        (X, LABELS, {"x_test": X, "y_test": LABELS + 1}, "the class 4 in the test set only"),
        (X, LABELS, {"x_test": X, "y_test": ["a", "b"] * 20}, "the same kind of targets"),
        (X, Y, {"feature_names": ["a"]}, "1 feature names for 6 features"),
    ],
)
def test_bad_arrays_are_refused(x, y, options, message) -> None:
    with pytest.raises(InputError, match=message):
        from_arrays(x, y, **options)
