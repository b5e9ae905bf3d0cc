"""Random keys: one seed, separate streams, the same in and outside compiled code."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.keys import key_for
from carnotlab.core.precision import precision

PURPOSES = ("weights", "batches", "data", "noise")


def test_every_seed_and_purpose_has_its_own_key():
    keys = [key_for(seed, purpose) for seed in range(50) for purpose in PURPOSES]
    rows = {tuple(np.asarray(jax.random.key_data(key)).tolist()) for key in keys}
    assert len(rows) == len(keys)


def test_streams_of_two_purposes_are_uncorrelated():
    one, two = (
        np.asarray(jax.random.normal(key_for(0, purpose), (20_000,))) for purpose in PURPOSES[:2]
    )
    # A correlation of independent samples has standard error 1 / sqrt(n); four are allowed.
    assert abs(np.corrcoef(one, two)[0, 1]) < 4 / np.sqrt(20_000)
    assert np.corrcoef(one, one)[0, 1] == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_key_is_the_same_compiled_batched_and_in_any_precision(kind):
    expected = jax.random.key_data(key_for(3, "weights"))
    with precision(kind):
        batched = jax.jit(jax.vmap(lambda seed: key_for(seed, "weights")))(jnp.arange(5))
        np.testing.assert_array_equal(jax.random.key_data(batched)[3], expected)
