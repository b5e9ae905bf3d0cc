"""Training a network by Hessian-free optimization, recorded as other training is."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.flatten_util import ravel_pytree

from carnotlab.core.errors import OutOfReachError, require
from carnotlab.core.keys import key_for
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.batching import FullBatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import loss_function
from carnotlab.measures.base import Measure
from carnotlab.networks.initialisation import Gaussian
from carnotlab.networks.layers import has_noise
from carnotlab.training.hessian_free.step import HessianFree, begin, flattened, step
from carnotlab.training.recording import recorder

DAMPING = Quantity("damping", (), "loss", "damping of the Gauss-Newton matrix, squared weights")
INNER_STEPS = Quantity("inner_steps", (), "steps", "conjugate-gradient steps so far")
COST = Quantity("cost", (), "epochs", "gradients on all samples that take as many multiplications")
SECONDS = Quantity("seconds", (), "1", "seconds since the start, compiling left out")


def train_hessian_free(
    experiment: Experiment,
    measures: Sequence[Measure],
    seeds: Sequence[int] = (0,),
    *,
    settings: HessianFree | None = None,
    budget: float = float("inf"),
    progress: Callable[[float], None] | None = None,
) -> xr.Dataset:
    """Train one experiment from several seeds by Hessian-free optimization.

    Task, network, loss, weight decay, precision, number of steps and record times are those of the
    experiment; its rule and schedule are not used. Any network of the library will do that maps
    each sample by itself, with either loss.

    Args:
        experiment: The description; full batches, as the gradient is on all samples.
        measures: What to record. Each becomes a variable ``[seed, time, *its dims]``.
        seeds: One member each: its weights and its samples for curvature.
        settings: Constants of the method.
        budget: Where `COST` has come to this, weights stay as they are.
        progress: Called now and then with the fraction done.

    Returns:
        A dataset with coordinates ``seed`` and ``time`` (steps), the measures, and at each record
        `DAMPING`, `INNER_STEPS`, `COST` and `SECONDS` so far.

    Raises:
        OutOfReachError: for noise in the network, batch norms, frozen layers, decay to the start
            or for each layer.
        InputError: for minibatches.

    >>> from carnotlab.experiment.times import At
    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.measures.losses import train_loss
    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.tasks.gaussian_regression import GaussianRegression
    >>> training = Training(duration=3, record=At((0, 3)))
    >>> experiment = Experiment(GaussianRegression(3, samples=20), mlp(3, (4,), 1), training)
    >>> loss = train_hessian_free(experiment, [train_loss])["train_loss"].values[0]
    >>> bool(loss[1] < loss[0])
    True
    """
    _require_plain(experiment)
    chosen = HessianFree() if settings is None else settings
    kind, times = experiment.training.precision, experiment.training.times.astype(int)
    with precision(kind):
        data = jax.tree.map(lambda a: jnp.asarray(a, dtype=kind), experiment.task.data())
        record = jax.jit(
            lambda now, start: recorder(measures, experiment.training.loss)(
                experiment.model, now, start, data
            )
        )
        members: list[list[dict[str, Any]]] = []
        for place, seed in enumerate(seeds):
            start = jax.tree.map(lambda leaf: leaf[0], experiment.start((int(seed),)))
            program, restore = _program(_bare(experiment), replace(chosen, damping=1.0))
            memory, key = begin(chosen, ravel_pytree(start)[0]), key_for(int(seed), "batches")
            # Compiled in front of the clock.
            jax.block_until_ready(program(memory, data.train, key))
            spent, cost, inner, rows = 0.0, 0.0, 0, list[dict[str, Any]]()
            for index in range(int(times[-1]) + 1):
                if index in times:
                    seen = record(restore(memory.flat), start)
                    rows.append(
                        {name: np.asarray(value) for name, value in seen.items()}
                        | {
                            DAMPING.name: float(memory.damping),
                            INNER_STEPS.name: inner,
                            COST.name: cost,
                            SECONDS.name: spent,
                        }
                    )
                    if progress is not None:
                        # A budget may be spent long before the last step.
                        done = max(index / max(times[-1], 1), min(cost / budget, 1.0))
                        progress((place + done) / len(seeds))
                if index < times[-1] and cost < budget:
                    began = time.perf_counter()
                    memory, taken = jax.block_until_ready(
                        program(memory, data.train, jax.random.fold_in(key, index))
                    )
                    spent += time.perf_counter() - began
                    cost, inner = cost + float(taken.cost), inner + int(taken.steps)
            members.append(rows)
    quantities = [*(m.quantity for m in measures), DAMPING, INNER_STEPS, COST, SECONDS]
    coords = {"seed": list(seeds), "time": ("time", times.astype(float), {"units": "steps"})}
    values = {each: [[row[each.name] for row in rows] for rows in members] for each in quantities}
    return labelled(values, ("seed", "time"), coords).assign_attrs(experiment=experiment.key)


def _bare(experiment: Experiment) -> Experiment:
    """Return the experiment from another start: what starts at other weights is one program."""
    network = replace(experiment.network, initialisation=Gaussian())
    return replace(experiment, network=network)


@lru_cache(maxsize=8)
def _program(
    experiment: Experiment, settings: HessianFree
) -> tuple[Callable[..., Any], Callable[[Any], Any]]:
    model, training = experiment.model, experiment.training
    problem, _, restore = flattened(
        model.apply,
        loss_function(training.loss),
        jax.tree.map(lambda leaf: leaf[0], experiment.start((0,))),
        training.common_decay,
    )
    return jax.jit(lambda memory, batch, key: step(settings, problem, memory, batch, key)), restore


def _require_plain(experiment: Experiment) -> None:
    network, training = experiment.network, experiment.training
    require(
        isinstance(training.batching, FullBatch),
        f"batches of {type(training.batching).__name__}",
        "full batches: only the curvature may be taken on fewer samples",
        "set HessianFree(curvature_batch=...)",
    )
    for given, found in {
        "Dropout or DropConnect under Hessian-free optimization": has_noise(network.layers),
        "BatchNorm under Hessian-free optimization": experiment.model.couples_samples,
        "frozen layers under Hessian-free optimization": network.frozen > 0,
        "decay to the start under Hessian-free optimization": training.decay_to_start,
        "decoupled decay under Hessian-free optimization": training.decoupled_decay,
    }.items():
        if found:
            raise OutOfReachError(
                given, "a fixed function of each sample by itself, all of it trained", "use train()"
            )
