"""Weights and momentum buffers that a table multiplies on the way, so that neither overflows."""

from typing import Any

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from carnotlab.experiment.schedules import Schedule, Tabulated
from carnotlab.networks.finite import Weights
from carnotlab.training.objective import by_layer


def first_memory(schedule: Schedule, memory: Any, weights: Weights) -> Any:
    """Return the rule's memory at time zero: a momentum buffer starts where the table says."""
    if not isinstance(schedule, Tabulated) or schedule.first_buffers is None:
        return memory
    return _with_buffer(
        memory, _times(jnp.asarray(schedule.first_buffers, dtype=jnp.result_type(float)), weights)
    )


def rescaled(
    schedule: Schedule, step: Int[Array, ""], weights: Weights, memory: Any
) -> tuple[Weights, Any]:
    """Return weights and the rule's memory as the table has them in front of a step."""
    if not isinstance(schedule, Tabulated):
        return weights, memory
    if schedule.weights is not None:
        weights = _times(_here(schedule.weights)[step], weights)
    if schedule.buffers is not None:
        buffer = optax.tree.get(memory, "trace")
        if buffer is not None:
            memory = _with_buffer(memory, _times(_here(schedule.buffers)[step], buffer))
    return weights, memory


def _here(table: Any) -> Float[Array, "..."]:
    # Of the precision in use: JAX may still hold the table in the one of an earlier program.
    return jnp.asarray(table, dtype=jnp.result_type(float))


def _with_buffer(memory: Any, buffer: Weights) -> Any:
    # Without momentum there is no buffer that could be set.
    without = optax.tree.get(memory, "trace") is None
    return memory if without else optax.tree.set(memory, trace=buffer)


def _times(factors: Any, layers: Weights) -> Weights:
    return by_layer(lambda factor, leaf: (factor * leaf).astype(leaf.dtype), factors, layers)
