"""The mixture of error functions is the hyperbolic tangent, and so are its kernels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from carnotlab.core.precision import precision
from carnotlab.networks.infinite import tanh

mixture = jax.jit(tanh.mixture)


def test_the_mixture_is_tanh_at_every_size():
    z = np.concatenate([np.geomspace(1e-8, 1, 100), np.linspace(1, 50, 200)])
    weights, scales = tanh.scales()
    assert np.abs(erf(np.outer(z, scales)) @ weights / np.tanh(z) - 1).max() < 1e-11
    assert weights.sum() == pytest.approx(1.0, abs=1e-11)


def test_halving_the_step_changes_nothing():
    z = np.linspace(0.01, 10, 50)
    coarse, fine = (
        erf(np.outer(z, scales)) @ weights
        for weights, scales in (tanh.scales(), tanh.scales(tanh.STEP / 2))
    )
    np.testing.assert_allclose(coarse, fine, rtol=1e-11)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (40.0, 40.0), (0.01, 60.0)])
def test_kernels_match_two_dimensional_quadrature(a, b):
    z = np.linspace(-10, 10, 801)
    w = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    for correlation in (-1.0, -0.4, 0.0, 0.7, 1 - 1e-8, 1.0):
        c = correlation * np.sqrt(a * b)
        v = c / np.sqrt(a) * z[:, None] + np.sqrt(max(b - c**2 / a, 0.0)) * z[None, :]
        u = np.sqrt(a) * z
        with precision("float64"):
            found = mixture(*(jnp.asarray([x]) for x in (a, b, c)))
        for mine, fn in zip(found, (np.tanh, lambda x: 1 - np.tanh(x) ** 2), strict=True):
            expected = (w * fn(u)) @ fn(v) @ w
            assert float(mine[0]) == pytest.approx(expected, rel=1e-10, abs=1e-11)
