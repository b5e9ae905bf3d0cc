"""Scale invariance of a network at its start, as checks of a run."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from carnotlab.core.assumptions import Check
from carnotlab.core.precision import precision
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import loss_function
from carnotlab.networks.finite import Weights
from carnotlab.theories.scale_invariance.invariance import (
    change_at_double,
    epsilon_share,
    radial_share,
)

QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""Compile in a third of the time what is run but once."""


def invariance_checks(experiment: Experiment, invariant: tuple[bool, ...]) -> tuple[Check, ...]:
    """Measure gradient, doubled weights and epsilon on the training set, from the first seed."""
    training, group = experiment.training, tuple(int(at) for at in np.flatnonzero(invariant))
    with precision(training.precision):
        kind = np.dtype(training.precision)
        x, y = (jnp.asarray(part, kind) for part in experiment.task.data().train)
        weights = jax.tree.map(lambda leaf: leaf[0], experiment.start((0,)))
        error = loss_function(training.loss)

        @partial(jax.jit, compiler_options=QUICKLY)
        def measured(weights: Weights) -> tuple[jax.Array, jax.Array, jax.Array]:
            def loss(at: Weights) -> jax.Array:
                return error(experiment.model.apply(at, x), y)

            return (
                radial_share(loss, weights, group),
                change_at_double(loss, weights, group),
                epsilon_share(experiment.model, weights, x),
            )

        radial, doubled, epsilon = (float(value) for value in measured(weights))
    rounding = 1e3 * float(np.finfo(kind).eps)
    return (
        Check("orthogonal gradient", "cosine of weights and gradient", radial, rounding),
        Check("no scale", "change of the loss when weights are doubled", doubled, rounding),
        Check("no epsilon", "largest ratio of epsilon to a variance", epsilon, rounding),
    )
