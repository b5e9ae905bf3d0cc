import numpy as np

from carnotlab.tasks.standardising import standardised

RANDOM = np.random.default_rng(0)


def test_statistics_are_those_of_the_training_samples() -> None:
    train, test = RANDOM.normal(3.0, 2.0, (50, 4)), RANDOM.normal(9.0, 5.0, (20, 4))
    a, b = standardised(train, test, "per feature")
    np.testing.assert_allclose([a.mean(axis=0), a.std(axis=0)], [[0] * 4, [1] * 4], atol=1e-12)
    np.testing.assert_allclose(b, (test - train.mean(axis=0)) / train.std(axis=0))
    a, b = standardised(train, test, "unit range")
    np.testing.assert_allclose(b, (test - train.min()) / (train.max() - train.min()))


def test_constants_become_zero_and_never_divide_by_zero() -> None:
    # 0.1 is no binary fraction: its mean over many rows differs from it by rounding.
    train = np.full((1000, 2), 0.1)
    for how in ("per feature", "unit range", "zero mean, unit norm rows"):
        a, _ = standardised(train, train, how)
        np.testing.assert_array_equal(a, 0.0)


def test_images_keep_their_shape() -> None:
    images = RANDOM.normal(size=(6, 4, 3, 2))
    for how in ("none", "per feature", "unit range", "zero mean, unit norm rows"):
        a, b = standardised(images, images[:2], how)
        assert (a.shape, b.shape) == ((6, 4, 3, 2), (2, 4, 3, 2))
    np.testing.assert_allclose(np.linalg.norm(a.reshape(6, -1), axis=1), 1.0)
