"""Products against explicit matrices, and a step's parts each by itself."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.data import Batch
from carnotlab.core.errors import InputError
from carnotlab.core.precision import precision
from carnotlab.experiment.losses import CrossEntropy, SquaredError, loss_function
from carnotlab.networks.activations import Sigmoid, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model
from carnotlab.networks.layers import Dense
from carnotlab.networks.parameterization import NTK, Standard
from carnotlab.training.hessian_free.step import HessianFree, begin, flattened, step

RANDOM = np.random.default_rng(0)
X, CLASSES = RANDOM.normal(size=(11, 4)), RANDOM.integers(0, 3, 11)


@pytest.fixture(autouse=True)
def _double():
    with precision("float64"):
        yield


def batch():
    return Batch(jnp.asarray(X), jnp.asarray(np.eye(3)[CLASSES]))


NETWORKS = {
    "tanh": mlp(4, (5, 4), 3, activation=Tanh(), bias_variance=0.2, parameterization=NTK()),
    "sigmoid outputs": Network(4, (Dense(5), Sigmoid(), Dense(3), Sigmoid()), Standard()),
}


def problem(network, loss, decay=0.0):
    model = Model(network)
    return flattened(model.apply, loss_function(loss), model.start(0), decay)


@pytest.mark.parametrize("loss", [SquaredError(), CrossEntropy()], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_products_are_those_of_the_explicit_matrix(name, loss):
    its, flat, _ = problem(NETWORKS[name], loss, 0.3)
    data = batch()
    jacobian = jax.jit(jax.jacrev(lambda w: its.outputs(w, data.x)))(flat)
    f = np.asarray(its.outputs(flat, data.x))
    if isinstance(loss, SquaredError):
        blocks = np.stack([np.eye(3)] * 11)
    else:
        p = np.exp(f) / np.exp(f).sum(axis=1, keepdims=True)
        blocks = np.einsum("nk,kl->nkl", p, np.eye(3)) - p[:, :, None] * p[:, None, :]
    explicit = np.einsum("nka,nkl,nlb->ab", jacobian, blocks, jacobian) / 11
    explicit += 0.3 * np.eye(len(flat))
    vectors = jnp.asarray(RANDOM.normal(size=(3, len(flat))))
    found = jax.jit(lambda w, vs: jax.vmap(its.curvature(w, data))(vs))(flat, vectors)
    expected = np.asarray(vectors) @ explicit
    assert np.abs(found - expected).max() < 1e-12 * np.abs(expected).max()
    # control: half the samples make another matrix
    half = its.curvature(flat, Batch(data.x[:5], data.y[:5]))(vectors[0])
    assert np.abs(half - expected[0]).max() > 1e-3 * np.abs(expected).max()


def test_the_preconditioner_is_the_mean_square_of_gradients_sample_by_sample():
    its, flat, _ = problem(NETWORKS["tanh"], CrossEntropy())
    data = batch()
    own = [
        jax.grad(lambda w, i=i: its.loss(its.outputs(w, data.x[i : i + 1]), data.y[i : i + 1]))
        for i in range(11)
    ]
    expected = np.mean([np.asarray(g(flat)) ** 2 for g in own], axis=0)
    np.testing.assert_allclose(its.mean_square_gradient(flat, data), expected, rtol=1e-10)


def linear_problem(decay=0.1):
    return problem(mlp(4, (), 3, parameterization=Standard()), SquaredError(), decay)


def ridge(decay=0.1):
    y = np.eye(3)[CLASSES]
    return np.linalg.solve(X.T @ X / 11 + decay * np.eye(4), X.T @ y / 11).T.ravel()


@partial(jax.jit, static_argnums=(0, 1))
def run(settings, its, memory, data, key):
    return step(settings, its, memory, data, key)


def taken(settings, its, memory, key=0):
    return run(settings, its, memory, batch(), jax.random.key(key))


def test_one_step_solves_a_quadratic_where_there_is_no_damping():
    its, flat, _ = linear_problem()
    settings = HessianFree(damping=1e-12, progress=1e-25)
    memory, seen = taken(settings, its, begin(settings, flat))
    np.testing.assert_allclose(memory.flat, ridge(), rtol=1e-7, atol=1e-9)
    assert float(seen.ratio) == pytest.approx(1.0, abs=1e-6)
    assert float(seen.rate) == 1.0
    assert float(memory.damping) == pytest.approx(1e-12 * 2 / 3)


def test_a_damped_step_is_the_damped_solution():
    its, flat, _ = linear_problem()
    settings = HessianFree(damping=2.0, progress=1e-25, preconditioned=False)
    memory, seen = taken(settings, its, begin(settings, flat))
    matrix = np.kron(np.eye(3), X.T @ X / 11) + 0.1 * np.eye(12)
    slope = matrix @ (np.asarray(flat) - ridge())
    expected = flat - np.linalg.solve(matrix + 2.0 * np.eye(12), slope)
    np.testing.assert_allclose(memory.flat, expected, rtol=1e-8)
    # On a quadratic the model without damping promises what happens, damped steps or not.
    assert float(seen.ratio) == pytest.approx(1.0, abs=1e-9)
    again, _ = taken(settings, its, memory)
    assert float(its.value(again.flat, batch())) < float(its.value(memory.flat, batch()))
    np.testing.assert_allclose(memory.direction, memory.flat - flat, rtol=1e-9, atol=1e-12)


def test_damping_grows_where_the_promise_is_broken():
    """A loss that rises along the direction of the quadratic: the step is shrunk, or not taken."""
    its, flat, _ = problem(NETWORKS["tanh"], SquaredError())
    # A model ten thousand times too flat: its steps are too long by as much.
    lying = its._replace(loss=lambda f, y: jnp.sum(jnp.sqrt(1e-8 + (f - y) ** 2)))
    settings = HessianFree(damping=1e-6)
    memory, seen = taken(settings, lying, begin(settings, flat))
    assert float(seen.ratio) < 0.25
    assert float(memory.damping) == pytest.approx(1.5e-6)
    assert float(lying.value(memory.flat, batch())) <= float(seen.loss)


def test_a_loss_that_is_not_finite_anywhere_near_leaves_the_weights():
    its, flat, _ = problem(NETWORKS["tanh"], SquaredError())
    cliff = its._replace(
        loss=lambda f, y: (
            jnp.where(jnp.abs(f - its.outputs(flat, batch().x)).max() > 0.0, jnp.nan, 1.0)
            * 0.5
            * jnp.mean(jnp.sum((f - y) ** 2, axis=1))
            if f.shape == y.shape == (11, 3)
            else 0.5 * jnp.mean(jnp.sum((f - y) ** 2, axis=1))
        )
    )
    settings = HessianFree()
    memory, seen = taken(settings, cliff, begin(settings, flat))
    assert float(seen.rate) == 0.0
    np.testing.assert_array_equal(memory.flat, flat)
    assert float(memory.damping) == pytest.approx(67.5)


def test_curvature_on_fewer_samples_is_another_for_each_key():
    its, flat, _ = problem(NETWORKS["tanh"], SquaredError())
    settings = HessianFree(curvature_batch=4)
    ends = [taken(settings, its, begin(settings, flat), key)[0].flat for key in (0, 0, 1)]
    np.testing.assert_array_equal(ends[0], ends[1])
    assert np.abs(ends[0] - ends[2]).max() > 1e-6
    full, cheap = (
        taken(HessianFree(curvature_batch=size), its, begin(settings, flat))[1]
        for size in (None, 4)
    )
    assert float(cheap.cost) < float(full.cost)


def test_constants_out_of_range_are_refused():
    for wrong in ({"damping": 0.0}, {"warm_start": 1.5}, {"shrink": 1.0}, {"curvature_batch": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            HessianFree(**wrong)
