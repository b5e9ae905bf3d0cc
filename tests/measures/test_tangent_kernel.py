import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.measures import tangent_kernel as t
from carnotlab.measures.kernel_change import kernel_change, tangent_kernel_on
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import MeanField


def dense_kernel(apply, weights, x1, x2, rates=None):
    """Every gradient written out: the definition, [n1, n2, k, k]."""
    total = 0.0
    for index in range(len(weights)):

        def outputs(layer, x, index=index):
            return apply((*weights[:index], layer, *weights[index + 1 :]), x)

        j1, j2 = (
            jnp.concatenate(
                [
                    leaf.reshape(*leaf.shape[:2], -1)
                    for leaf in jax.tree.leaves(jax.jacrev(outputs)(weights[index], x))
                ],
                axis=-1,
            )
            for x in (x1, x2)
        )
        rate = 1.0 if rates is None else rates[index]
        total = total + rate * jnp.einsum("icp,jdp->ijcd", j1, j2)
    return total


def kernels(apply, weights, x1, x2, rates=None, **settings):
    """The definition, the full kernel and the mean over outputs, compiled together."""

    @jax.jit
    def compute(weights, x1, x2):
        return (
            dense_kernel(apply, weights, x1, x2, rates),
            *(
                t.tangent_kernel(
                    apply, weights, x1, x2, trace_outputs=mean, rate_scales=rates, **settings
                )
                for mean in (False, True)
            ),
        )

    return compute(weights, jnp.asarray(x1), jnp.asarray(x2))


def check(apply, weights, x1, x2, rates=None, **settings):
    expected, full, mean = kernels(apply, weights, x1, x2, rates, **settings)
    np.testing.assert_allclose(full, expected, rtol=1e-9, atol=1e-11)
    expected_mean = np.einsum("ijcc->ij", expected) / expected.shape[-1]
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-9, atol=1e-11)


def two_layer_by_hand(network, weights, x1, x2, rates):
    """The kernel of a rectifier network with one hidden layer, derived on paper, in NumPy."""
    (w1, b1), (w2, _) = ((np.asarray(v["weight"]), np.asarray(v["bias"])) for v in weights)
    width, inputs = w1.shape
    multiplier1, bias1 = np.sqrt(2.0 / inputs), np.sqrt(0.3)
    damping = 1.0
    if isinstance(network.parameterization, MeanField):
        damping = network.parameterization.richness * np.sqrt(width)
    multiplier2, bias2 = np.sqrt(1.0 / width) / damping, np.sqrt(0.3) / damping
    z1, z2 = (multiplier1 * x @ w1.T + bias1 * b1 for x in (x1, x2))
    h1, h2 = np.maximum(z1, 0), np.maximum(z2, 0)
    outputs = w2.shape[0]
    last = (multiplier2**2 * h1 @ h2.T + bias2**2)[:, :, None, None] * np.eye(outputs)
    slopes1, slopes2 = (multiplier2 * (z > 0)[:, None, :] * w2 for z in (z1, z2))
    below = (multiplier1**2 * x1 @ x2.T + bias1**2)[:, :, None, None]
    first = below * np.einsum("icu,jdu->ijcd", slopes1, slopes2)
    return rates[0] * first + rates[1] * last


@pytest.mark.parametrize("kind", [None, MeanField(0.5)])
def test_matches_a_two_layer_formula_in_numpy(state_of, data, kind):
    network = mlp(4, (16,), 3, bias_variance=0.3, parameterization=kind)
    state = state_of(network)
    rates = state.model.rate_scales("gradient")
    assert rates == ((1.0, 1.0) if kind is None else (4.0, 4.0))
    expected = two_layer_by_hand(network, state.weights, data.train.x, data.test.x, rates)
    _, found, _ = kernels(state.model.apply, state.weights, data.train.x, data.test.x, rates)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
    # control: a wrong rate of one layer breaks the match
    wrong = two_layer_by_hand(network, state.weights, data.train.x, data.test.x, (1.1, rates[1]))
    assert np.abs(found - wrong).max() > 1e-2


def test_matches_the_definition_under_any_rates(rich, state_of, data):
    state = state_of(rich)
    rates = (2.0, 0.5, 0.0)
    check(state.model.apply, state.weights, data.train.x, data.test.x, rates)


def test_finite_differences_of_the_outputs_give_the_kernel(linear, state_of, data):
    state = state_of(linear)
    x, step = jnp.asarray(data.test.x[:2]), 1e-5
    flat, restore = jax.flatten_util.ravel_pytree(state.weights)

    @jax.jit
    def slope(direction):
        ahead, behind = (state.model.apply(restore(flat + s * direction), x) for s in (step, -step))
        return (ahead - behind) / (2 * step)

    gradients = np.stack([slope(direction) for direction in np.eye(flat.size)])
    expected = np.einsum("pic,pjd->ijcd", gradients, gradients)
    _, found, _ = kernels(state.model.apply, state.weights, x, x)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_every_weight_of_a_network_is_structured(smooth, state_of, data):
    state = state_of(smooth)
    plan = t.tangent_kernel_plan(
        state.model.apply, state.weights, data.train.x, method="structured"
    )
    assert {weight.method for weight in plan.weights} == {"outer products"}


def square():
    return ({"weight": jnp.asarray(np.random.default_rng(5).normal(size=(4, 4)))},)


APPLIES = {
    # name: (apply, how its share is computed)
    "plain": (lambda v, x: jnp.tanh(x @ v[0]["weight"].T), "outer products"),
    "not transposed": (lambda v, x: jnp.tanh(x @ v[0]["weight"]), "outer products"),
    "compiled": (jax.jit(lambda v, x: jnp.tanh(x @ v[0]["weight"].T)), "outer products"),
    "compiled inside": (
        lambda v, x: jax.jit(jnp.matmul)(jnp.sin(x), v[0]["weight"].T) ** 2,
        "outer products",
    ),
    "one at a time": (
        lambda v, x: jax.vmap(lambda row: v[0]["weight"] @ row)(x) ** 2,
        "outer products",
    ),
    "einsum": (lambda v, x: jnp.einsum("ni,oi->no", x, v[0]["weight"]) ** 2, "outer products"),
    "scaled first": (lambda v, x: jnp.tanh(x @ (2.0 * v[0]["weight"]).T), "outer products"),
    "used twice": (
        lambda v, x: jnp.tanh(x @ v[0]["weight"]) @ v[0]["weight"],
        "several positions",
    ),
    "used both ways": (lambda v, x: jnp.tanh(x @ v[0]["weight"].T) @ v[0]["weight"], "jacobian"),
    "squared": (lambda v, x: x @ (v[0]["weight"] @ v[0]["weight"]), "jacobian"),
    "also outside a product": (
        lambda v, x: x @ v[0]["weight"] + jnp.sum(v[0]["weight"]),
        "jacobian",
    ),
    "several positions": (
        lambda v, x: jnp.sum(jnp.tanh(jnp.stack([x, x**2], axis=1) @ v[0]["weight"]), axis=1),
        "several positions",
    ),
    "in a loop": (
        lambda v, x: jax.lax.fori_loop(0, 2, lambda _, h: jnp.tanh(h @ v[0]["weight"]), x),
        "jacobian",
    ),
    "not used": (lambda v, x: x**2, "not used"),
}


@pytest.mark.parametrize("name", APPLIES)
def test_any_use_of_a_matrix_gives_the_definition(name, data):
    apply, how = APPLIES[name]
    plan = t.tangent_kernel_plan(apply, square(), data.train.x, method="structured")
    (weight,) = plan.weights
    if how == "several positions":
        assert weight.positions == 2
        assert weight.method in ("position pairs", "gradients")
    else:
        assert weight.method == how
    check(apply, square(), jnp.asarray(data.train.x), jnp.asarray(data.test.x), (1.5,))


def test_blocks_do_not_change_explicit_gradients(data):
    apply, _ = APPLIES["used both ways"]
    for size in (1, 3 * 4 * 16 * 8):  # one sample a block; three samples, with a remainder
        check(apply, square(), data.train.x, data.test.x, block_bytes=size)


def test_kernel_is_symmetric_and_positive_semidefinite(rich, state_of, data, read):
    state = state_of(rich)
    rates = state.model.rate_scales("gradient")
    x = data.train.x
    full = np.asarray(
        jax.jit(
            lambda v: t.tangent_kernel(
                state.model.apply, v, x, trace_outputs=False, rate_scales=rates
            )
        )(state.weights)
    )
    matrix = full.transpose(0, 2, 1, 3).reshape(21, 21)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).min() > -1e-10 * np.linalg.eigvalsh(matrix).max()
    measured = read(tangent_kernel_on(x), state, data)
    np.testing.assert_allclose(measured, np.einsum("ijcc->ij", full) / 3, rtol=1e-10)


def test_outputs_move_by_the_kernel_in_a_short_step(rich, state_of, data):
    state = state_of(rich)
    rates = state.model.rate_scales("gradient")
    x, y = jnp.asarray(data.train.x), jnp.asarray(data.train.y)
    step = 1e-7

    @jax.jit
    def speeds(weights):
        slope = jax.grad(lambda v: state.loss(state.model.apply(v, x), y))(weights)
        moved = tuple(
            jax.tree.map(lambda a, g, rate=rate: a - step * rate * g, layer, layer_slope)
            for layer, layer_slope, rate in zip(weights, slope, rates, strict=True)
        )
        outputs = state.model.apply(weights, x)
        full = t.tangent_kernel(
            state.model.apply, weights, x, trace_outputs=False, rate_scales=rates
        )
        predicted = -jnp.einsum("ijcd,jd->ic", full, (outputs - y) / len(x))
        return (state.model.apply(moved, x) - outputs) / step, predicted

    speed, predicted = speeds(state.weights)
    np.testing.assert_allclose(speed, predicted, rtol=1e-5, atol=1e-6)
    assert np.abs(speed).max() > 1e-2


def test_kernel_change_matches_numpy(rich, state_of, data, read):
    state = state_of(rich)
    rates = state.model.rate_scales("gradient")
    dense = jax.jit(lambda v: dense_kernel(state.model.apply, v, data.test.x, data.test.x, rates))
    now, before = np.asarray(dense(state.weights)), np.asarray(dense(state.start))
    measures = tuple(kernel_change(data.test.x, trace_outputs=whole) for whole in (False, True))
    found = read(measures, state, data)
    unmoved = read(measures, state._replace(weights=state.start), data)
    for whole in (True, False):
        a, b = (now, before) if whole else (np.einsum("ijcc->ij", k) for k in (now, before))
        expected = np.linalg.norm(a - b) / np.linalg.norm(b)
        np.testing.assert_allclose(found[0 if whole else 1], expected, rtol=1e-9)
        assert expected > 1e-3
        assert float(unmoved[0 if whole else 1]) < 1e-14


def test_kernel_of_float32_weights_is_float32_wherever_it_is_computed(data):
    weights = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), square())
    x = jnp.asarray(data.train.x, jnp.float32)
    for apply, _ in (APPLIES["plain"], APPLIES["used both ways"]):
        kernel = jax.eval_shape(lambda v, apply=apply: t.tangent_kernel(apply, v, x), weights)
        assert kernel.dtype == jnp.float32


def test_outputs_without_a_sample_dimension_are_refused():
    with pytest.raises(InputError) as error:
        t.tangent_kernel(lambda v, x: (x @ v[0]["weight"])[:, 0], square(), jnp.ones((5, 4)))
    assert str(error.value) == (
        "Got outputs of shape [5] for 5 samples; required: outputs [n, k]; give apply a leading "
        "sample dimension and one trailing output dimension."
    )


def test_wrong_rate_scales_are_refused():
    apply, _ = APPLIES["plain"]
    with pytest.raises(InputError) as error:
        t.tangent_kernel(apply, square(), jnp.ones((5, 4)), rate_scales=(1.0, 2.0))
    assert str(error.value) == (
        "Got 2 rate scales for weights of 1 layers; required: one for each layer; "
        "pass model.rate_scales('gradient')."
    )
    with pytest.raises(InputError) as error:
        t.tangent_kernel(apply, square(), jnp.ones((5, 4)), rate_scales=(-1.0,))
    assert str(error.value) == (
        "Got rate scales (-1.0,); required: numbers of at least 0; "
        "pass model.rate_scales('gradient')."
    )
