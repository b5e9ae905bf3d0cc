import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.tasks.autoencoding import Autoencoding, linear_reconstruction_errors
from carnotlab.tasks.curves import Curves, drawn_curves


def test_a_pixel_is_as_far_from_the_curve_as_brute_force_says():
    points = np.random.default_rng(0).uniform(0.1, 0.9, (2, 3, 2))
    size, pen = 9, 0.8
    images = drawn_curves(points, size, pen)
    # Through three points at t = 0, 1/2, 1, by Newton's divided differences and a fine grid.
    t = np.linspace(0.0, 1.0, 5000)[:, None]
    for image, (a, b, c) in zip(images, points * (size - 1), strict=True):
        curve = a + t * 2 * (b - a) + t * (t - 0.5) * 2 * (c - 2 * b + a)
        grid = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), -1)
        square = ((grid[:, :, None] - curve) ** 2).sum(-1).min(-1)
        np.testing.assert_allclose(image, np.exp(-square / (2 * pen**2)), atol=0.05)
    # control: drawn from other points it is another image
    assert np.abs(images[0] - images[1]).max() > 0.5


def test_images_are_blocks_of_one_drawing_and_seeds_change_them():
    task = Curves(300, size=6, held_out=3)
    data = task.data()
    again = drawn_curves(data.train.y[280:].reshape(-1, 3, 2), 6, 0.7)
    np.testing.assert_array_equal(data.train.x[280:], again.reshape(20, -1))
    assert data.train.x.min() >= 0.0
    assert data.train.x.max() <= 1.0
    assert data.train.y.min() >= 0.1
    assert not np.array_equal(Curves(300, size=6, seed=1).data().train.x, data.train.x)
    assert not np.array_equal(data.test.x[:3], data.train.x[:3])
    with pytest.raises(InputError, match="samples"):
        Curves(0)
    with pytest.raises(InputError, match="pen"):
        Curves(3, pen=0.0)


def test_autoencoding_keeps_samples_and_gives_them_as_targets():
    task = Curves(7, size=5)
    data = Autoencoding(task).data()
    np.testing.assert_array_equal(data.train.y, task.data().train.x)
    np.testing.assert_array_equal(data.test.x, data.test.y)
    assert Autoencoding(task).output_size == 25
    # made once, whoever asks
    assert Autoencoding(Curves(7, size=5)).data() is data


def test_the_linear_baseline_is_that_of_least_squares():
    x = np.random.default_rng(1).normal(size=(40, 6)) * [3, 2, 1, 1, 0.5, 0.1]
    mean, best = linear_reconstruction_errors(x, 2)
    centred = x - x.mean(axis=0)
    assert mean == pytest.approx(np.mean(np.sum(centred**2, axis=1)))
    vectors = np.linalg.eigh(centred.T @ centred)[1][:, -2:]
    rest = centred - centred @ vectors @ vectors.T
    assert best == pytest.approx(np.mean(np.sum(rest**2, axis=1)))
    turned = np.linalg.qr(np.random.default_rng(2).normal(size=(6, 2)))[0]
    assert best < np.mean(np.sum((centred - centred @ turned @ turned.T) ** 2, axis=1))
    with pytest.raises(InputError, match="units"):
        linear_reconstruction_errors(x, 7)
