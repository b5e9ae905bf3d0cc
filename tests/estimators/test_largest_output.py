"""Against the closed form for two outputs, another quadrature for three, and draws."""

import numpy as np
from scipy.integrate import quad
from scipy.stats import norm

from carnotlab.estimators.largest_output import probability_of_largest


def test_two_outputs_are_compared_by_their_difference():
    mean = np.array([[0.3, -0.1], [0.0, 0.0], [5.0, 0.0], [0.0, 40.0]])
    std = np.array([0.7, 1.0, 0.8, 1.5])
    found = probability_of_largest(mean, std)
    lead = (mean[:, 0] - mean[:, 1]) / (np.sqrt(2) * std)
    np.testing.assert_allclose(found[:, 0], norm.cdf(lead), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found[:, 1], norm.sf(lead), rtol=1e-10, atol=1e-13)


def test_three_outputs_by_adaptive_quadrature():
    mu, sigma = np.array([0.2, 0.5, -0.4]), 0.6
    found = probability_of_largest(mu[None], np.array([sigma]))[0]
    for c in range(3):
        others = np.delete(mu, c)

        def density(f, c=c, others=others):
            return norm.pdf(f, mu[c], sigma) * np.prod(norm.cdf(f, others, sigma))

        expected = quad(density, -8, 8, epsabs=1e-12)[0]
        np.testing.assert_allclose(found[c], expected, atol=1e-11)


def test_draws_of_many_outputs():
    rng = np.random.default_rng(0)
    mu, draws = rng.normal(size=7), 200_000
    winners = np.argmax(mu + 0.9 * rng.normal(size=(draws, 7)), axis=1)
    shares = np.bincount(winners, minlength=7) / draws
    found = probability_of_largest(mu[None], np.array([0.9]))[0]
    # Five standard errors of a share.
    assert (np.abs(found - shares) < 5 * np.sqrt(found * (1 - found) / draws)).all()


def test_without_spread_and_with_next_to_none():
    mean = np.array([[1.0, 2.0, 2.0], [3.0, 1.0, 1.0], [0.5, 0.4, 0.3]])
    found = probability_of_largest(mean, np.array([0.0, 0.0, 1e-320]))
    np.testing.assert_array_equal(found, [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])


def test_rows_sum_to_one_and_order_follows_the_means():
    rng = np.random.default_rng(1)
    mean, std = rng.normal(size=(50, 10)), rng.uniform(0.01, 3.0, size=50)
    found = probability_of_largest(mean, std)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-14)
    np.testing.assert_array_equal(np.argmax(found, axis=1), np.argmax(mean, axis=1))
