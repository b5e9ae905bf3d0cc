"""Random interpolators against samplers of exact conditional laws, and limiting cases."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.high_dimensional.random_interpolators import (
    gibbs_error,
    least_norm_error,
    posterior_errors,
    sphere_error,
)


def conditioned(n, p, prior, teacher, noise, draws, seed=0):
    """Condition a Gaussian on its labels by Matheron's rule; errors of mean and samples."""
    random = np.random.default_rng(seed)
    found = np.empty((draws, 2))
    for draw in range(draws):
        x = random.standard_normal((p, n)) / np.sqrt(n)
        w = np.sqrt(teacher) * random.standard_normal(n)
        y = x @ w + np.sqrt(noise) * random.standard_normal(p)
        gram = np.linalg.inv(x @ x.T)
        before = np.sqrt(prior) * random.standard_normal(n)
        after = before + x.T @ gram @ (y - x @ before)
        np.testing.assert_allclose(x @ after, y, atol=1e-8)
        found[draw] = np.sum((x.T @ gram @ y - w) ** 2) / n, np.sum((after - w) ** 2) / n
    return found


@pytest.mark.parametrize(
    ("n", "p", "prior", "teacher", "noise"),
    [(60, 15, 1.0, 1.0, 0.0), (60, 45, 2.5, 1.0, 0.0), (40, 20, 0.3, 2.0, 0.5)],
)
def test_least_norm_and_gibbs_against_conditional_draws(n, p, prior, teacher, noise):
    found = conditioned(n, p, prior, teacher, noise, 3000)
    error = found.std(axis=0) / np.sqrt(3000)
    variances = {"teacher_variance": teacher, "noise_variance": noise}
    expected = (
        least_norm_error(n, p, **variances),
        gibbs_error(n, p, prior_variance=prior, **variances),
    )
    assert np.all(np.abs(found.mean(axis=0) - expected) < 3.5 * error)


@pytest.mark.parametrize(("prior", "noise"), [(1.0, 0.0), (1.0, 0.05), (2.0, 0.1)])
def test_the_sphere_against_rejection_free_draws(prior, noise):
    """On the sphere the unseen part is uniform on what length the seen part leaves."""
    random, n, p, found = np.random.default_rng(1), 80, 30, []
    for _ in range(1500):
        x = random.standard_normal((p, n)) / np.sqrt(n)
        w = random.standard_normal(n)
        w *= np.sqrt(n) / np.linalg.norm(w)
        y = x @ w + np.sqrt(noise) * random.standard_normal(p)
        least = np.linalg.lstsq(x, y, rcond=None)[0]
        unseen = random.standard_normal(n)
        unseen -= np.linalg.lstsq(x, x @ unseen, rcond=None)[0]
        unseen *= np.sqrt(n * prior - least @ least) / np.linalg.norm(unseen)
        found.append(np.sum((least + unseen - w) ** 2) / n)
    expected = sphere_error(n, p, prior_variance=prior, noise_variance=noise)
    assert abs(np.mean(found) - expected) < 3.5 * np.std(found) / np.sqrt(1500)


def test_reference_values():
    """Noise-free: the least norm halves what a random interpolator of the right prior gets."""
    for p in (10, 50, 90):
        least = least_norm_error(100, p, teacher_variance=1.7)
        assert least == pytest.approx((1 - p / 100) * 1.7)
        both = {"prior_variance": 1.7, "teacher_variance": 1.7}
        assert gibbs_error(100, p, **both) == pytest.approx(2 * least)
        assert sphere_error(100, p, **both) == pytest.approx(2 * least)
    assert gibbs_error(100, 50, prior_variance=np.inf) == np.inf


def test_the_prior_must_be_declared():
    with pytest.raises(TypeError, match="prior_variance"):
        gibbs_error(100, 50)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("noise", [0.1, 2.0])
def test_a_posterior_sample_is_twice_as_far_off_as_the_mean(alpha, noise):
    found = posterior_errors(alpha, prior_variance=1.3, assumed_noise=noise, teacher_variance=1.3,
                             noise_variance=noise)  # fmt: skip
    gamma = noise / 1.3
    trace = (-(gamma + alpha - 1) + np.sqrt((gamma + alpha - 1) ** 2 + 4 * gamma)) / (2 * gamma)
    assert found.mean == pytest.approx(noise * trace, rel=1e-9)
    assert found.sample == pytest.approx(2 * found.mean, rel=1e-9)


def test_posterior_errors_with_wrong_beliefs_against_draws():
    n, p, prior, believed, noise = 150, 90, 2.0, 0.4, 0.9
    random, found = np.random.default_rng(2), []
    for _ in range(150):
        x = random.standard_normal((p, n)) / np.sqrt(n)
        w = random.standard_normal(n)
        y = x @ w + np.sqrt(noise) * random.standard_normal(p)
        covariance = np.linalg.inv(np.eye(n) / prior + x.T @ x / believed)
        mean = covariance @ x.T @ y / believed
        sample = mean + np.linalg.cholesky(covariance) @ random.standard_normal(n)
        found.append([np.mean((mean - w) ** 2), np.mean((sample - w) ** 2)])
    error = np.std(found, axis=0) / np.sqrt(len(found))
    expected = posterior_errors(
        p / n, prior_variance=prior, assumed_noise=believed, noise_variance=noise
    )
    assert np.all(np.abs(np.mean(found, axis=0) - expected) < 3.5 * error + 1.0 / n)
    assert abs(expected.sample / expected.mean - 2.0) > 0.2


def test_little_noise_is_gibbs_learning():
    found = posterior_errors(0.4, prior_variance=2.0, assumed_noise=1e-9, noise_variance=0.0)
    assert found.mean == pytest.approx(least_norm_error(10**6, 4 * 10**5), rel=1e-6)
    assert found.sample == pytest.approx(
        gibbs_error(10**6, 4 * 10**5, prior_variance=2.0), rel=1e-6
    )


def test_refusals():
    with pytest.raises(InputError, match="9 samples for 10 weights"):
        least_norm_error(10, 9)
    with pytest.raises(InputError, match="prior_variance = nan"):
        gibbs_error(10, 5, prior_variance=float("nan"))
    with pytest.raises(InputError, match="enlarge the sphere"):
        sphere_error(10, 5, prior_variance=0.4)
