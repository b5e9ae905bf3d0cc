"""Sums over samples of what is large for each of them: a few samples' worth in memory at once."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

BLOCK = 64
"""Samples that are mapped, and held in memory, at once."""


def summed_over_samples(
    of_sample: Callable[[Array, Array], Any], x: Array, y: Array, block: int = BLOCK
) -> Any:
    """Return the sum over samples of ``of_sample(x, y)``, arrays in any tree. Traceable.

    Memory holds its values for ``block`` samples, not for all.

    >>> x = jnp.arange(5.0)
    >>> [float(each) for each in summed_over_samples(lambda x, y: (x, x * y), x, x, block=2)]
    [10.0, 30.0]
    """

    def add(total: Array, values: Array) -> Array:
        # Sample after sample, as in a sum over all: blocks do not change the order of rounding.
        return jnp.sum(jnp.concatenate([total[None], values]), axis=0)

    def added(total: Any, samples: list[Array]) -> tuple[Any, None]:
        return jax.tree.map(add, total, jax.vmap(of_sample)(*samples)), None

    block = min(block, len(x))
    whole = len(x) - len(x) % block
    blocks = [each[:whole].reshape(-1, block, *each.shape[1:]) for each in (x, y)]
    one = jax.eval_shape(of_sample, x[0], y[0])
    zero = jax.tree.map(lambda each: jnp.zeros(each.shape, each.dtype), one)
    total, _ = jax.lax.scan(added, zero, blocks)
    return added(total, [x[whole:], y[whole:]])[0] if whole < len(x) else total
