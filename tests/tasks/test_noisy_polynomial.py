import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.tasks.noisy_polynomial import NoisyPolynomial, features


def test_legendre_features_are_orthonormal_under_the_uniform_density() -> None:
    nodes, weights = np.polynomial.legendre.leggauss(60)  # exact up to degree 119
    phi = features(nodes, "legendre", 50)
    np.testing.assert_allclose(phi.T @ (phi * weights[:, None] / 2), np.eye(51), atol=1e-12)
    damped = features(nodes, "damped legendre", 50)
    np.testing.assert_allclose(damped * np.arange(1, 52), phi, atol=1e-12)


def test_other_bases_are_those_of_their_formulas() -> None:
    t = np.linspace(-1, 1, 11)
    k = np.arange(9)
    np.testing.assert_allclose(features(t, "monomial", 8), t[:, None] ** k)
    chebyshev = np.cos(k * np.arccos(t)[:, None])
    np.testing.assert_allclose(features(t, "chebyshev", 8), chebyshev, atol=1e-12)


def test_points_targets_and_noise_are_as_described() -> None:
    task = NoisyPolynomial((1.0, -2.0, 0.5), degree=1, samples=5000, noise=0.3, basis="monomial")
    t = task.data().train.x[:, 1]
    np.testing.assert_allclose(t, np.linspace(-1, 1, 5000))
    residual = task.data().train.y[:, 0] - (1.0 - 2.0 * t + 0.5 * t**2)
    np.testing.assert_allclose(residual.std(), 0.3, rtol=5 / np.sqrt(2 * 5000))
    clean = NoisyPolynomial((0.0, 1.0), 1, 5, 0.3, "monomial", "random", noisy_held_out=False)
    test = clean.data().test
    np.testing.assert_array_equal(test.y[:, 0], test.x[:, 1])
    assert np.all(np.abs(test.x) <= 1.0)
    points = clean.data().train.x[:, 1]
    assert not np.allclose(np.diff(np.sort(points)), 0.5)


def test_the_basis_changes_features_but_not_targets() -> None:
    def draw(basis):
        return NoisyPolynomial((0.0, 1.0), 4, 10, 0.1, basis, seed=5).data()

    np.testing.assert_array_equal(draw("monomial").train.y, draw("legendre").train.y)
    np.testing.assert_array_equal(draw("monomial").test.y, draw("chebyshev").test.y)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"coefficients": ()}, "coefficients = "),
        ({"degree": -1}, "degree = -1"),
        ({"basis": "fourier"}, "basis = 'fourier'"),
        ({"spacing": "even"}, "spacing = 'even'"),
        ({"noise": -1.0}, "noise = -1.0"),
    ],
)
def test_bad_fields_are_refused(fields, message) -> None:
    with pytest.raises(InputError, match=message):
        NoisyPolynomial(**({"coefficients": (1.0,), "degree": 2, "samples": 3} | fields))
