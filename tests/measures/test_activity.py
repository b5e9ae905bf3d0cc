import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import InputError
from carnotlab.measures.activity import (
    activity_correlation_on,
    activity_length_on,
    gradient_length_on,
)
from carnotlab.measures.base import State
from carnotlab.measures.jacobian import (
    jacobian_mean_at,
    jacobian_singular_values_at,
    jacobian_spread_at,
)
from carnotlab.measures.learned_share import learned_share
from carnotlab.networks.activations import Tanh
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.finite import Model
from carnotlab.networks.parameterization import Standard

X = np.array([[0.3, -1.0, 0.5], [1.2, 0.1, -0.4], [-0.2, 0.8, 0.9]])
NO_DATA = Data(Batch(X, X), Batch(X, X))


def squared(outputs, targets):
    return 0.5 * jnp.mean(jnp.sum((outputs - targets) ** 2, axis=-1))


def state_of(network):
    model = Model(network)
    weights = jax.jit(model.start)(0)
    return State(model, weights, weights, squared)


@pytest.fixture(scope="module")
def state():
    return state_of(
        mlp(
            3,
            (5, 4),
            3,
            activation=Tanh(),
            bias_variance=0.2,
            parameterization=Standard(),
        )
    )


@pytest.fixture(scope="module")
def by_hand(state):
    """Hidden activity and derivatives, multiplied out in NumPy."""
    (w1, b1), (w2, b2), (w3, _) = [
        (np.asarray(layer["weight"], float), np.asarray(layer["bias"], float))
        for layer in state.weights
    ]
    h1 = np.tanh(X @ w1.T + b1)
    h2 = np.tanh(h1 @ w2.T + b2)
    error2 = (1 - h2**2) * w3[0]
    error1 = (1 - h1**2) * (error2 @ w2)
    jacobian = w3 @ np.diag(1 - h2[0] ** 2) @ w2 @ np.diag(1 - h1[0] ** 2) @ w1
    return (h1, h2), (error1, error2), jacobian


def test_lengths_and_correlations_are_those_of_the_forward_pass(state, by_hand):
    hidden, _, _ = by_hand
    lengths = activity_length_on(X).fn(state, NO_DATA)
    np.testing.assert_allclose(lengths, [np.mean(h**2, axis=1) for h in hidden], rtol=1e-5)
    found = activity_correlation_on(X).fn(state, NO_DATA)
    for row, h in zip(found, hidden, strict=True):
        pairs = [h[i] @ h[j] for i, j in ((0, 1), (0, 2), (1, 2))]
        sizes = [np.linalg.norm(h[i]) * np.linalg.norm(h[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
        np.testing.assert_allclose(row, np.divide(pairs, sizes), atol=1e-5)


def test_gradients_are_products_of_errors_and_activity(state, by_hand):
    (h1, h2), (error1, error2), _ = by_hand
    found = gradient_length_on(X).fn(state, NO_DATA)
    expected = [
        np.mean(np.sum(error1**2, axis=1) * np.sum(X**2, axis=1)),
        np.mean(np.sum(error2**2, axis=1) * np.sum(h1**2, axis=1)),
        np.mean(np.sum(h2**2, axis=1)),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_spectrum_of_the_jacobian_is_that_of_the_matrix_by_hand(state, by_hand):
    singular = np.linalg.svd(by_hand[2], compute_uv=False)
    found = jacobian_singular_values_at(X[0]).fn(state, NO_DATA)
    np.testing.assert_allclose(found, singular, atol=1e-5)
    squares = singular**2
    mean = jacobian_mean_at(X[0]).fn(state, NO_DATA)
    np.testing.assert_allclose(mean, squares.mean(), rtol=1e-4)
    spread = jacobian_spread_at(X[0]).fn(state, NO_DATA)
    np.testing.assert_allclose(spread, squares.var() / squares.mean() ** 2, rtol=1e-3)


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 2), (3, 6)])
def test_moments_count_the_smaller_side(inputs, outputs):
    state = state_of(deep_linear(inputs, (5,), outputs))
    singular = np.linalg.svd(
        np.asarray(state.weights[1]["weight"]) @ np.asarray(state.weights[0]["weight"]),
        compute_uv=False,
    )
    found = jacobian_mean_at(X[0]).fn(state, NO_DATA)
    np.testing.assert_allclose(found, np.mean(singular**2), rtol=1e-4)


def test_one_input_has_no_pairs():
    with pytest.raises(InputError, match="at least two"):
        activity_correlation_on(X[:1])


def test_the_share_learned_is_none_for_a_constant_and_all_for_a_fit():
    network = deep_linear(3, (), 3)
    state = state_of(network)

    def share(matrix, targets):
        weights = ({"weight": jnp.asarray(matrix)},)
        batch = Batch(X, targets)
        return float(learned_share.fn(state._replace(weights=weights), Data(batch, batch)))

    assert share(np.eye(3), X) == 1.0
    centred = X - X.mean(axis=0)
    assert share(np.zeros((3, 3)), centred) == pytest.approx(0.0, abs=1e-6)
    # Half of the way there leaves a quarter of the loss.
    solution = np.linalg.solve(X, centred).T
    assert share(0.5 * solution, centred) == pytest.approx(0.75, abs=1e-5)
    assert share(5.0 * solution, centred) == 0.0
    assert share(np.full((3, 3), np.nan), X) == 0.0
