"""The samples of each step: full batches, minibatches, fresh samples."""

from collections.abc import Callable
from typing import NamedTuple, assert_never

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from carnotlab.core.data import Batch
from carnotlab.core.errors import require
from carnotlab.experiment.batching import Batching, FullBatch, Minibatch, Online
from carnotlab.experiment.training import Training
from carnotlab.tasks.base import Task


class Batches(NamedTuple):
    """How a member draws its batches.

    ``begin(key)`` makes the order carried from step to step; ``draw(order, key, step, train)``
    returns the next order and the batch. ``step`` is common to all members, so that what happens
    once an epoch costs nothing at other steps.
    """

    begin: Callable[[Key[Array, ""]], Int[Array, " n"]]
    draw: Callable[
        [Int[Array, " n"], Key[Array, ""], Int[Array, ""], Batch], tuple[Int[Array, " n"], Batch]
    ]


def require_steps_on_given_samples(training: Training) -> None:
    """Refuse what trains without steps, or on samples that are not those of the data.

    Raises:
        InputError: for gradient flow and for `Online` batches.
    """
    refused = {
        "gradient flow": training.is_flow,
        "fresh samples": isinstance(training.batching, Online),
    }
    for given, found in refused.items():
        require(not found, given, "a rule with steps on given samples", "use train()")


def steps_per_epoch(batching: Batching, samples: int) -> int:
    """Return how many steps make an epoch; fresh samples count as one epoch per ``samples``.

    >>> steps_per_epoch(Minibatch(32), 100)
    3
    """
    match batching:
        case FullBatch():
            return 1
        case Minibatch(size) | Online(size):
            return max(samples // size, 1)
        case _:
            assert_never(batching)


def batches(batching: Batching, task: Task, samples: int) -> Batches:
    """Return how batches are drawn from ``samples`` training samples (or from the task)."""
    nothing = jnp.zeros((0,), dtype=jnp.int32)
    match batching:
        case FullBatch():
            return Batches(lambda _: nothing, lambda order, _key, _step, train: (order, train))
        case Online(size):

            def fresh(
                order: Array, key: Key[Array, ""], step: Array, train: Batch
            ) -> tuple[Array, Batch]:
                batch = task.sample(jax.random.fold_in(key, step), size)
                x, y = jnp.asarray(batch.x), jnp.asarray(batch.y)
                kind = jnp.asarray(train.x).dtype
                return order, Batch(x.astype(kind), y.astype(kind))

            return Batches(lambda _: nothing, fresh)
        case Minibatch(size, True):

            def drawn(
                order: Array, key: Key[Array, ""], step: Array, train: Batch
            ) -> tuple[Array, Batch]:
                rows = jax.random.randint(jax.random.fold_in(key, step), (size,), 0, samples)
                return order, Batch(train.x[rows], train.y[rows])

            return Batches(lambda _: nothing, drawn)
        case Minibatch(size):
            epoch = steps_per_epoch(batching, samples)

            def cut(
                order: Array, key: Key[Array, ""], step: Array, train: Batch
            ) -> tuple[Array, Batch]:
                order = jax.lax.cond(
                    step % epoch == 0,
                    lambda: jax.random.permutation(jax.random.fold_in(key, step), samples).astype(
                        jnp.int32
                    ),
                    lambda: order,
                )
                rows = jax.lax.dynamic_slice(order, ((step % epoch) * size,), (size,))
                return order, Batch(train.x[rows], train.y[rows])

            return Batches(lambda _: jnp.arange(samples, dtype=jnp.int32), cut)
        case _:
            assert_never(batching)
