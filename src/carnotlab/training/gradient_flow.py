r"""Gradient flow :math:`\dot w = -r\,\partial L` by an adaptive solver, members side by side."""

from collections.abc import Callable
from typing import Any, cast

import diffrax
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from carnotlab.core.data import Data
from carnotlab.core.errors import InputError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientFlow
from carnotlab.networks.finite import Weights
from carnotlab.training.descent import Outcome, Record
from carnotlab.training.objective import loss_and_gradient, scale_layers


def flow(
    experiment_of: Callable[[Any], Experiment],
    record: Record,
    weights: Weights,
    keys: Key[Array, " members"],
    numbers: Any,
    data: Data,
) -> Outcome:
    """Solve the flow of all members and record each at the experiment's times.

    A member whose solver gives up is recorded as diverged: its records from then on are not
    finite.
    """
    del keys

    def solve(weights: Weights, own: Any, data: Data) -> tuple[Any, Array]:
        experiment = experiment_of(own)
        model, training = experiment.model, experiment.training
        rule = training.rule
        if not isinstance(rule, GradientFlow):
            raise InputError(type(rule).__name__, "GradientFlow", "call train() instead")
        gradient = loss_and_gradient(model, training)

        def velocity(_t: Any, current: Weights, start: Weights) -> Weights:
            return scale_layers(model, training, gradient(current, start, data.train)[1], -1.0)

        def look(_t: Any, current: Weights, start: Weights) -> tuple[Any, Array]:
            total = sum((jnp.sum(leaf) for leaf in jax.tree.leaves(current)), jnp.zeros(()))
            return record(model, current, start, data), total

        times = jnp.asarray(training.times)
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(cast("Any", velocity)),
            diffrax.Tsit5(),
            t0=0.0,
            t1=float(training.duration),
            dt0=None,
            y0=weights,
            args=weights,
            saveat=diffrax.SaveAt(ts=times, fn=look),
            stepsize_controller=diffrax.PIDController(rtol=rule.rtol, atol=rule.atol),
            max_steps=rule.max_steps,
            throw=False,
        )
        looked: Any = solution.ys
        records, totals = looked
        # What the solver did not reach is filled with infinity.
        reached = jnp.isfinite(totals)
        return records, jnp.where(reached.all(), -1, jnp.argmin(reached))

    records, lost = jax.vmap(solve, in_axes=(0, 0, None))(weights, numbers, data)
    return Outcome(records, lost, jnp.full(lost.shape, -1, dtype=jnp.int32))
