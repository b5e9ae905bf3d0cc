"""Subsets of an image archive: balanced, nested, scaled, shuffled; and what is refused."""

import numpy as np
import pytest

from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import InputError
from carnotlab.tasks.cifar10 import ImageSubset


def archive(path, *, classes=3, each=6, tests=9, shape=(4, 4, 2), seed=0):
    """Write images whose first number names them, so that they can be told apart."""
    rng = np.random.default_rng(seed)
    n = classes * each
    x = rng.integers(0, 200, size=(n + tests, *shape), dtype=np.uint8)
    x[:, 0, 0] = np.arange(n + tests).reshape(-1, *(1,) * (len(shape) - 2))
    y = np.concatenate([rng.permutation(np.repeat(np.arange(classes), each)), np.arange(tests) % 3])
    np.savez(path, x_train=x[:n], y_train=y[:n], x_test=x[n:], y_test=y[n:])
    return x, y


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "images.npz"
    x, y = archive(path)
    return str(path), x, y


def origin(task, made):
    """Return the places in the archive of training and held-out images, undoing the scale."""
    _, x, _ = made
    train = x[:18].astype(float)
    mean, deviation = train.mean((0, 1, 2)), train.std((0, 1, 2))
    data = task.data()
    found = [np.asarray(b.x)[:, 0, 0, 0] * deviation[0] + mean[0] for b in data]
    return [np.rint(part).astype(int) for part in found], data


def test_images_are_those_of_the_archive_with_their_labels_and_one_scale(made):
    path, x, y = made
    task = ImageSubset(path, per_class=4, held_out=5)
    (train, test), data = origin(task, made)
    assert len(set(train.tolist())) == 12
    assert set(test.tolist()) <= set(range(18, 27))
    values = x[:18].astype(float)
    scaled = (x - values.mean((0, 1, 2))) / values.std((0, 1, 2))
    for places, batch in ((train, data.train), (test, data.test)):
        np.testing.assert_allclose(batch.x, scaled[places], rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(np.argmax(batch.y, axis=1), y[places])
        np.testing.assert_array_equal(np.sum(batch.y, axis=1), 1.0)


def test_smaller_subsets_are_balanced_prefixes_with_the_same_held_out_images(made):
    path = made[0]
    large = ImageSubset(path, per_class=5, held_out=4, seed=3).data()
    for per_class in (1, 2, 4):
        small = ImageSubset(path, per_class=per_class, held_out=4, seed=3).data()
        n = 3 * per_class
        np.testing.assert_array_equal(small.train.x, large.train.x[:n])
        np.testing.assert_array_equal(small.train.y.sum(axis=0), per_class)
        np.testing.assert_array_equal(small.test.x, large.test.x)


def test_chosen_classes_are_counted_in_the_order_given_and_scaled_as_the_whole_archive(made):
    _, x, y = made
    task = ImageSubset(made[0], per_class=6, held_out=6, classes=(2, 0))
    (train, test), data = origin(task, made)
    assert task.output_size == 2
    assert sorted(train.tolist()) == np.flatnonzero(y[:18] != 1).tolist()
    assert sorted(test.tolist()) == (18 + np.flatnonzero(y[18:] != 1)).tolist()
    values = x[:18].astype(float)
    scaled = (x - values.mean((0, 1, 2))) / values.std((0, 1, 2))
    for places, batch in ((train, data.train), (test, data.test)):
        np.testing.assert_allclose(batch.x, scaled[places], rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(np.argmax(batch.y, axis=1), np.where(y[places] == 2, 0, 1))


def test_seeds_draw_other_images(made):
    path = made[0]
    first, second = (origin(ImageSubset(path, 2, 5, seed=s), made)[0] for s in (0, 1))
    assert first[0].tolist() != second[0].tolist()
    assert first[1].tolist() != second[1].tolist()


def test_pixels_are_averaged_before_the_scale_is_taken(made):
    path, x, _ = made
    data = ImageSubset(path, per_class=6, held_out=9, side=2).data()
    blocks = x.astype(float).reshape(-1, 2, 2, 2, 2, 2).mean((2, 4))
    scaled = (blocks - blocks[:18].mean((0, 1, 2))) / blocks[:18].std((0, 1, 2))
    np.testing.assert_allclose(np.sort(np.asarray(data.train.x), 0), np.sort(scaled[:18], 0))
    np.testing.assert_allclose(np.asarray(data.train.x).mean((0, 1, 2)), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.asarray(data.train.x).std((0, 1, 2)), 1.0)


def test_one_permutation_moves_the_pixels_of_all_images_and_keeps_channels_together(made):
    path = made[0]
    plain = ImageSubset(path, per_class=4, held_out=5).data()
    mixed = ImageSubset(path, per_class=4, held_out=5, shuffle=1).data()
    one, other = (np.asarray(d.train.x).reshape(12, 16, 2) for d in (plain, mixed))
    order = [int(np.flatnonzero((one == other[:, [i]]).all((0, 2)))[0]) for i in range(16)]
    assert sorted(order) == list(range(16))
    assert order != list(range(16))
    test_one, test_other = (np.asarray(d.test.x).reshape(5, 16, 2) for d in (plain, mixed))
    np.testing.assert_array_equal(test_other, test_one[:, order])
    np.testing.assert_array_equal(mixed.train.y, plain.train.y)


def test_grey_images_get_one_channel(tmp_path):
    path = tmp_path / "grey.npz"
    archive(path, shape=(4, 4))
    task = ImageSubset(str(path), per_class=2, held_out=3)
    assert task.input_shape == task.data().train.x.shape[1:] == (4, 4, 1)
    assert task.output_size == 3


def test_the_description_follows_the_content_and_not_the_folder(tmp_path):
    keys = []
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / folder).mkdir()
        archive(tmp_path / folder / "images.npz", seed=seed)
        keys.append(content_key(ImageSubset(str(tmp_path / folder / "images.npz"), 1, 2)))
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"per_class": 7}, "at most the 6"),
        ({"held_out": 10}, "at most the 9"),
        ({"side": 3}, "a divisor"),
        ({"seed": -1}, "seed"),
        ({"classes": (0, 3)}, "different ones of 0 to 2"),
        ({"classes": (1, 1)}, "different ones of 0 to 2"),
        ({"classes": (1,)}, "two or more"),
        ({"classes": (0, 1), "held_out": 7}, "at most the 6"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(made, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        ImageSubset(made[0], **{"per_class": 1, "held_out": 1, **changes})
    assert "\n" not in str(caught.value)


def test_archives_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, x=np.zeros((4, 4, 4)), y=np.array([0, 1, 0, 1]))
    with pytest.raises(InputError, match="without test images"):
        ImageSubset(str(path))
    y = np.array([0, 1, 0, 1])
    np.savez(path, x_train=np.zeros((4, 9)), y_train=y, x_test=np.zeros((4, 9)), y_test=y)
    with pytest.raises(InputError, match="height, width"):
        ImageSubset(str(path))


def test_a_file_that_changed_since_is_refused(made):
    path = made[0]
    task = ImageSubset(path, per_class=1, held_out=1)
    archive(path, seed=5)
    object.__setattr__(task, "seed", 77)  # so that nothing of it is kept in memory
    from carnotlab.tasks.cifar10 import image_archive

    image_archive.cache_clear()
    with pytest.raises(InputError, match="has changed"):
        task.data()
