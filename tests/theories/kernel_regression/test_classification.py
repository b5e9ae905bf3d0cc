"""Classes by kernel regression: against a solve by hand, and limits that are known."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.kernel_regression.classification import accuracy_by_samples, rounding_gain


def sample(n, m, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n + m) % classes
    x = rng.standard_normal((n + m, 4)) + 2.0 * np.eye(4)[codes]
    kernel = np.exp(-0.5 * np.sum((x[:, None] - x[None]) ** 2, axis=-1))
    return kernel, np.eye(classes)[codes]


def test_each_size_is_a_regression_of_its_own():
    n, m = 12, 30
    kernel, y = sample(n, m)
    train, across = kernel[:n, :n], kernel[n:, :n]
    found = accuracy_by_samples(train, across, y[:n], y[n:], (3, 6, 12), ridge=0.1)
    for size, accuracy in zip((3, 6, 12), found, strict=True):
        # The diagonal is 1, so that the ridge has its plain meaning; targets by least squares.
        system = train[:size, :size] + 0.1 * np.eye(size)
        outputs = across[:, :size] @ np.linalg.lstsq(system, y[:size] - 1 / 3, rcond=None)[0]
        assert accuracy == np.mean(np.argmax(outputs, 1) == np.argmax(y[n:], 1))
    assert found[-1] > 1 / 3


def test_without_ridge_training_images_are_classified_right():
    kernel, y = sample(9, 1)
    assert accuracy_by_samples(kernel[:9, :9], kernel[:9, :9], y[:9], y[:9], [9]).tolist() == [1.0]


def test_the_scale_of_the_kernel_does_not_matter():
    kernel, y = sample(9, 20)
    one, other = (
        accuracy_by_samples(s * kernel[:9, :9], s * kernel[9:, :9], y[:9], y[9:], [9], ridge=0.3)
        for s in (1.0, 1e4)
    )
    assert one == other


def test_sizes_beyond_the_sample_are_refused():
    with pytest.raises(InputError, match="from 1 to 2"):
        accuracy_by_samples(np.eye(2), np.eye(2), np.eye(2), np.eye(2), [3])


def test_rounding_gain_is_the_condition_number_in_units_of_single_precision():
    matrix = np.diag([4.0, 1.0, 0.25])
    assert rounding_gain(matrix, ridge=0.0) == pytest.approx(16 * 2.0**-23, rel=1e-12)
    assert rounding_gain(np.ones((2, 2)), ridge=0.0) > 1.0
