"""Digits on a canvas: the same pixels somewhere else, balanced and nested."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from carnotlab.core.errors import InputError
from carnotlab.tasks.moved_digits import MovedDigits
from carnotlab.tasks.pixels import roughness


def test_every_canvas_holds_one_digit_of_its_class_and_nothing_else():
    data = MovedDigits(per_class=3, held_out_per_class=2, canvas=11).data()
    digits, labels = load_digits(return_X_y=True)
    for batch in data:
        x, y = np.asarray(batch.x)[..., 0], np.argmax(batch.y, axis=1)
        empty = x.min()
        for image, label in zip(x, y, strict=True):
            inked = image > empty + 1e-9
            rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
            assert np.ptp(rows) < 8
            assert np.ptp(columns) < 8
            assert _is_one_of(image, empty, digits[labels == label])


def _is_one_of(image, empty, digits):
    """Whether some digit's inked box, brought to the same largest number, is the image's."""

    def box(values, ground):
        inked = values > ground + 1e-9
        rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
        return values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] - ground

    mine = box(image, empty)
    for digit in digits:
        other = box(digit.reshape(8, 8), 0.0)
        if other.shape == mine.shape:
            factor = mine.max() / other.max()
            if np.allclose(mine, factor * other, atol=1e-9):
                return True
    return False


def test_places_differ_and_stay_with_their_image():
    data = MovedDigits(per_class=8, held_out_per_class=1, canvas=12).data()
    x = np.asarray(data.train.x)[..., 0]
    corners = {tuple(np.argwhere(image > x.min() + 1e-9).min(axis=0)) for image in x}
    assert len(corners) > 10
    again = MovedDigits(per_class=2, held_out_per_class=1, canvas=12).data()
    np.testing.assert_array_equal(again.train.x, data.train.x[:20])
    np.testing.assert_array_equal(again.test.x, data.test.x)


def test_mean_and_variance_are_those_of_all_images_on_the_canvas():
    data = MovedDigits(per_class=100, held_out_per_class=74, canvas=10).data()
    whole = np.concatenate([np.asarray(batch.x) for batch in data])
    assert abs(whole.mean()) < 0.01
    assert abs(whole.std() - 1.0) < 0.01


def test_classes_are_balanced_and_parts_apart():
    data = MovedDigits(per_class=5, held_out_per_class=4, canvas=8).data()
    np.testing.assert_array_equal(data.train.y.sum(axis=0), 5)
    np.testing.assert_array_equal(data.test.y.sum(axis=0), 4)
    together = np.concatenate([np.asarray(b.x).reshape(b.size, -1) for b in data])
    assert len(np.unique(together, axis=0)) == 90


def test_shuffling_takes_the_likeness_of_neighbours():
    plain, mixed = (MovedDigits(shuffle=s).data().train.x for s in (None, 0))
    assert roughness(np.asarray(plain)) < 0.5 < 0.9 < roughness(np.asarray(mixed))
    np.testing.assert_allclose(np.sort(np.ravel(plain)), np.sort(np.ravel(mixed)))


@pytest.mark.parametrize("changes", [{"per_class": 170}, {"canvas": 7}, {"per_class": 0}])
def test_what_does_not_fit_is_refused(changes):
    with pytest.raises(InputError):
        MovedDigits(**changes)
