from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from carnotlab.core.errors import InputError
from carnotlab.measures import curvature as c
from carnotlab.measures.lanczos import largest_eigenvalue
from carnotlab.measures.losses import batch_loss, train_loss
from carnotlab.measures.tangent_kernel import tangent_kernel
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.finite import Model


def loss_on(state, data):
    return lambda weights: batch_loss(state._replace(weights=weights), data.train)


def dense_hessian(loss, weights):
    flat, restore = ravel_pytree(weights)
    return np.asarray(jax.jit(jax.hessian(lambda v: loss(restore(v))))(flat))


@pytest.fixture
def direction():
    def draw(weights, seed=0):
        flat, restore = ravel_pytree(weights)
        return restore(jnp.asarray(np.random.default_rng(seed).normal(size=flat.size)))

    return draw


def test_hessian_product_matches_dense_and_finite_differences(rich, state_of, data, direction):
    state = state_of(rich)
    loss, v = loss_on(state, data), direction(state.weights)
    product = jax.jit(lambda w: ravel_pytree(c.hessian_vector_product(loss, w, v))[0])
    found = product(state.weights)
    flat_v = ravel_pytree(v)[0]
    expected = dense_hessian(loss, state.weights) @ flat_v
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
    step, slope = 1e-5, jax.jit(jax.grad(loss))
    ahead, behind = (
        ravel_pytree(slope(jax.tree.map(lambda a, b, s=s: a + s * b, state.weights, v)))[0]
        for s in (step, -step)
    )
    np.testing.assert_allclose(found, (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-8)
    # control: at the start, curvature is another
    assert jnp.abs(product(state.start) - found).max() > 1e-3


def test_gauss_newton_product_matches_dense_and_is_not_the_hessian(rich, state_of, data, direction):
    state = state_of(rich)
    x, y = jnp.asarray(data.train.x), jnp.asarray(data.train.y)
    outputs = lambda weights: state.model.apply(weights, x)  # noqa: E731
    v = direction(state.weights)
    product = jax.jit(
        lambda w: c.gauss_newton_vector_product(outputs, lambda f: state.loss(f, y), w, v)
    )
    found = ravel_pytree(product(state.weights))[0]
    flat, restore = ravel_pytree(state.weights)
    jacobian = np.asarray(jax.jit(jax.jacrev(lambda w: outputs(restore(w))))(flat)).reshape(
        -1, flat.size
    )
    flat_v = np.asarray(ravel_pytree(v)[0])
    expected = jacobian.T @ (jacobian @ flat_v) / len(x)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
    hessian = dense_hessian(loss_on(state, data), state.weights)
    assert np.abs(hessian @ flat_v - found).max() > 1e-3
    # with targets that are met exactly nothing but the Gauss–Newton part is left
    met = data._replace(train=data.train._replace(y=outputs(state.weights)))
    hessian = dense_hessian(loss_on(state, met), state.weights)
    np.testing.assert_allclose(hessian @ flat_v, expected, rtol=1e-8, atol=1e-10)


def test_sharpness_is_the_largest_eigenvalue_under_the_rates(rich, state_of, data, read):
    state = state_of(rich)
    rates = state.model.rate_scales("gradient")
    sizes = [ravel_pytree(layer)[0].size for layer in state.weights]
    roots = np.sqrt(np.repeat(rates, sizes))
    hessian = dense_hessian(loss_on(state, data), state.weights)
    top = np.linalg.eigvalsh(roots[:, None] * hessian * roots)[-1]
    measures = (
        c.sharpness(),
        c.sharpness_residual(),
        c.sharpness(iterations=3),
        c.sharpness_residual(iterations=3),
    )
    found, residual, rough, rough_residual = map(float, read(measures, state, data))
    assert found == pytest.approx(top, rel=1e-8)
    assert residual < 1e-3
    # control: three iterations are too few, and the residual says so
    assert rough < top * (1 - 1e-4)
    assert rough_residual > 1e-2
    # control: without the rates it is another number
    assert abs(np.linalg.eigvalsh(hessian)[-1] - top) > 0.1 * top


def test_sharpness_is_that_of_the_tangent_kernel_where_targets_are_met(rich, state_of, data, read):
    state = state_of(rich)
    met = data._replace(train=data.train._replace(y=state.model.apply(state.weights, data.train.x)))
    full = jax.jit(
        lambda w: tangent_kernel(
            state.model.apply,
            w,
            data.train.x,
            trace_outputs=False,
            rate_scales=state.model.rate_scales("gradient"),
        )
    )(state.weights)
    matrix = np.asarray(full).transpose(0, 2, 1, 3).reshape(21, 21)
    expected = np.linalg.eigvalsh(matrix)[-1] / 7
    found = float(read(c.sharpness(), state, met))
    assert found == pytest.approx(expected, rel=1e-8)


def test_descent_is_stable_up_to_two_over_sharpness(state_of, data, read):
    state = state_of(deep_linear(4, (), 3))
    start, sharpness = map(float, read((train_loss, c.sharpness()), state, data))

    @jax.jit
    def end(rate):
        loss = loss_on(state, data)
        descend = lambda _, w: jax.tree.map(lambda a, g: a - rate * g, w, jax.grad(loss)(w))  # noqa: E731
        return loss(jax.lax.fori_loop(0, 300, descend, state.weights))

    assert end(0.98 * 2.0 / sharpness) < start
    assert end(1.02 * 2.0 / sharpness) > start


def symmetric(kind):
    rng = np.random.default_rng(4)
    a = rng.normal(size=(12, 12))
    return {
        "indefinite": a + a.T,
        "negative": -a @ a.T - np.eye(12),
        "low rank": np.outer(a[0], a[0]) + np.outer(a[1], a[1]),
        "negative low rank": -np.outer(a[0], a[0]),
        "identity": np.eye(12),
        "few values": np.diag(np.repeat([-1.0, -2.0, -4.0], 4)),
        "zero": np.zeros((12, 12)),
        "repeated top": np.diag([5.0, 5.0, 5.0, *range(-4, 5)]),
        "one number": np.array([[-3.0]]),
    }[kind]


@partial(jax.jit, static_argnums=2)
def top_of(matrix, start, iterations=30):
    return largest_eigenvalue(lambda u: matrix @ u, start, iterations=iterations)


@pytest.mark.parametrize(
    "kind",
    [
        "indefinite",
        "negative",
        "low rank",
        "negative low rank",
        "identity",
        "few values",
        "zero",
        "repeated top",
        "one number",
    ],
)
def test_lanczos_matches_eigvalsh(kind):
    matrix = jnp.asarray(symmetric(kind))
    found = top_of(matrix, jnp.asarray(np.random.default_rng(0).normal(size=len(matrix))))
    scale = max(1.0, float(jnp.abs(matrix).max()))
    assert float(found.value) == pytest.approx(
        float(np.linalg.eigvalsh(matrix)[-1]), abs=1e-10 * scale
    )
    assert float(found.residual) < 1e-9 * scale


def test_lanczos_approaches_from_below_and_its_residual_bounds_the_error():
    matrix = jnp.asarray(symmetric("indefinite"))
    values = np.linalg.eigvalsh(matrix)
    start = jnp.asarray(np.random.default_rng(0).normal(size=12))
    estimates = []
    for iterations in (1, 3, 8):
        found = top_of(matrix, start, iterations)
        assert np.abs(values - float(found.value)).min() <= float(found.residual) + 1e-12
        estimates.append(float(found.value))
    assert estimates == sorted(estimates)
    assert estimates[0] < values[-1] - 0.1
    assert max(estimates) <= values[-1] + 1e-12


def test_lanczos_runs_under_vmap():
    matrices = jnp.stack([jnp.asarray(symmetric(k)) for k in ("indefinite", "low rank", "zero")])
    start = jnp.asarray(np.random.default_rng(0).normal(size=12))
    many = jax.jit(jax.vmap(lambda a: top_of(a, start).value))(matrices)
    tops = np.linalg.eigvalsh(matrices)[:, -1]
    np.testing.assert_allclose(many, tops, atol=1e-10)


def test_a_diverged_network_has_no_sharpness(rich, state_of, data, read):
    state = state_of(rich)
    broken = jax.tree.map(lambda leaf: np.full(leaf.shape, np.nan), state.weights)
    assert np.isnan(read(c.sharpness(), state._replace(weights=broken), data))


def test_no_iterations_are_refused():
    with pytest.raises(InputError) as error:
        largest_eigenvalue(lambda u: u, jnp.ones(3), iterations=0)
    assert str(error.value) == "Got iterations = 0; required: at least 1; try the default."


def test_wrong_rates_are_refused():
    model = Model(deep_linear(4, (5,), 3))
    with pytest.raises(InputError, match=r"Got 3 rate scales for weights of 2 layers"):
        c.largest_hessian_eigenvalue(
            lambda w: jnp.sum(w[0]["weight"] ** 2),
            model.start(0),
            jax.random.key(0),
            rate_scales=(1.0, 1.0, 1.0),
        )
