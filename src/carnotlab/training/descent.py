"""Discrete rules: one scan over recording intervals, all members side by side."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, Key

from carnotlab.core.data import Data
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import loss_function
from carnotlab.experiment.rules import GradientFlow
from carnotlab.experiment.schedules import rate_factor
from carnotlab.measures.base import State
from carnotlab.measures.losses import batch_loss
from carnotlab.networks.finite import Model, Weights
from carnotlab.networks.layers import has_noise
from carnotlab.training.batches import batches
from carnotlab.training.objective import loss_and_gradient, scale_layers, with_decay
from carnotlab.training.optimizers import optimizer
from carnotlab.training.rescaling import first_memory, rescaled

Record = Callable[..., Any]
"""From model, weights, start and data, and with them a member's number of samples, if it has one,
to what is kept."""


class Member(NamedTuple):
    """One member's state between steps."""

    weights: Weights
    start: Weights
    memory: Any
    order: Int[Array, " n"]
    key: Key[Array, ""]
    diverged_at: Int[Array, ""]
    best_loss: Float[Array, ""]
    records_since_best: Int[Array, ""]
    stopped_at: Int[Array, ""]


class Outcome(NamedTuple):
    """What a run leaves: records with a time dimension, and facts about the member."""

    records: Any
    diverged_at: Array
    stopped_at: Array


def descend(
    experiment_of: Callable[[Any], Experiment],
    record: Record,
    weights: Weights,
    keys: Key[Array, " members"],
    numbers: Any,
    data: Data,
    progress: Callable[[Any], None] | None,
    samples_of: Callable[[Any], Int[Array, ""]] | None = None,
) -> Outcome:
    """Train all members and record each at the experiment's times.

    ``experiment_of(numbers)`` rebuilds a member's experiment from its traced settings; what is
    not a number is common to all. ``progress`` is called with the number of records made.
    ``samples_of(numbers)``, under full batches, is how many first samples a member trains on.
    """
    common = experiment_of(jax.tree.map(lambda values: values[0], numbers))
    times = common.training.times.astype(np.int32)
    steps = int(common.training.duration)
    drawing = batches(common.training.batching, common.task, data.train.size)
    stopping = common.training.early_stopping
    loss = loss_function(common.training.loss)

    def begin(weights: Weights, key: Key[Array, ""], own: Any) -> Member:
        training = experiment_of(own).training
        rule = optimizer(training.rule)
        memory = first_memory(training.schedule, rule.init(weights), weights)
        never = jnp.array(-1, dtype=jnp.int32)
        infinite = jnp.array(jnp.inf, dtype=jnp.asarray(data.train.x).dtype)
        order = drawing.begin(key)
        return Member(weights, weights, memory, order, key, never, infinite, never + 1, never)

    def step(member: Member, own: Any, data: Data, index: Int[Array, ""]) -> Member:
        experiment = experiment_of(own)
        model, training = experiment.model, experiment.training
        weights, memory = rescaled(training.schedule, index, member.weights, member.memory)
        order, batch = drawing.draw(member.order, member.key, index, data.train)
        noise = _noise(model, member.key, index)
        samples = None if samples_of is None else samples_of(own)
        gradient = loss_and_gradient(model, training, samples)
        value, slope = gradient(weights, member.start, batch, noise)
        rule: Any = optimizer(training.rule)
        updates, memory = rule.update(slope, memory, weights)
        if training.decoupled_decay and not isinstance(training.rule, GradientFlow):
            rate = training.rule.learning_rate
            updates = with_decay(training, updates, weights, member.start, -rate)
        factor = rate_factor(training.schedule, index, steps)
        moved = optax.apply_updates(weights, scale_layers(model, training, updates, factor))
        if stopping is not None:
            running = member.stopped_at < 0
            moved = jax.tree.map(
                lambda new, old: jnp.where(running, new, old), moved, member.weights
            )
        return member._replace(
            weights=moved,
            memory=memory,
            order=order,
            diverged_at=_first(member.diverged_at, ~jnp.isfinite(value), index),
        )

    def note(member: Member, own: Any, data: Data, time: Int[Array, ""]) -> tuple[Member, Any]:
        experiment = experiment_of(own)
        total = sum(jnp.sum(leaf) for leaf in jax.tree.leaves(member.weights))
        member = member._replace(
            diverged_at=_first(member.diverged_at, ~jnp.isfinite(jnp.asarray(total)), time)
        )
        if stopping is not None:
            state = State(experiment.model, member.weights, member.start, loss)
            held_out = batch_loss(state, data.test, data.train)
            better = held_out < member.best_loss
            since = jnp.where(better, 0, member.records_since_best + 1)
            member = member._replace(
                best_loss=jnp.where(better, held_out, member.best_loss),
                records_since_best=since,
                stopped_at=_first(member.stopped_at, since >= stopping.patience, time),
            )
        seen = (experiment.model, member.weights, member.start, data)
        return member, record(*seen, *(() if samples_of is None else (samples_of(own),)))

    def interval(members: Member, bounds: Int[Array, "2"]) -> tuple[Member, Any]:
        every_step = jax.vmap(step, in_axes=(0, 0, None, None))
        members = jax.lax.fori_loop(
            bounds[0],
            bounds[1],
            lambda index, carried: every_step(carried, numbers, data, index),
            members,
        )
        members, noted = jax.vmap(note, in_axes=(0, 0, None, None))(
            members, numbers, data, bounds[1]
        )
        if progress is not None:
            jax.debug.callback(progress, bounds[1])
        return members, noted

    bounds = np.stack([np.concatenate([[0], times[:-1]]), times], axis=1).astype(np.int32)
    members = jax.vmap(begin)(weights, keys, numbers)
    members, records = jax.lax.scan(interval, members, jnp.asarray(bounds))
    records = jax.tree.map(lambda array: jnp.moveaxis(array, 0, 1), records)
    return Outcome(records, members.diverged_at, members.stopped_at)


def _noise(model: Model, key: Key[Array, ""], step: Int[Array, ""]) -> Key[Array, ""] | None:
    """Return a step's key for units left out, apart from the keys that batches are drawn with."""
    if not has_noise(model.network.layers):
        return None
    return jax.random.fold_in(jax.random.split(key)[1], step)


def _first(
    earlier: Int[Array, ""], happened: Bool[Array, ""], index: Int[Array, ""]
) -> Int[Array, ""]:
    """Return the index at which something first happened, -1 while it has not."""
    return jnp.where((earlier < 0) & happened, index.astype(jnp.int32), earlier)
