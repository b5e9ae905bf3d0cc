"""Layers that read sequences, against loops over positions written out here."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.networks.activations import Relu
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model
from carnotlab.networks.forward import without_weights
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.layers import (
    CausalAttention,
    Dense,
    Flatten,
    LastPosition,
    OneHot,
    PositionOneHot,
    Recurrent,
)
from carnotlab.networks.parameterization import NTK, Standard
from carnotlab.networks.sequence_architectures import recurrent, transformer, window_mlp

X = np.random.default_rng(0).normal(size=(3, 6, 4))
CODES = np.random.default_rng(1).integers(0, 5, (3, 7, 1)).astype(float)
EXACT = {"rtol": 1e-12, "atol": 1e-12}


def run(network, x):
    with precision("float64"):
        model = Model(network)
        weights = model.start(0)
        outputs = np.asarray(model.apply(weights, jnp.asarray(x)))
        return outputs, jax.tree.map(np.asarray, weights)


def recurrent_states(x, into, bias, across, phi):
    states = np.zeros((*x.shape[:2], len(bias)))
    for sample in range(len(x)):
        state = np.zeros(len(bias))
        for place in range(x.shape[1]):
            state = phi(across @ state + into @ x[sample, place] + bias)
            states[sample, place] = state
    return states


@pytest.mark.parametrize("kind", [Standard, NTK])
def test_recurrent_by_loops(kind):
    layer = Recurrent(5, weight_variance=1.7, recurrent_variance=0.8, bias_variance=0.3)
    outputs, (into, across, last) = run(Network((6, 4), (layer, Flatten(), Dense(2)), kind()), X)
    scales = (1.0, 1.0, 1.0, 1.0)
    if kind is NTK:
        scales = np.sqrt([1.7 / 4, 0.3, 0.8 / 5, 1.0 / 30])
    states = recurrent_states(
        X,
        scales[0] * into["weight"],
        scales[1] * into["bias"],
        scales[2] * across["weight"],
        np.tanh,
    )
    expected = scales[3] * states.reshape(3, -1) @ last["weight"].T
    np.testing.assert_allclose(outputs, expected, **EXACT)
    assert "bias" not in across


def test_recurrent_takes_images_in_reading_order():
    image = X[:, :, None, :].reshape(3, 2, 3, 4)
    ends = (LastPosition(), Dense(2))
    along, _ = run(Network((6, 4), (Recurrent(5, Relu()), *ends)), X)
    over, _ = run(Network((2, 3, 4), (Recurrent(5, Relu()), *ends)), image)
    np.testing.assert_array_equal(along, over)


def attended(x, query, key, value, out, heads):
    size = len(query) // heads
    result = np.zeros((*x.shape[:2], len(out)))
    for sample in range(len(x)):
        for place in range(x.shape[1]):
            parts = []
            for head in range(heads):
                rows = slice(head * size, (head + 1) * size)
                q = query[rows] @ x[sample, place]
                scores = [q @ (key[rows] @ x[sample, p]) / np.sqrt(size) for p in range(place + 1)]
                shares = np.exp(scores) / np.sum(np.exp(scores))
                parts.append(sum(s * (value[rows] @ x[sample, p]) for p, s in enumerate(shares)))
            result[sample, place] = out @ np.concatenate(parts)
    return result


def test_causal_attention_by_loops():
    layer = CausalAttention(3, heads=2, head_units=5, query_variance=4.0, value_variance=0.7)
    outputs, weights = run(Network((6, 4), (layer, Flatten(), Dense(2))), X)
    *inside, last = (each["weight"] for each in weights)
    expected = attended(X, *inside, 2).reshape(3, -1) @ last.T
    np.testing.assert_allclose(outputs, expected, **EXACT)
    assert [each.shape for each in inside] == [(10, 4), (10, 4), (10, 4), (3, 10)]


def normalized(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)


def test_transformer_by_loops():
    network = transformer((7, 1), 6, 5, blocks=2, heads=3, expansion=2, symbols=5)
    outputs, weights = run(network, CODES)
    places = np.broadcast_to(np.eye(7), (3, 7, 7))
    steps = iter(weights)
    x = np.concatenate([np.eye(5)[CODES[..., 0].astype(int)], places], -1) @ next(steps)["weight"].T
    for _ in range(2):
        x = x + attended(normalized(x), *(next(steps)["weight"] for _ in range(4)), 3)
        up, down = next(steps), next(steps)
        hidden = np.maximum(normalized(x) @ up["weight"].T + up["bias"], 0.0)
        x = x + hidden @ down["weight"].T + down["bias"]
    last = next(steps)
    expected = normalized(x[:, -1]) @ last["weight"].T + last["bias"]
    np.testing.assert_allclose(outputs, expected, rtol=1e-10, atol=1e-10)


def test_one_hot_and_places():
    codes = jnp.array([[[1.0], [0.0], [-1.0], [0.5]]])
    with precision("float64"):
        np.testing.assert_array_equal(
            without_weights(OneHot(2), codes), [[[0, 1], [1, 0], [0, 0], [0, 0]]]
        )
        two = without_weights(OneHot(2), jnp.array([[1.0, 0.0]]))
        np.testing.assert_array_equal(two, [[0, 1, 1, 0]])
        placed = without_weights(PositionOneHot(), jnp.ones((1, 2, 1)))
    np.testing.assert_array_equal(placed, [[[1, 1, 0], [1, 0, 1]]])


def test_one_hot_of_codes_is_one_hot_inputs():
    coded, _ = run(window_mlp((7, 1), (8,), 5, symbols=5), CODES)
    network = window_mlp((7, 1), (8,), 5, symbols=5)
    same = Network((7, 5), network.layers[1:], network.parameterization)
    spelled, _ = run(same, np.eye(5)[CODES[..., 0].astype(int)])
    np.testing.assert_array_equal(coded, spelled)


@pytest.mark.parametrize("layer", [Recurrent(5), CausalAttention(5, heads=2, head_units=3)])
def test_no_output_knows_what_comes_after(layer):
    """Each output's derivative by inputs is zero behind its own position, and nowhere else."""
    with precision("float64"):
        model = Model(Network((6, 4), (layer, Flatten(), Dense(1))))
        weights = model.start(0)

        def behind_layer(x):
            return model.hidden(weights, x[None])[-1].reshape(6, 5)

        slopes = np.abs(jax.jacobian(behind_layer)(jnp.asarray(X[0]))).sum((1, 3))
    later = np.triu(np.ones((6, 6), bool), 1)
    assert np.all(slopes[later] == 0.0)
    assert np.all(slopes[~later] > 1e-8)


def test_positions_tell_equal_characters_apart():
    """Without them attention at the last position could not know an order."""
    x, y = CODES[:1].copy(), CODES[:1].copy()
    x[0, :2, 0], y[0, :2, 0] = (1, 2), (2, 1)
    network = transformer((7, 1), 6, 5, symbols=5)
    first, _ = run(network, x)
    second, _ = run(network, y)
    assert np.abs(first - second).max() > 1e-3
    orderless = tuple(each for each in network.layers if not isinstance(each, PositionOneHot))
    blind = Network((7, 1), orderless, network.parameterization)
    np.testing.assert_allclose(run(blind, x)[0], run(blind, y)[0], **EXACT)


@pytest.mark.parametrize("build", [recurrent, transformer])
def test_gradients_over_long_sequences_are_finite(build):
    size = {"hidden": (8,)} if build is recurrent else {"units": 8}
    network = build((400, 1), outputs=5, symbols=5, **size)
    model = Model(network)
    codes = np.random.default_rng(0).integers(0, 5, (2, 400, 1)).astype(np.float32)
    weights = model.start(0)
    slopes = jax.grad(lambda w: jnp.sum(model.apply(w, jnp.asarray(codes)) ** 2))(weights)
    for leaf in jax.tree.leaves(slopes):
        assert np.isfinite(leaf).all()
    # Later maps of the chain are reached: the first position's characters have a gradient.
    assert float(jnp.abs(slopes[0]["weight"]).max()) > 0.0


def test_layers_in_front_of_all_weights_have_an_infinite_reading():
    network = window_mlp((7, 1), (8,), 5, symbols=5)
    wide = Network((7, 5), network.layers[1:], network.parameterization)
    coded = kernels(network, CODES)
    spelled = kernels(wide, np.eye(5)[CODES[..., 0].astype(int)])
    np.testing.assert_allclose(coded.ntk, spelled.ntk, rtol=1e-12)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (recurrent((7, 1), (8,), 5, symbols=5), "Recurrent in the infinite-width reading"),
        (transformer((7, 1), 8, 5, symbols=5), "CausalAttention in the infinite-width reading"),
    ],
)
def test_no_infinite_reading(network, message):
    with pytest.raises(OutOfReachError, match=message) as refusal:
        kernels(network, CODES)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network(3, (Recurrent(2), Dense(1))), "Recurrent on units without positions"),
        (lambda: Network(3, (CausalAttention(2), Dense(1))), "without positions"),
        (lambda: Network(3, (LastPosition(), Dense(1))), "without positions"),
        (lambda: Network(3, (PositionOneHot(), Dense(1))), "without positions"),
        (lambda: Recurrent(0), "units = 0"),
        (lambda: Recurrent(2, recurrent_variance=0.0), "recurrent_variance"),
        (lambda: CausalAttention(2, heads=0), "heads = 0"),
        (lambda: CausalAttention(2, query_variance=-1.0), "query_variance"),
        (lambda: OneHot(1), "symbols = 1"),
        (lambda: transformer((7, 1), 8, 5, heads=3), "8 units in 3 heads"),
        (lambda: transformer((7, 1), 8, 5, blocks=0), "blocks = 0"),
        (lambda: recurrent((7,), (8,), 5), "length and channels"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()
