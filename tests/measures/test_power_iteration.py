"""Power iteration and Lanczos against dense Hessians of networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from carnotlab.core.errors import InputError
from carnotlab.measures.curvature import hessian_vector_product, largest_hessian_eigenvalue
from carnotlab.measures.losses import batch_loss
from carnotlab.measures.power_iteration import dominant_eigenvalue


def test_both_find_the_top_of_a_networks_hessian(smooth, state_of, data):
    state = state_of(smooth)
    flat, restore = ravel_pytree(state.weights)

    def loss(weights):
        return batch_loss(state._replace(weights=weights), data.train)

    hessian = np.asarray(jax.jit(jax.hessian(lambda v: loss(restore(v))))(flat))
    values = np.linalg.eigvalsh(hessian)
    start = jnp.asarray(np.random.default_rng(0).normal(size=flat.size))

    @jax.jit
    def both(start):
        product = lambda v: ravel_pytree(  # noqa: E731
            hessian_vector_product(loss, state.weights, restore(v))
        )[0]
        top = largest_hessian_eigenvalue(loss, state.weights, jax.random.key(0), iterations=60)
        return dominant_eigenvalue(product, start, iterations=400), top

    power, lanczos = both(start)
    dominant = values[np.argmax(np.abs(values))]
    assert float(power.value) == pytest.approx(dominant, rel=1e-6)
    assert float(lanczos.value) == pytest.approx(values[-1], rel=1e-6)
    # control: the second eigenvalue is another by far
    assert abs(values[-2] / values[-1] - 1.0) > 1e-3


def test_power_iteration_finds_a_negative_end_and_bounds_its_error():
    random = np.random.default_rng(2)
    turn = np.linalg.qr(random.normal(size=(10, 10)))[0]
    values = np.array([-7.0, 5.0, *np.linspace(-1, 1, 8)])
    matrix = jnp.asarray(turn * values @ turn.T)
    start = jnp.asarray(random.normal(size=10))
    found = dominant_eigenvalue(lambda v: matrix @ v, start, iterations=100)
    assert float(found.value) == pytest.approx(-7.0, rel=1e-10)
    few = dominant_eigenvalue(lambda v: matrix @ v, start, iterations=3)
    assert np.abs(values - float(few.value)).min() <= float(few.residual)
    assert float(few.residual) > 0.1


def test_an_operator_that_is_zero_has_the_eigenvalue_zero():
    found = dominant_eigenvalue(lambda v: 0.0 * v, jnp.ones(3))
    assert float(found.value) == float(found.residual) == 0.0
    with pytest.raises(InputError, match="iterations"):
        dominant_eigenvalue(lambda v: v, jnp.ones(3), iterations=0)
