import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from carnotlab.core.errors import OutOfReachError
from carnotlab.measures.gradient_noise import gradient_noise_scale
from carnotlab.networks.architectures import mlp
from carnotlab.networks.layers import BatchNorm


def test_it_is_the_trace_of_the_covariance_of_gradients_one_by_one(rich, state_of, data, read):
    state = state_of(rich)
    slope = jax.jit(jax.grad(lambda w, x, y: state.loss(state.model.apply(w, x), y)))
    x, y = jnp.asarray(data.train.x), jnp.asarray(data.train.y)
    each = np.array(
        [ravel_pytree(slope(state.weights, x[i : i + 1], y[i : i + 1]))[0] for i in range(len(x))]
    )
    mean = np.asarray(ravel_pytree(slope(state.weights, x, y))[0])
    expected = np.trace(np.cov(each.T, bias=True)) / (mean @ mean)
    assert float(read(gradient_noise_scale, state, data)) == pytest.approx(expected, rel=1e-9)


def test_equal_samples_have_no_noise(rich, state_of, data, read):
    state = state_of(rich)
    same = data._replace(
        train=data.train._replace(x=data.train.x[:1].repeat(3, 0), y=data.train.y[:1].repeat(3, 0))
    )
    assert float(read(gradient_noise_scale, state, same)) == pytest.approx(0.0, abs=1e-12)


def test_batch_norms_are_refused(state_of, data, read):
    with pytest.raises(OutOfReachError, match="BatchNorm"):
        read(gradient_noise_scale, state_of(mlp(4, (5,), 3, normalization=BatchNorm())), data)
