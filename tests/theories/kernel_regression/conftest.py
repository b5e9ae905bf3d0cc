"""A kernel of known spectrum, and one that decays as those of networks do."""

from typing import NamedTuple

import numpy as np
import pytest

N, M, K = 30, 7, 3


class Problem(NamedTuple):
    train: np.ndarray
    test: np.ndarray
    test_test: np.ndarray
    targets: np.ndarray


@pytest.fixture
def problem():
    """Gaussian kernel on the plane, well conditioned enough to be inverted directly."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(N + M, 2)), rng.normal(size=(N, K))
    distance = np.linalg.norm(x[:, None] - x, axis=-1)
    kernel = 1.7 * np.exp(-distance)
    return Problem(kernel[:N, :N], kernel[N:, :N], kernel[N:, N:], y)


@pytest.fixture
def decaying():
    """Return eigenvalues 1/i², random eigenvectors: greedy landmarks have something to find."""
    rng = np.random.default_rng(1)
    Q = np.linalg.qr(rng.normal(size=(200, 200)))[0]
    return (Q / np.arange(1, 201) ** 2.0) @ Q.T, rng.normal(size=(200, K))
