"""Random keys by purpose: one seed, separate streams for weights, batches and data."""

import zlib

import jax
from jaxtyping import Array, Key


def key_for(seed: int | Array, purpose: str) -> Key[Array, ""]:
    """Return the key of one purpose under one seed; purposes never share random numbers.

    >>> import jax.numpy as jnp
    >>> weights, batches = key_for(0, "weights"), key_for(0, "batches")
    >>> bool(jnp.all(jax.random.key_data(weights) == jax.random.key_data(batches)))
    False
    """
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(purpose.encode()) & 0x7FFFFFFF)
