"""Properties of measures that hold for any weights, data and sizes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carnotlab.core.data import Modes
from carnotlab.core.precision import precision
from carnotlab.measures.ensemble import mean_over_seeds, variance_over_seeds
from carnotlab.measures.lanczos import largest_eigenvalue
from carnotlab.measures.losses import accuracy
from carnotlab.measures.modes import remainder_outside, strength_along
from carnotlab.measures.similarity import cka
from carnotlab.measures.tangent_kernel import tangent_kernel
from carnotlab.measures.weights import pair_imbalance
from carnotlab.networks.architectures import mlp
from carnotlab.networks.finite import Model

seeds = st.integers(0, 2**32 - 1)
# Few distinct sizes: every new shape is compiled anew.
small = settings(max_examples=15, deadline=None)


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with precision("float64"):
        yield


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


@small
@given(seed=seeds, units=st.sampled_from([1, 4]), scale=st.floats(1e-3, 1e3))
def test_cka_is_symmetric_bounded_and_invariant(seed, units, scale):
    one, two = normal(seed, 6, 3), normal(seed + 1, 6, units)
    value = float(cka(one, two))
    rotation = np.linalg.qr(normal(seed + 2, 3, 3))[0]
    assert -1e-12 <= value <= 1.0 + 1e-12
    assert float(cka(two, one)) == pytest.approx(value, rel=1e-9)
    assert float(cka(scale * one @ rotation + scale, two)) == pytest.approx(value, rel=1e-6)


@small
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_imbalance_is_a_fraction_and_has_no_scale(seed, scale):
    factors = [normal(seed, 4, 3), scale * normal(seed + 1, 2, 4)]
    (value,) = np.asarray(pair_imbalance(factors))
    assert 0.0 <= value <= 1.0 + 1e-12
    (again,) = np.asarray(pair_imbalance([7.0 * factor for factor in factors]))
    assert again == pytest.approx(value, rel=1e-9)


@small
@given(seed=seeds, modes=st.sampled_from([1, 3]))
def test_strengths_and_remainder_add_up_to_the_map(seed, modes):
    left, right = (np.linalg.qr(normal(seed + i, n, n))[0][:, :modes] for i, n in ((0, 3), (1, 5)))
    chosen = Modes(left, np.ones(modes), right)
    matrix = normal(seed + 2, 3, 5)
    size = float(jnp.sum(matrix**2))
    explained = float(jnp.sum(strength_along(matrix, chosen) ** 2))
    assert float(remainder_outside(matrix, chosen)) ** 2 * size + explained == pytest.approx(size)


@partial(jax.jit, static_argnums=2)
def top_of(matrix, start, iterations):
    return largest_eigenvalue(lambda v: matrix @ v, start, iterations=iterations)


@small
@given(seed=seeds, iterations=st.sampled_from([2, 9]))
def test_lanczos_never_exceeds_the_largest_eigenvalue(seed, iterations):
    matrix = normal(seed, 5, 5)
    matrix = matrix + matrix.T
    values = np.linalg.eigvalsh(matrix)
    found = top_of(matrix, normal(seed + 1, 5), iterations)
    assert float(found.value) <= values[-1] + 1e-9
    assert np.abs(values - float(found.value)).min() <= float(found.residual) + 1e-9


MODEL = Model(mlp(3, (5,), 2, bias_variance=0.1))


@partial(jax.jit, static_argnums=2)
def kernel_at(weights, x, rates):
    return tangent_kernel(MODEL.apply, weights, x, rate_scales=rates)


@small
@given(seed=st.integers(0, 1000), rate=st.sampled_from([0.5, 100.0]))
def test_tangent_kernel_is_positive_symmetric_and_linear_in_the_rates(seed, rate):
    weights, x = MODEL.start(seed), normal(seed, 4, 3)
    kernels = [
        np.asarray(kernel_at(weights, x, rates)) for rates in ((1.0, 0.0), (0.0, 1.0), (1.0, rate))
    ]
    np.testing.assert_allclose(kernels[2], kernels[0] + rate * kernels[1], rtol=1e-9, atol=1e-12)
    for kernel in kernels:
        np.testing.assert_array_equal(kernel, kernel.T)
        assert np.linalg.eigvalsh(kernel).min() > -1e-10 * max(1.0, kernel.max())


@small
@given(seed=seeds, classes=st.sampled_from([1, 4]))
def test_accuracy_does_not_care_for_the_order_of_samples(seed, classes):
    outputs, targets = normal(seed, 9, classes), normal(seed + 1, 9, classes)
    order = np.random.default_rng(seed).permutation(9)
    value = float(accuracy(outputs, targets, 0.0))
    assert 0.0 <= value <= 1.0
    assert float(accuracy(outputs[order], targets[order], 0.0)) == pytest.approx(value)
    assert float(accuracy(targets, targets, 0.0)) == 1.0


@small
@given(seed=seeds, shift=st.floats(-1e3, 1e3), scale=st.floats(0.1, 10.0))
def test_mean_is_linear_and_variance_is_quadratic(seed, shift, scale):
    array = xr.DataArray(np.asarray(normal(seed, 5, 3)), dims=("seed", "time"))
    np.testing.assert_allclose(
        mean_over_seeds(scale * array + shift), scale * mean_over_seeds(array) + shift, atol=1e-9
    )
    np.testing.assert_allclose(
        variance_over_seeds(scale * array + shift),
        scale**2 * variance_over_seeds(array),
        rtol=1e-7,
        atol=1e-9,
    )
