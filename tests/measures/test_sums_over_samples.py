"""Sums over samples: the plain sum whatever the blocks, and memory for one block."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.measures.sums_over_samples import summed_over_samples

RANDOM = np.random.default_rng(3)
WEIGHTS = jnp.asarray(RANDOM.normal(size=(4, 2)), jnp.float32)


def squares(x, y):
    gap = x @ WEIGHTS - y
    return {"squares": jnp.outer(x, gap) ** 2, "loss": jnp.sum(gap**2)}


def samples(n):
    x, y = RANDOM.normal(size=(n, 4)), RANDOM.normal(size=(n, 2))
    return jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)


@pytest.mark.parametrize("n", [1, 4, 5, 6, 10, 11])
def test_it_is_the_plain_sum_with_any_remainder(n):
    x, y = samples(n)
    found = jax.jit(lambda x, y: summed_over_samples(squares, x, y, block=5))(x, y)
    gap = np.asarray(x, float) @ np.asarray(WEIGHTS, float) - np.asarray(y, float)
    each = (np.asarray(x, float)[:, :, None] * gap[:, None]) ** 2
    np.testing.assert_allclose(found["squares"], each.sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found["loss"], np.sum(gap**2), rtol=1e-5)


def test_members_are_summed_side_by_side():
    x, y = (jnp.stack(each) for each in zip(samples(7), samples(7), strict=True))
    both = jax.vmap(lambda x, y: summed_over_samples(squares, x, y, block=3))(x, y)
    for row in range(2):
        alone = summed_over_samples(squares, x[row], y[row], block=3)
        np.testing.assert_allclose(both["squares"][row], alone["squares"], rtol=1e-6)


def test_memory_is_that_of_a_block_not_of_all_samples():
    large = 10_000

    def of_sample(x, y):
        return jnp.sin(x[0] * jnp.arange(large, dtype=jnp.float32)) * y[0]

    def taken(function, n):
        compiled = jax.jit(function).lower(*samples(n)).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    def in_blocks(x, y):
        return summed_over_samples(of_sample, x, y, block=8)

    def at_once(x, y):
        # sorted, so that XLA cannot sum as it goes
        return jnp.sort(jax.vmap(of_sample)(x, y), axis=0).sum(axis=0)

    assert taken(in_blocks, 800) <= 2 * 8 * large * 4
    # control: all at once takes more
    assert taken(at_once, 800) >= 800 * large * 4
