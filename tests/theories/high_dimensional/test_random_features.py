"""Random features against simulation, the source's complex fixed point, and two limits."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.networks.activations import (
    Cos,
    Erf,
    Exponential,
    Hermite,
    Linear,
    Relu,
    Sign,
    Tanh,
)
from carnotlab.networks.pointwise import Pointwise
from carnotlab.theories.high_dimensional.activation_moments import (
    ActivationMoments,
    activation_moments,
)
from carnotlab.theories.high_dimensional.effective_ridge import effective_ridge
from carnotlab.theories.high_dimensional.random_features import (
    best_ridge,
    error_parts,
    random_features_error,
)

RELU = activation_moments(Relu())


def on_sphere(random, count, d):
    draw = random.standard_normal((count, d))
    return draw * np.sqrt(d) / np.linalg.norm(draw, axis=1, keepdims=True)


def simulated(sigma, d, n_features, n, ridge, noise, quadratic, draws, seed=0):
    """Fit random features to a linear teacher plus a quadratic form; errors of each draw."""
    random = np.random.default_rng(seed)
    errors = []
    for _ in range(draws):
        theta = on_sphere(random, n_features, d)
        x, fresh = on_sphere(random, n, d), on_sphere(random, 1000, d)
        beta = random.standard_normal(d)
        beta /= np.linalg.norm(beta)
        form = random.standard_normal((d, d))
        form = (form + form.T) / 2.0
        form -= np.eye(d) * np.trace(form) / d

        def target(z, form=form, beta=beta):
            curved = np.einsum("ni,ij,nj->n", z, form, z)
            # E (x'Ax)^2 = 2 |A|^2 d / (d + 2) on the sphere, for A without trace.
            size = np.sqrt(2.0 * np.sum(form**2) * d / (d + 2.0))
            return z @ beta + np.sqrt(quadratic) * curved / size

        z, z_fresh = sigma(x @ theta.T / np.sqrt(d)), sigma(fresh @ theta.T / np.sqrt(d))
        y = target(x) + np.sqrt(noise) * random.standard_normal(n)
        if ridge == 0.0:
            a = np.linalg.lstsq(z, y, rcond=None)[0]
        elif n < n_features:
            gram = z @ z.T + n * n_features * ridge / d * np.eye(n)
            a = z.T @ np.linalg.solve(gram, y)
        else:
            gram = z.T @ z + n * n_features * ridge / d * np.eye(n_features)
            a = np.linalg.solve(gram, z.T @ y)
        errors.append(np.mean((z_fresh @ a - target(fresh)) ** 2))
    return np.array(errors)


@pytest.mark.parametrize(
    ("layer", "sigma", "n_features", "n", "ridge", "noise", "quadratic"),
    [
        (Relu(), lambda z: np.maximum(z, 0), 50, 200, 0.0, 0.2, 0.0),
        (Relu(), lambda z: np.maximum(z, 0), 600, 200, 0.0, 0.2, 0.0),
        (Relu(), lambda z: np.maximum(z, 0), 200, 200, 0.05, 0.2, 0.0),
        (Tanh(), np.tanh, 300, 150, 0.01, 0.0, 0.5),
        (Tanh(), np.tanh, 150, 400, 0.0, 0.3, 0.0),
    ],
)
def test_against_simulation(layer, sigma, n_features, n, ridge, noise, quadratic):
    d = 100
    found = simulated(sigma, d, n_features, n, ridge, noise, quadratic, draws=16)
    expected = random_features_error(
        n_features / d,
        n / d,
        activation_moments(layer),
        ridge,
        nonlinear_power=quadratic,
        noise_variance=noise,
    )
    # Corrections of order 1/d beside the sampling error of the simulation.
    allowed = 3.0 * found.std(ddof=1) / np.sqrt(found.size) + 0.05 * expected
    assert abs(found.mean() - expected) < allowed


def as_published(psi1, psi2, zeta, ridge):
    """The source's fixed point by iteration at the complex argument, and its polynomials."""
    z2, xi = zeta**2, 1j * np.sqrt(psi1 * psi2 * ridge)
    nu1, nu2 = psi1 / (-xi), psi2 / (-xi)
    for _ in range(20000):
        new1 = psi1 / (-xi - nu2 - z2 * nu2 / (1 - z2 * nu1 * nu2))
        new2 = psi2 / (-xi - nu1 - z2 * nu1 / (1 - z2 * nu1 * nu2))
        nu1, nu2 = (nu1 + new1) / 2, (nu2 + new2) / 2
    c = (nu1 * nu2).real
    e0 = (
        -(c**5) * z2**3
        + 3 * c**4 * z2**2
        + (psi1 * psi2 - psi2 - psi1 + 1) * c**3 * z2**3
        - 2 * c**3 * z2**2
        - 3 * c**3 * z2
        + (psi1 + psi2 - 3 * psi1 * psi2 + 1) * c**2 * z2**2
        + 2 * c**2 * z2
        + c**2
        + 3 * psi1 * psi2 * c * z2
        - psi1 * psi2
    )
    e1 = psi2 * c**3 * z2**2 - psi2 * c**2 * z2 + psi1 * psi2 * c * z2 - psi1 * psi2
    e2 = (
        c**5 * z2**3
        - 3 * c**4 * z2**2
        + (psi1 - 1) * c**3 * z2**3
        + 2 * c**3 * z2**2
        + 3 * c**3 * z2
        - (psi1 + 1) * c**2 * z2**2
        - 2 * c**2 * z2
        - c**2
    )
    return e1 / e0, e2 / e0


@pytest.mark.parametrize("psi", [(0.5, 2.0), (2.0, 2.0), (5.0, 1.5), (1.2, 0.3)])
@pytest.mark.parametrize("ridge", [0.02, 1.0])
def test_the_real_root_is_the_published_fixed_point(psi, ridge):
    moments = ActivationMoments(0.0, 1.3, 1.0)
    found = error_parts(*psi, moments, ridge)
    assert found == pytest.approx(as_published(*psi, 1.3, ridge), rel=1e-9)


@pytest.mark.parametrize("psi", [(0.5, 2.0), (5.0, 1.5), (1.2, 0.3)])
def test_no_ridge_is_the_limit_of_little(psi):
    exact, near = error_parts(*psi, RELU), error_parts(*psi, RELU, 1e-12)
    assert exact == pytest.approx(near, rel=1e-8)


@pytest.mark.parametrize(("psi2", "ridge"), [(0.5, 0.0), (2.0, 0.1), (3.0, 0.0), (8.0, 2.0)])
def test_infinite_width_is_linear_ridge_with_the_nonlinear_part_as_ridge(psi2, ridge):
    """The kernel is mu1^2 xx'/d, and its curved part a ridge: the classical formulas."""
    d, noise = 400, 0.3
    eigenvalues = np.full(d, RELU.linear**2 / d)
    kappa = effective_ridge(eigenvalues, psi2 * d, RELU.nonlinear**2 + psi2 * ridge)
    left = kappa / (eigenvalues[0] + kappa)
    used = d * (1.0 - left) ** 2 / (psi2 * d)
    expected = (left**2 + noise) / (1.0 - used) - noise
    found = random_features_error(np.inf, psi2, RELU, ridge, noise_variance=noise)
    assert found == pytest.approx(expected, rel=1e-9)
    assert found == pytest.approx(
        random_features_error(1e7, psi2, RELU, ridge, noise_variance=noise), rel=1e-5
    )


def test_infinite_data_leave_no_noise():
    assert error_parts(2.0, np.inf, RELU).noise == pytest.approx(0.0, abs=1e-12)
    missed = [error_parts(psi, np.inf, RELU).missed for psi in (0.01, 0.5, 1.0, 2.0, 10.0)]
    assert missed == sorted(missed, reverse=True)
    assert missed[0] == pytest.approx(1.0, abs=0.02)


def test_the_peak_is_where_features_equal_samples():
    psi = np.arange(0.55, 6.0, 0.1)
    errors = [random_features_error(p, 2.0, RELU, 1e-6, noise_variance=0.1) for p in psi]
    assert psi[int(np.argmax(errors))] == pytest.approx(2.0, abs=0.06)
    assert np.isinf(random_features_error(2.0, 2.0, RELU, noise_variance=0.1))


def test_the_best_ridge_removes_the_peak():
    psi = np.geomspace(0.3, 20.0, 13)
    target = {"linear_power": 1.0, "nonlinear_power": 0.2, "noise_variance": 0.3}
    best = [best_ridge(p, 2.0, RELU, **target) for p in psi]
    errors = [
        random_features_error(p, 2.0, RELU, ridge, **target)
        for p, ridge in zip(psi, best, strict=True)
    ]
    assert np.all(np.diff(errors) < 1e-9)
    for p, ridge, error in zip(psi, best, errors, strict=True):
        for other in (0.8 * ridge, 1.25 * ridge):
            assert random_features_error(p, 2.0, RELU, other, **target) >= error


@pytest.mark.parametrize(
    ("layer", "function", "kinks"),
    [
        (Relu(), lambda z: max(z, 0.0), [0.0]),
        (Tanh(), np.tanh, []),
        (Erf(0.7), lambda z: erf(0.7 * z), []),
        (Sign(), np.sign, [0.0]),
        (Cos(2.0), lambda z: np.cos(2.0 * z), []),
        (Exponential(0.5), lambda z: np.exp(0.5 * z), []),
    ],
)
def test_moments_against_adaptive_integrals(layer, function, kinks):
    def mean(of):
        density = lambda z: of(z) * np.exp(-(z**2) / 2.0) / np.sqrt(2.0 * np.pi)  # noqa: E731
        return quad(density, -12.0, 12.0, points=[*kinks, -3.0, 3.0], epsabs=1e-12, limit=400)[0]

    m0, m1 = mean(function), mean(lambda z: z * function(z))
    rest = np.sqrt(mean(lambda z: function(z) ** 2) - m0**2 - m1**2)
    assert activation_moments(layer) == pytest.approx((m0, m1, rest), abs=1e-9)


def test_moments_in_closed_form():
    relu = 1 / np.sqrt(2 * np.pi), 0.5, np.sqrt(0.25 - 1 / (2 * np.pi))
    assert pytest.approx(relu, rel=1e-12) == RELU
    assert activation_moments(Hermite(3)) == pytest.approx((0.0, 0.0, 1.0), abs=1e-12)
    assert activation_moments(Linear()) == pytest.approx((0.0, 1.0, 0.0), abs=1e-7)
    jump = Pointwise(lambda z: 1.0 * (z > 0.3), kinks=(0.3,))
    above = 0.5 * (1.0 - erf(0.3 / np.sqrt(2.0)))
    assert activation_moments(jump).mean == pytest.approx(above, rel=1e-12)


def test_refusals():
    with pytest.raises(InputError, match="at most one of them infinite"):
        error_parts(np.inf, np.inf, RELU)
    with pytest.raises(InputError, match="above 0"):
        error_parts(0.0, 1.0, RELU)
    with pytest.raises(InputError, match="ridge"):
        error_parts(1.0, 2.0, RELU, -1.0)
    with pytest.raises(OutOfReachError, match="linear activation"):
        error_parts(1.0, 2.0, activation_moments(Linear()))
