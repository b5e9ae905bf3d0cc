"""Regression in the span of landmarks: normal equations, limits, and the estimator's own path."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.networks.architectures import mlp
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.runs.blocked_kernel import BlockedKernel
from carnotlab.runs.landmark_regression import nystrom_solve
from carnotlab.runs.landmarks import drawn_landmarks

NETWORK = mlp(5, (8, 8), 2)


def samples(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 5))


def between(x, landmarks, folder=None, **options):
    options = {"block": 16, "dtype": "float64", **options}
    return BlockedKernel(NETWORK, x, folder, others=landmarks, **options)


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
@pytest.mark.parametrize("ridge", [1e-2, 3.0])
def test_coefficients_solve_the_normal_equations(kind, ridge):
    x, y = samples(75), samples(75, 1)
    chosen = x[drawn_landmarks(75, 20)]
    cross = getattr(kernels(NETWORK, x, chosen), kind)
    among = getattr(kernels(NETWORK, chosen), kind)
    found = nystrom_solve(between(x, chosen, kind=kind), y, ridge)
    expected = np.linalg.solve(cross.T @ cross + ridge * among, cross.T @ y)
    size = np.linalg.norm(expected, axis=0)
    # The normal equations lose the square of the condition number, some 1e6 here.
    assert (np.linalg.norm(found.coefficients - expected, axis=0) <= 1e-8 * size).all()
    left = np.linalg.norm(y - cross @ expected, axis=0) / np.linalg.norm(y, axis=0)
    np.testing.assert_allclose(found.training_residual, left, rtol=1e-7)
    new = samples(30, 3)
    predicted = getattr(kernels(NETWORK, new, chosen), kind) @ expected
    np.testing.assert_allclose(found.predict(new), predicted, atol=1e-7)


def test_with_all_samples_as_landmarks_it_is_the_whole_regression():
    x, y, new, ridge = samples(40), samples(40, 1), samples(15, 2), 0.1
    whole = np.linalg.solve(kernels(NETWORK, x).ntk + ridge * np.eye(40), y)
    expected = kernels(NETWORK, new, x).ntk @ whole
    found = nystrom_solve(between(x, x), y, ridge)
    np.testing.assert_allclose(found.predict(new), expected, atol=1e-8)
    # The control: half of them are not enough.
    half = nystrom_solve(between(x, x[:20]), y, ridge)
    assert np.abs(half.predict(new) - expected).max() > 1e-2


def test_landmarks_that_repeat_change_nothing():
    """Normal equations would be singular up to rounding."""
    x, y, new = samples(40), samples(40, 1), samples(15, 2)
    once = nystrom_solve(between(x, x[:12]), y, 0.1).predict(new)
    twice = nystrom_solve(between(x, np.concatenate([x[:12], x[:12]])), y, 0.1).predict(new)
    np.testing.assert_allclose(twice, once, atol=1e-6)


def test_the_size_of_blocks_and_keeping_them_change_nothing(tmp_path):
    x, y, new = samples(50), samples(50, 1), samples(9, 2)
    chosen = x[drawn_landmarks(50, 17)]
    predictions = [
        nystrom_solve(between(x, chosen, folder, block=block), y, 0.1).predict(new)
        for folder, block in ((None, 50), (None, 7), (tmp_path, 7))
    ]
    for other in predictions[1:]:
        np.testing.assert_allclose(other, predictions[0], atol=1e-10)
    kept = between(x, chosen, tmp_path, block=7)
    assert kept.missing() == 0
    assert kept.build().computed == 0


def test_mistakes_are_told_in_one_line():
    x, y = samples(9), samples(9, 1)
    among = BlockedKernel(NETWORK, x, None)
    for mistake, words in (
        (lambda: nystrom_solve(among, y, 0.1), "samples and landmarks"),
        (lambda: nystrom_solve(between(x, x[:3]), y, 0.0), "above 0"),
        (lambda: nystrom_solve(between(x, x[:3]), y[:4], 0.1), "match the samples"),
    ):
        with pytest.raises(InputError, match=words) as told:
            mistake()
        assert "\n" not in str(told.value)
