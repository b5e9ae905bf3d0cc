"""Tangent kernels of convolutions, attention, loops and residual branches by definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.measures.feature_kernel import feature_kernel
from carnotlab.measures.kernel_products import TangentKernelProduct
from carnotlab.measures.tangent_kernel import METHODS, tangent_kernel, tangent_kernel_plan

NHWC = ("NHWC", "HWIO", "NHWC")


def normal(seed, *shape):
    # Not of JAX: at import its arrays would be in single precision.
    return np.random.default_rng(seed).normal(size=shape)


def convolve(x, w, layout=NHWC, strides=(1, 1), padding="SAME", **settings):
    return jax.lax.conv_general_dilated(
        x, w, strides, padding, dimension_numbers=layout, **settings
    )


def network(weights, x, layout=NHWC, **settings):
    """Convolution, bias, average pooling, convolution, dense layer."""
    h = jnp.tanh(0.5 * convolve(x, weights["first"], **settings) + 0.3 * weights["bias"])
    window, add = (1, 2, 2, 1), jax.lax.add
    h = jax.lax.reduce_window(h, 0.0, add, window, window, "VALID") / 4
    h = 0.7 * convolve(jax.nn.relu(h), weights["second"])
    return h.reshape(len(x), -1) @ weights["last"] + weights["shift"]


def network_weights(channels=3):
    shapes = {
        "first": (3, 3, 2, channels),
        "bias": (channels,),
        "second": (2, 2, channels, 2),
        "last": (18, 3),
        "shift": (3,),
    }
    return {name: normal(at, *shape) for at, (name, shape) in enumerate(shapes.items())}


def single(**settings):
    """One convolution and the mean over its positions of a smooth function of it."""

    def apply(weights, x):
        h = convolve(x, weights[0], **settings)
        return jnp.stack([jnp.sum(jnp.sin(h), (1, 2, 3)), jnp.sum(h**3, (1, 2, 3))], axis=1)

    return apply


def attention(weights, x):
    tokens = x.reshape(len(x), 8, 9)
    q, k, v = (jnp.einsum("btd,dhe->bthe", tokens, weights[name]) for name in "qkv")
    mixed = jax.nn.softmax(jnp.einsum("bthe,bshe->bhts", q, k), axis=-1)
    heads = jnp.einsum("bhts,bshe->bthe", mixed, v)
    heads = jnp.einsum("bthe,hef->bthf", heads, weights["each"])  # batched by head
    return jnp.mean(jnp.einsum("bthe,hec->btc", heads, weights["o"]), axis=1) * weights["gain"]


def recurrent(weights, x):
    def step(h, token):
        return jnp.tanh(h @ weights["hidden"] + token @ weights["input"]), None

    tokens = jnp.moveaxis(x.reshape(len(x), 8, 9), 1, 0)
    return jax.lax.scan(step, jnp.zeros((len(x), 4)), tokens)[0] @ weights["last"]


def residual(weights, x):
    h = jnp.tanh(x.reshape(len(x), -1) @ weights["in"])
    for name in ("one", "two"):
        h = h - 0.5 * (jnp.tanh(h) @ weights[name] + weights["bias"])
    return h @ weights["last"]


def shared_filter(weights, x):
    h = jnp.tanh(convolve(x, weights[0]))
    return jnp.mean(jnp.tanh(convolve(h, weights[0], strides=(2, 2))), axis=(1, 2))


HEADS = {"q": (9, 2, 3), "k": (9, 2, 3), "v": (9, 2, 3), "each": (2, 3, 3), "o": (2, 3, 4)}
FILTER = [normal(9, 3, 3, 2, 4)]
CASES = {
    "network": (network, network_weights()),
    "strides": (single(strides=(2, 3)), FILTER),
    "valid": (single(padding="VALID"), FILTER),
    "uneven padding": (single(padding=((2, 0), (-1, 1))), FILTER),
    "dilated filter": (single(rhs_dilation=(2, 1)), FILTER),
    "dilated input": (single(lhs_dilation=(1, 2), padding=((1, 1), (2, 0))), FILTER),
    "groups": (single(feature_group_count=2), [normal(8, 3, 3, 1, 4)]),
    "channels first": (
        lambda w, x: single(layout=("NCHW", "OIHW", "NCHW"))(w, x.transpose(0, 3, 1, 2)),
        [normal(8, 4, 2, 3, 3)],
    ),
    "mixed layout": (single(layout=("NHWC", "IOHW", "CNHW")), None),
    "attention": (
        attention,
        {name: normal(at, *s) for at, (name, s) in enumerate(HEADS.items())}
        | {"gain": normal(7, 4)},
    ),
    "loop": (
        recurrent,
        {"hidden": normal(1, 4, 4), "input": normal(2, 9, 4), "last": normal(3, 4, 3)},
    ),
    "residual": (
        residual,
        {"in": normal(1, 72, 5), "one": normal(2, 5, 5), "two": normal(3, 5, 5)}
        | {"bias": normal(4, 5), "last": normal(5, 5, 2)},
    ),
    "shared filter": (shared_filter, [normal(6, 3, 3, 2, 2)]),
}
CASES["mixed layout"] = (
    lambda w, x: (
        jnp.mean(jnp.sin(convolve(x, w[0], layout=("NHWC", "IOHW", "CNHW"))), axis=(2, 3)).T
    ),
    [normal(8, 2, 3, 3, 3)],
)


@pytest.fixture
def images():
    return normal(0, 5, 6, 6, 2), normal(1, 3, 6, 6, 2)


def definition(apply, weights, x1, x2):
    """Gradients of all outputs by all weights, written out."""

    @jax.jit
    def jacobian(x):
        leaves = jax.tree.leaves(jax.jacrev(apply)(weights, x))
        return jnp.concatenate([leaf.reshape(*leaf.shape[:2], -1) for leaf in leaves], axis=-1)

    return np.einsum("icp,jdp->ijcd", jacobian(x1), jacobian(x2))


@pytest.mark.parametrize("name", CASES)
def test_every_method_gives_the_definition(name, images):
    apply, weights = CASES[name]
    x1, x2 = images
    expected = definition(apply, weights, x1, x2)
    mean = np.einsum("ijcc->ij", expected) / expected.shape[-1]
    size = np.abs(expected).max()
    for method in ("structured", "products"):
        full = tangent_kernel(apply, weights, x1, x2, trace_outputs=False, method=method)
        np.testing.assert_allclose(full, expected, rtol=1e-9, atol=1e-11 * size)
        traced = tangent_kernel(apply, weights, x1, x2, method=method)
        np.testing.assert_allclose(traced, mean, rtol=1e-9, atol=1e-11 * size)


@pytest.mark.parametrize(
    "method",
    [
        name if name == "structured" else pytest.param(name, marks=pytest.mark.slow)
        for name in METHODS
    ],
)
@pytest.mark.parametrize("trace_outputs", [True, False])
def test_blocks_change_nothing_and_the_kernel_is_symmetric(method, trace_outputs, images):
    x, weights = images[0], network_weights()
    expected = definition(network, weights, x, x)
    if trace_outputs:
        expected = np.einsum("ijcc->ij", expected) / 3
    for block_bytes in (1, 30_000, 2**28):  # a sample at a time; with a remainder; all at once
        kernel = np.asarray(
            tangent_kernel(
                network,
                weights,
                x,
                trace_outputs=trace_outputs,
                method=method,
                block_bytes=block_bytes,
            )
        )
        np.testing.assert_allclose(kernel, expected, rtol=1e-9, atol=1e-10)
        matrix = kernel if trace_outputs else kernel.transpose(0, 2, 1, 3).reshape(15, 15)
        np.testing.assert_array_equal(matrix, matrix.T)
        values = np.linalg.eigvalsh(matrix)
        assert values[0] > -1e-10 * values[-1]


def test_position_pairs_give_the_definition(images):
    """Few positions and many channels: pairs of positions then cost less than gradients."""
    weights = [normal(4, 2, 1, 40, 30)]
    wide = normal(5, 4, 3, 2, 40)

    def apply(weights, x):
        return jnp.tanh(convolve(x, weights[0], padding="VALID") / 9)[:, 0, :, :3].sum(1)

    for trace_outputs in (True, False):
        plan = tangent_kernel_plan(apply, weights, wide, trace_outputs=trace_outputs)
        assert plan.weights[0].method == "position pairs"
        expected = definition(apply, weights, wide, wide)
        expected = np.einsum("ijcc->ij", expected) / 3 if trace_outputs else expected
        found = tangent_kernel(apply, weights, wide, trace_outputs=trace_outputs)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_the_plan_takes_structure_for_few_outputs_and_products_for_many():
    x = jnp.ones((40, 30))
    few = tangent_kernel_plan(
        lambda w, x: jnp.tanh(x @ w[0]) @ w[1], [normal(1, 30, 50), normal(2, 50, 4)], x
    )
    assert min(few.alternatives, key=few.alternatives.get) == "structured"
    assert few.operations == few.alternatives["structured"]
    # In a loop, with many outputs: a product with the kernel costs less than any Jacobian.
    weights = [normal(1, 30, 30)]

    def loop(weights, x):
        return jax.lax.fori_loop(0, 2, lambda _, h: jnp.tanh(h @ weights[0]), x)

    many = tangent_kernel_plan(loop, weights, x, trace_outputs=False)
    assert {w.method for w in many.weights} == {"products"}
    assert many.operations == min(many.alternatives.values())
    assert "products" in str(many)


def test_operator_is_the_matrix(images):
    x1, x2 = images
    weights = network_weights()
    for other in (x2, None):
        expected = definition(network, weights, x1, x1 if other is None else other)
        vector = normal(3, expected.shape[1], 3)
        for block in (2, 100):  # with a remainder; all at once
            theta = TangentKernelProduct(network, weights, x1, other, block=block)
            product = np.einsum("ijcd,jd->ic", expected, vector)
            np.testing.assert_allclose(theta(vector), product, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(
                theta @ vector.ravel(), product.ravel(), rtol=1e-9, atol=1e-9
            )
        mean = TangentKernelProduct(network, weights, x1, other, trace_outputs=True)
        assert mean.shape == expected.shape[:2]
        product = np.einsum("ijcc,j->i", expected, vector[:, 0]) / 3
        np.testing.assert_allclose(mean(vector[:, 0]), product, rtol=1e-9, atol=1e-9)
    with pytest.raises(InputError, match="a vector of shape \\[4\\]; required: 15 entries"):
        theta(jnp.ones(4))


def test_operator_solves_with_conjugate_gradients(images):
    x, weights = images[0], network_weights()
    theta = TangentKernelProduct(network, weights, x)
    target = normal(3, 5, 3)
    solution, _ = jax.scipy.sparse.linalg.cg(lambda v: theta(v) + v, target, tol=1e-10)
    expected = definition(network, weights, x, x).transpose(0, 2, 1, 3).reshape(15, 15)
    direct = np.linalg.solve(expected + np.eye(15), target.ravel())
    np.testing.assert_allclose(solution.ravel(), direct, rtol=1e-6, atol=1e-8)


def test_rates_weigh_the_leaves(images):
    apply, x = (lambda w, x: jnp.tanh(x.reshape(len(x), -1) @ w[0]) @ w[1]), images[0]
    weights = (normal(1, 72, 4), normal(2, 4, 3))
    parts = [tangent_kernel(apply, weights, x, rate_scales=r) for r in ((1.0, 0.0), (0.0, 1.0))]
    whole = tangent_kernel(apply, weights, x, rate_scales=(2.0, 0.5))
    np.testing.assert_allclose(whole, 2.0 * parts[0] + 0.5 * parts[1], rtol=1e-12)
    vector = normal(3, 5, 3)
    full = tangent_kernel(apply, weights, x, rate_scales=(2.0, 0.5), trace_outputs=False)
    product = TangentKernelProduct(apply, weights, x, rate_scales=(2.0, 0.5))(vector)
    np.testing.assert_allclose(product, np.einsum("ijcd,jd->ic", full, vector), rtol=1e-9)


def test_feature_kernel_is_the_mean_product_of_features(images):
    x1, x2 = images
    weights = network_weights()
    f1, f2 = (np.asarray(network(weights, x)) for x in (x1, x2))
    found = feature_kernel(network, weights, x1, x2)
    np.testing.assert_allclose(found, f1 @ f2.T / 3, rtol=1e-12)
    full = feature_kernel(network, weights, x1, trace_features=False)
    np.testing.assert_allclose(full, np.einsum("ic,jd->ijcd", f1, f1), rtol=1e-12)


def test_unknown_methods_are_refused(images):
    with pytest.raises(InputError, match="Got method = 'fast'; required: one of automatic"):
        tangent_kernel(network, network_weights(), images[0], method="fast")
