from itertools import pairwise

import jax
import numpy as np
import pytest

from carnotlab.core.errors import OutOfReachError
from carnotlab.measures import weights as w
from carnotlab.measures.losses import batch_loss
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned, Balanced


def flat(layer):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(layer)])


def test_norms_and_distances_match_flat_vectors(smooth, state_of, data, read):
    state = state_of(smooth)
    now, start = flat(state.weights), flat(state.start)
    expected = {
        w.weight_norm: np.linalg.norm(now),
        w.weight_norm_by_layer: [np.linalg.norm(flat(layer)) for layer in state.weights],
        w.distance_from_start: np.linalg.norm(now - start),
        w.relative_distance_from_start: np.linalg.norm(now - start) / np.linalg.norm(start),
        w.relative_distance_by_layer: [
            np.linalg.norm(flat(a) - flat(b)) / np.linalg.norm(flat(b))
            for a, b in zip(state.weights, state.start, strict=True)
        ],
    }
    measures = tuple(expected)
    found = dict(zip(measures, read(measures, state, data), strict=True))
    for measure, value in expected.items():
        np.testing.assert_allclose(found[measure], value, rtol=1e-12)
    # control: relative to the start, not to the present weights
    wrong = np.linalg.norm(now - start) / np.linalg.norm(now)
    assert abs(found[w.relative_distance_from_start] / wrong - 1) > 1e-4
    still = read(measures, state._replace(weights=state.start), data)
    assert float(still[2]) == 0.0


def numerators(weights):
    matrices = [np.asarray(layer["weight"]) for layer in weights]
    return [b.T @ b - a @ a.T for a, b in pairwise(matrices)]


def test_imbalance_matches_numpy(linear, state_of, data, read):
    state = state_of(linear)
    sizes = [np.sum(np.asarray(layer["weight"]) ** 2) for layer in state.weights]
    expected = [
        np.linalg.norm(difference) / (sizes[pair] + sizes[pair + 1])
        for pair, difference in enumerate(numerators(state.weights))
    ]
    np.testing.assert_allclose(read(w.imbalance_by_pair, state, data), expected, rtol=1e-12)
    np.testing.assert_allclose(read(w.imbalance, state, data), max(expected), rtol=1e-12)


@pytest.mark.parametrize("start", [Balanced(0.1), Aligned(0.1)])
def test_balanced_and_aligned_starts_are_balanced(state_of, data, modes, start, read):
    network = deep_linear(4, (6, 5), 3, initialisation=start)
    assert read(w.imbalance, state_of(network, modes=modes, moved=0.0), data) < 1e-14
    # control: moved off, they are not
    assert read(w.imbalance, state_of(network, modes=modes, moved=0.1), data) > 1e-2


def test_gradient_flow_conserves_the_imbalance_and_descent_does_not(linear, state_of, data, read):
    state = state_of(linear)

    def loss(weights):
        return batch_loss(state._replace(weights=weights), data.train)

    def step(weights, direction, size):
        return jax.tree.map(lambda a, b: a - size * b, weights, direction)

    @jax.jit
    def run(start):
        slope = jax.grad(loss)

        def both(pair, _):
            flow, descent = pair
            k1 = slope(flow)  # Runge–Kutta of order four
            k2 = slope(step(flow, k1, 0.0125))
            k3 = slope(step(flow, k2, 0.0125))
            k4 = slope(step(flow, k3, 0.025))
            mean = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, k1, k2, k3, k4)
            return (step(flow, mean, 0.025), step(descent, slope(descent), 0.025)), None

        return jax.lax.scan(both, (start, start), length=160)[0]

    flow, descent = run(state.weights)
    before = np.concatenate([np.ravel(n) for n in numerators(state.weights)])
    moved = [
        np.abs(np.concatenate([np.ravel(n) for n in numerators(v)]) - before).max()
        for v in (flow, descent)
    ]
    assert read(w.distance_from_start, state._replace(weights=flow), data) > 0.1
    assert moved[0] < 1e-6
    assert moved[1] > 1e-4


def test_one_layer_is_balanced_with_itself(state_of, data, read):
    state = state_of(deep_linear(4, (), 3))
    assert read(w.imbalance_by_pair, state, data).shape == (0,)
    assert float(read(w.imbalance, state, data)) == 0.0


def test_a_nonlinear_network_has_no_balance(smooth, state_of, data, read):
    with pytest.raises(OutOfReachError, match="linear reading"):
        read(w.imbalance, state_of(smooth), data)
