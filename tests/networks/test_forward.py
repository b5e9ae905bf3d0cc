"""The finite reading of layers with positions, against loops over positions written out here."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.precision import precision
from carnotlab.networks.activations import Relu
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model
from carnotlab.networks.forward import without_weights
from carnotlab.networks.layers import (
    AveragePool,
    Convolution,
    Dense,
    DropConnect,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalSumPool,
    LayerNorm,
    MaxPool,
    Product,
    SelfAttention,
    Sum,
    SumPool,
)
from carnotlab.networks.parameterization import NTK, Standard

X = np.random.default_rng(0).normal(size=(2, 5, 6, 3))
EXACT = {"rtol": 1e-12, "atol": 1e-12}


KEY = jax.random.key(2)


def windows(x, size, stride, padding):
    """Yield output positions with the real input positions under the window, one by one."""
    lengths = x.shape[1:-1]
    if padding == "valid":
        counts = [(n - k) // s + 1 for n, k, s in zip(lengths, size, stride, strict=True)]
        before = [0] * len(lengths)
    else:
        counts = [-(-n // s) for n, s in zip(lengths, stride, strict=True)]
        missing = [
            max((c - 1) * s + k - n, 0)
            for c, s, k, n in zip(counts, stride, size, lengths, strict=True)
        ]
        before = [m // 2 for m in missing]
    for out in itertools.product(*map(range, counts)):
        seen = []
        for offset in itertools.product(*map(range, size)):
            at = [o * s + d - b for o, s, d, b in zip(out, stride, offset, before, strict=True)]
            if padding == "circular":
                seen.append((offset, tuple(i % n for i, n in zip(at, lengths, strict=True))))
            elif all(0 <= i < n for i, n in zip(at, lengths, strict=True)):
                seen.append((offset, tuple(at)))
        yield tuple(counts), out, seen


def by_loops(x, size, stride, padding, combine, channels):
    first = next(windows(x, size, stride, padding))
    result = np.zeros((len(x), *first[0], channels))
    for _, out, seen in windows(x, size, stride, padding):
        result[(slice(None), *out)] = combine(
            [(offset, x[(slice(None), *at)]) for offset, at in seen]
        )
    return result


def run(network, x, noise=None):
    with precision("float64"):
        model = Model(network)
        weights = model.start(0)
        outputs = model.apply(weights, jnp.asarray(x), noise)
        return np.asarray(outputs), jax.tree.map(np.asarray, weights)


@pytest.mark.parametrize("padding", ["same", "valid", "circular"])
@pytest.mark.parametrize(("size", "stride"), [((3, 3), (1, 1)), ((2, 4), (2, 1)), ((3, 2), (3, 2))])
def test_convolution_by_loops(size, stride, padding):
    network = Network(
        (5, 6, 3), (Convolution(4, size, stride, padding, 1.7, 0.2), Flatten(), Dense(2)), NTK()
    )
    outputs, (first, last) = run(network, X)
    assert first["weight"].shape == (*size, 3, 4)
    scale = np.sqrt(1.7 / (3 * np.prod(size)))

    def combine(parts):
        return scale * sum(x @ first["weight"][offset] for offset, x in parts)

    hidden = by_loops(X, size, stride, padding, combine, 4) + np.sqrt(0.2) * first["bias"]
    flat = hidden.reshape(2, -1)
    expected = flat @ last["weight"].T / np.sqrt(flat.shape[1])
    np.testing.assert_allclose(outputs, expected, **EXACT)


@pytest.mark.parametrize("padding", ["same", "valid", "circular"])
@pytest.mark.parametrize(("size", "stride"), [((2, 2), None), ((3, 2), (1, 2)), ((3, 3), (2, 2))])
@pytest.mark.parametrize(
    ("layer", "combine"), [(AveragePool, np.mean), (SumPool, np.sum), (MaxPool, np.max)]
)
def test_pooling_by_loops(layer, combine, size, stride, padding):
    expected = by_loops(
        X,
        size,
        stride or size,
        padding,
        lambda parts: combine([x for _, x in parts], axis=0),
        X.shape[-1],
    )
    with precision("float64"):
        pooled = without_weights(layer(size, stride, padding), jnp.asarray(X))
    np.testing.assert_allclose(pooled, expected, **EXACT)


def test_one_axis_of_positions():
    x = X[:, :, 0]
    network = Network((5, 3), (Convolution(4, 3), GlobalSumPool()))
    outputs, (only,) = run(network, x)
    hidden = by_loops(
        x, (3,), (1,), "same", lambda parts: sum(v @ only["weight"][o] for o, v in parts), 4
    )
    np.testing.assert_allclose(outputs, hidden.sum(axis=1), **EXACT)


def test_dense_acts_at_every_position_alike_and_global_pooling_averages():
    network = Network((5, 6, 3), (Dense(4), Relu(), GlobalAveragePool()), Standard())
    outputs, (only,) = run(network, X)
    expected = np.maximum(X @ only["weight"].T, 0).mean(axis=(1, 2))
    np.testing.assert_allclose(outputs, expected, **EXACT)


def test_sums_and_products_of_branches():
    branches = ((Dense(4),), (Dense(4), Relu()))
    x = X[:, 0, 0]
    for kind, join in ((Sum, np.add), (Product, np.multiply)):
        outputs, (one, two) = run(Network(3, (kind(branches),)), x)
        left, right = x @ one["weight"].T, np.maximum(x @ two["weight"].T, 0)
        np.testing.assert_allclose(outputs, join(left, right), **EXACT)


@pytest.mark.parametrize("over", ["channels", "all"])
def test_layer_norm_has_mean_zero_and_variance_one(over):
    with precision("float64"):
        normal = np.asarray(without_weights(LayerNorm(over), jnp.asarray(3 * X + 2)))
    axes = -1 if over == "channels" else (1, 2, 3)
    np.testing.assert_allclose(normal.mean(axis=axes), 0.0, atol=1e-12)
    # The floor of 1e-12 under variances, of which the least here is near 0.005.
    np.testing.assert_allclose(normal.std(axis=axes), 1.0, rtol=1e-9)
    np.testing.assert_allclose(without_weights(LayerNorm(over), jnp.ones((1, 2, 3))), 0.0)


@pytest.mark.parametrize("scaling", ["linear", "square root"])
def test_attention_by_loops(scaling):
    heads, d, value = 2, 4, 3
    layer = SelfAttention(5, heads, d, value, scaling, 1.3, 0.7, 1.9)
    x = X[:, :, 0]
    outputs, weights = run(Network((5, 3), (layer, GlobalSumPool()), NTK()), x)
    maps = [w["weight"] for w in weights]
    variances = [1.3, 0.7, 1.9] if scaling == "linear" else [1.3, 1.3, 0.7, 1.9]
    maps = [np.sqrt(v / m.shape[1]) * m for v, m in zip(variances, maps, strict=True)]
    query, key = maps[0], maps[0] if scaling == "linear" else maps[1]
    for n in range(len(x)):
        total = np.zeros(5)
        for p in range(5):
            mixed = []
            for h in range(heads):
                q = query[h * d : (h + 1) * d] @ x[n, p]
                logits = np.array([q @ key[h * d : (h + 1) * d] @ x[n, r] for r in range(5)])
                if scaling == "linear":
                    attention = np.exp(logits / d) / np.exp(logits / d).sum()
                else:
                    attention = logits / np.sqrt(d)
                values = [maps[-2][h * value : (h + 1) * value] @ x[n, r] for r in range(5)]
                mixed.append(attention @ np.array(values))
            total += maps[-1] @ np.concatenate(mixed)
        np.testing.assert_allclose(outputs[n], total, **EXACT)


def test_dropout_keeps_its_mean_and_is_off_without_noise():
    keep, x = 0.3, np.ones((2000, 3))
    network = Network(3, (Dropout(keep), Dense(2)))
    still, (only,) = run(network, x)
    np.testing.assert_allclose(still, x @ only["weight"].T, **EXACT)
    noisy, _ = run(network, x, jax.random.key(1))
    error = noisy.std(axis=0) / np.sqrt(len(x))
    assert (np.abs(noisy.mean(axis=0) - still[0]) < 4.5 * error).all()
    variance = np.sum(only["weight"] ** 2, axis=1) * (1 - keep) / keep
    # The sample variance of 2000 draws is known to about 1/sqrt(1000).
    np.testing.assert_allclose(noisy.var(axis=0), variance, rtol=0.15)


def test_drop_connect_is_dense_without_noise_and_leaves_weights_out_with_it():
    keep, x = 0.3, np.ones((2000, 3))
    network = Network(3, (DropConnect(2, keep, bias_variance=0.5),))
    still, (only,) = run(network, x)
    np.testing.assert_allclose(still, x @ only["weight"].T + only["bias"], **EXACT)
    noisy, _ = run(network, x, jax.random.key(1))
    error = noisy.std(axis=0) / np.sqrt(len(x))
    assert (np.abs(noisy.mean(axis=0) - still[0]) < 4.5 * error).all()
    variance = np.sum(only["weight"] ** 2, axis=1) * (1 - keep) / keep
    np.testing.assert_allclose(noisy.var(axis=0), variance, rtol=0.15)
    # Unlike dropout of units, each output has a mask of its own: nothing in common.
    assert abs(np.corrcoef(noisy.T)[0, 1]) < 4.5 / np.sqrt(len(x))
    # Three weights, each there or not: eight outputs and no other.
    assert len(np.unique(noisy[:, 0].round(9))) == 8


def test_drop_connect_has_one_mask_for_all_positions_of_a_sample():
    noisy, _ = run(Network((4, 3), (DropConnect(1, 0.5), Flatten())), np.ones((50, 4, 3)), KEY)
    np.testing.assert_allclose(noisy, noisy[:, :1] * np.ones(4), **EXACT)
    assert len(np.unique(noisy[:, 0].round(9))) > 4


def test_frozen_maps_have_no_rate():
    network = Network(3, (Dense(4), Relu(), Dense(4), Relu(), Dense(1)), frozen=2)
    assert Model(network).rate_scales("gradient") == (0.0, 0.0, 1.0)
