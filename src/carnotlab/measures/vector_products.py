r"""Products of the Jacobian of many samples' outputs, and the kernel column by column from them."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.measures.pair_blocks import padded
from carnotlab.measures.sample_function import SampleFunction

Outputs: TypeAlias = Callable[[Sequence[Array], Array], Array]


def pull_back(
    outputs: Outputs,
    part: Sequence[Array],
    x: Float[Array, "n *input"],
    vector: Float[Array, "n k"],
    block: int,
) -> list[Array]:
    r"""Return :math:`J^\top v`, summed over blocks of samples.

    >>> pull_back(lambda w, x: x * w[0], [jnp.array(3.0)], jnp.array([[1.0], [2.0]]),
    ...     jnp.array([[1.0], [10.0]]), 1)[0].tolist()
    21.0
    """
    block = min(block, len(x))
    vector = jnp.concatenate([vector, jnp.zeros((-len(x) % block, vector.shape[1]), vector.dtype)])
    samples = padded(x, block)

    def add(total: list[Array], now: tuple[Array, Array]) -> tuple[list[Array], None]:
        sample, slope = now
        _, pull = jax.vjp(lambda p: outputs(p, sample), list(part))
        return jax.tree.map(jnp.add, total, pull(slope)[0]), None

    parts = (samples.reshape(-1, block, *x.shape[1:]), vector.reshape(-1, block, vector.shape[1]))
    return jax.lax.scan(add, [jnp.zeros_like(leaf) for leaf in part], parts)[0]


def push_forward(
    outputs: Outputs,
    part: Sequence[Array],
    x: Float[Array, "n *input"],
    step: Sequence[Array],
    block: int,
) -> Float[Array, "n k"]:
    r"""Return :math:`J u`, a block of samples at a time.

    >>> push_forward(lambda w, x: x * w[0], [jnp.array(3.0)], jnp.array([[1.0], [2.0]]),
    ...     [jnp.array(5.0)], 1).tolist()
    [[5.0], [10.0]]
    """
    block = min(block, len(x))

    def forward(samples: Array) -> Array:
        return jax.jvp(lambda p: outputs(p, samples), (list(part),), (list(step),))[1]

    samples = padded(x, block).reshape(-1, block, *x.shape[1:])
    changes = jax.lax.map(forward, samples)
    return changes.reshape(-1, changes.shape[-1])[: len(x)]


def kernel_by_products(
    one: SampleFunction,
    leaves: Sequence[Array],
    rates: dict[int, float],
    samples: tuple[Float[Array, "n1 *input"], Float[Array, "n2 *input"]],
    trace_outputs: bool,
    block_bytes: int,
) -> Float[Array, "n1 n2 *outputs"]:
    """Return the share of the leaves in ``rates``: a column from each sample of the second set.

    With ``trace_outputs`` summed over equal outputs. The gradients of a few second samples are in
    memory at a time.
    """
    first, second = samples
    outputs = one.of_part(leaves, list(rates))
    part = [leaves[leaf] for leaf in rates]
    result = jax.eval_shape(lambda: outputs(part, first[:1]))
    basis = jnp.eye(result.shape[1], dtype=result.dtype)
    sample_bytes = max(leaf.dtype.itemsize for leaf in part) * (
        basis.size + len(basis) * sum(leaf.size for leaf in part)
    )
    at_once = min(len(second), max(1, block_bytes // sample_bytes))
    block = min(len(first), max(1, block_bytes // (sample_bytes * at_once)) * 64)

    def columns(y: Array) -> Array:
        def column(slope: Array) -> Array:
            _, pull = jax.vjp(lambda p: outputs(p, y[None])[0], part)
            gradient = pull(slope)[0]
            step = [rate * g for rate, g in zip(rates.values(), gradient, strict=True)]
            return push_forward(outputs, part, first, step, block)

        kernel: Any = jax.vmap(column, out_axes=2)(basis)
        return jnp.einsum("icc->i", kernel) if trace_outputs else kernel

    return jnp.moveaxis(jax.lax.map(columns, second, batch_size=at_once), 0, 1)
