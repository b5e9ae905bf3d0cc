"""The mixture of normal distribution functions is the logistic one, and so are its kernels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, ndtr

from carnotlab.core.precision import precision
from carnotlab.networks.infinite import logistic

FUNCTIONS = {
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "sigmoid": (expit, lambda z: expit(z) * expit(-z)),
    "softplus": (lambda z: np.logaddexp(z, 0), expit),
    "silu": (lambda z: z * expit(z), lambda z: expit(z) * (1 + z * expit(-z))),
}


def test_the_mixture_is_the_logistic_function_at_every_size():
    z = np.concatenate([np.geomspace(1e-8, 1, 100), np.linspace(1, 50, 200)])
    weights, scales = logistic.scales()
    centred = (ndtr(np.outer(z, 1 / scales)) - 0.5) @ weights
    assert np.abs(centred / (np.tanh(z / 2) / 2) - 1).max() < 1e-8  # cancels at small z
    at_large = slice(100, None)
    assert np.abs(centred / (np.tanh(z / 2) / 2) - 1)[at_large].max() < 1e-11
    assert weights.sum() == pytest.approx(1.0, abs=1e-11)


def test_halving_the_step_changes_nothing():
    z = np.linspace(0.01, 10, 50)
    coarse, fine = (
        ndtr(np.outer(z, 1 / scales)) @ weights
        for weights, scales in (logistic.scales(), logistic.scales(logistic.STEP / 2))
    )
    np.testing.assert_allclose(coarse, fine, rtol=1e-11)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_kernels_match_two_dimensional_quadrature(name):
    z = np.linspace(-10, 10, 801)
    w = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    mixture = jax.jit(getattr(logistic, name))
    for a, b in ((1.0, 1.0), (40.0, 40.0), (0.01, 60.0)):
        for correlation in (-1.0, -0.4, 0.0, 0.7, 1 - 1e-8, 1.0):
            c = correlation * np.sqrt(a * b)
            v = c / np.sqrt(a) * z[:, None] + np.sqrt(max(b - c**2 / a, 0.0)) * z[None, :]
            u = np.sqrt(a) * z
            with precision("float64"):
                found = mixture(*(jnp.asarray([x]) for x in (a, b, c)))
            for mine, fn in zip(found, FUNCTIONS[name], strict=True):
                expected = (w * fn(u)) @ fn(v) @ w
                assert float(mine[0]) == pytest.approx(expected, rel=1e-10, abs=1e-11)


def test_large_variances_approach_the_rectifier():
    # softplus(z) and z σ(z) differ from max(z, 0) by O(1) near zero only: by 1/std in the kernel.
    for name in ("softplus", "silu"):
        gaps = []
        for variance in (1e4, 1e6):
            with precision("float64"):
                found = jax.jit(getattr(logistic, name))(
                    *(jnp.asarray([x * variance]) for x in (1.0, 1.0, 0.5))
                )
            angle = np.arccos(0.5)
            ramp = (np.sin(angle) + (np.pi - angle) * 0.5) / (2 * np.pi)
            gaps.append(abs(float(found.value[0]) / variance / ramp - 1))
        assert gaps[1] < gaps[0] / 9
        assert gaps[1] < 1e-2
