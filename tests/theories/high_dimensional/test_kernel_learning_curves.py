"""Kernel learning curves against regressions drawn from pools and from Gaussian features."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.tasks.digits import Digits
from carnotlab.theories.high_dimensional.kernel_learning_curves import (
    KernelModes,
    held_out_errors,
    kernel_modes,
    population_errors,
)


def rotated_pool(m, decay, seed=0):
    """A pool whose modes have no preferred samples: a kernel of random orthogonal eigenvectors."""
    random = np.random.default_rng(seed)
    vectors = np.linalg.qr(random.standard_normal((m, m)))[0]
    values = m * np.arange(1.0, m + 1.0) ** -decay
    amplitudes = np.arange(1.0, m + 1.0) ** -0.7 * random.standard_normal(m)
    return (vectors * values) @ vectors.T, (vectors @ amplitudes)[:, None] * np.sqrt(m)


def drawn_from_pool(kernel, y, n, ridge, noise, draws, seed=1):
    random = np.random.default_rng(seed)
    m, errors = len(y), []
    for _ in range(draws):
        order = random.permutation(m)
        seen, rest = order[:n], order[n:]
        labels = y[seen] + np.sqrt(noise) * random.standard_normal((n, y.shape[1]))
        inner = kernel[np.ix_(seen, seen)] + ridge * np.eye(n)
        said = kernel[np.ix_(rest, seen)] @ np.linalg.solve(inner, labels)
        errors.append(np.mean(np.sum((said - y[rest]) ** 2, axis=1)))
    return np.array(errors)


@pytest.mark.parametrize("n", [20, 100, 220])
@pytest.mark.parametrize(("ridge", "noise"), [(0.0, 0.0), (0.0, 0.3), (1.0, 0.0), (30.0, 0.3)])
def test_held_out_errors_of_a_pool(n, ridge, noise):
    """Drawn without replacement up to three quarters of the pool, where unlimited pools are off."""
    kernel, y = rotated_pool(300, 1.2)
    found = drawn_from_pool(kernel, y, n, ridge, noise, draws=80)
    expected = held_out_errors(kernel_modes(kernel, y), [n], ridge, noise)[0]
    # Of order 1/n beside the sampling error.
    allowed = 3.5 * found.std(ddof=1) / np.sqrt(80) + expected / n
    assert abs(found.mean() - expected) < allowed


@pytest.mark.parametrize("n", [30, 90, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("ridge", "noise"), [(0.0, 0.0), (0.0, 0.2), (2.0, 0.2)])
def test_population_errors_of_gaussian_features(n, ridge, noise):
    """A linear kernel on Gaussian features, whose population modes are known exactly."""
    d, draws, random = 150, 120, np.random.default_rng(n)
    values = np.arange(1.0, d + 1.0) ** -0.8
    weights = np.random.default_rng(0).standard_normal(d) / np.sqrt(d)
    errors = []
    for _ in range(draws):
        x = random.standard_normal((n, d)) * np.sqrt(values)
        y = x @ weights + np.sqrt(noise) * random.standard_normal(n)
        if ridge:
            w = x.T @ np.linalg.solve(x @ x.T + ridge * np.eye(n), y)
        else:
            w = np.linalg.lstsq(x, y, rcond=None)[0]
        errors.append(np.sum(values * (w - weights) ** 2))
    found = np.array(errors)
    expected = population_errors(KernelModes(values, values * weights**2), [n], ridge, noise)[0]
    allowed = 3.5 * found.std(ddof=1) / np.sqrt(draws) + 1.5 * expected / n
    assert abs(found.mean() - expected) < max(allowed, 1e-20)


def test_a_large_pool_is_a_population():
    values = np.arange(1.0, 41.0) ** -1.0
    powers = np.linspace(1.0, 0.0, 40) ** 2
    m = 100_000
    pool = KernelModes(np.pad(values, (0, m - 40)), np.pad(powers, (0, m - 40)))
    sizes = [10, 30, 60, 200]
    for ridge, noise in ((0.0, 0.2), (0.5, 0.1), (3.0, 0.0)):
        np.testing.assert_allclose(
            held_out_errors(pool, sizes, ridge, noise),
            population_errors(KernelModes(values, powers), sizes, ridge, noise),
            rtol=6e-3,
        )


def test_an_interpolator_has_all_its_error_on_unseen_samples():
    kernel, y = rotated_pool(200, 1.0, seed=3)
    modes, sizes = kernel_modes(kernel, y), np.array([10, 50, 150])
    np.testing.assert_allclose(
        held_out_errors(modes, sizes),
        population_errors(modes, sizes) * 200 / (200 - sizes),
        rtol=1e-9,
    )


def test_isotropic_modes_are_the_classical_formulas():
    d, noise = 50, 0.4
    modes = KernelModes(np.ones(d), np.full(d, 1.0 / d))
    for n in (10, 40, 80, 400):
        a = n / d
        expected = 1 - a + noise * a / (1 - a) if a < 1 else noise / (a - 1)
        assert population_errors(modes, [n], 0.0, noise)[0] == pytest.approx(expected, rel=1e-9)
    assert population_errors(modes, [d], 0.0, noise)[0] == np.inf


def test_no_samples_know_nothing_and_many_know_all():
    kernel, y = rotated_pool(100, 1.5)
    modes = kernel_modes(kernel, y)
    assert np.sum(modes.powers) == pytest.approx(np.mean(y**2))
    assert population_errors(modes, [1], 1e9)[0] == pytest.approx(np.mean(y**2), rel=1e-5)
    assert population_errors(modes, [10**9], 1.0)[0] < 1e-5 * np.mean(y**2)
    assert modes.cumulative_power[-1] == pytest.approx(1.0)


def test_power_assigned_to_the_wrong_modes_is_found_out():
    """The control: with the alignment turned around the same kernel is predicted to fail."""
    kernel, y = rotated_pool(300, 1.2)
    modes = kernel_modes(kernel, y)
    wrong = KernelModes(modes.eigenvalues, modes.powers[::-1])
    found = drawn_from_pool(kernel, y, 100, 0.0, 0.0, draws=20).mean()
    assert held_out_errors(modes, [100])[0] == pytest.approx(found, rel=0.1)
    assert held_out_errors(wrong, [100])[0] > 1.5 * found


@pytest.mark.slow
def test_real_digits_with_a_gaussian_kernel():
    """All sizes of samples of one pool, where the modes are those of images."""
    data = Digits(train_size=900, test_size=100, centre_targets=True).data().train
    x, y = np.asarray(data.x), np.asarray(data.y)
    squares = np.sum((x[:, None] - x[None]) ** 2, axis=2)
    kernel = np.exp(-squares / (2.0 * np.median(squares)))
    modes = kernel_modes(kernel, y)
    for n in (30, 100, 300, 600):
        found = drawn_from_pool(kernel, y, n, 1.0, 0.0, draws=12)
        error = 3.0 * found.std(ddof=1) / np.sqrt(12)
        assert abs(held_out_errors(modes, [n], 1.0)[0] / found.mean() - 1.0) < 0.05
        # Read as a population, the pool promises more than its rest can hold.
        promised = population_errors(modes, [n], 1.0)[0]
        assert n < 300 or promised < found.mean() - error


def test_refusals():
    modes = KernelModes(np.ones(4), np.ones(4))
    with pytest.raises(InputError, match="4 samples of a pool of 4"):
        held_out_errors(modes, [4])
    with pytest.raises(InputError, match="ridge"):
        held_out_errors(modes, [2], -1.0)
    with pytest.raises(InputError, match="samples = 0"):
        population_errors(modes, [0])
    with pytest.raises(InputError, match="powers of shape"):
        population_errors(KernelModes(np.ones(4), np.ones(3)), [2])
