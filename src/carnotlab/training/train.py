"""Training an ensemble: many seeds, and many settings, as one compiled program."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import InputError, require
from carnotlab.core.keys import key_for
from carnotlab.core.precision import precision
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent, GradientFlow
from carnotlab.experiment.schedules import Constant
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure
from carnotlab.training.batches import steps_per_epoch
from carnotlab.training.descent import Outcome
from carnotlab.training.ensemble import Progress, ensemble_program
from carnotlab.training.recording import labelled_facts
from carnotlab.training.sweep import Path, by_skeleton, differing_numbers, number_at


def train(
    experiment: Experiment,
    measures: Sequence[Measure],
    seeds: Sequence[int] = (0,),
    *,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Train one experiment from several seeds and return what was measured.

    Args:
        experiment: The description; its training says when to record.
        measures: What to record. Each becomes a variable ``[seed, time, *its dims]``.
        seeds: One member each: its weights and its batches.
        progress: Called now and then with the fraction done.

    Returns:
        A dataset with coordinates ``seed``, ``time`` (steps, or flow time), ``flow_time`` and
        ``epochs`` where they are defined, and per seed ``diverged_at`` and ``stopped_at`` (a time,
        or -1 for never). A diverged member's records are not finite; the others are untouched.

    Raises:
        InputError: for no seeds, repeated seeds or two measures of one name.
    """
    swept = train_sweep({"only": experiment}, measures, seeds, progress=progress)
    return swept.isel(setting=0, drop=True).assign_attrs(experiment=experiment.key)


def train_sweep(
    experiments: Mapping[str, Experiment],
    measures: Sequence[Measure],
    seeds: Sequence[int] = (0,),
    *,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Train labelled settings times seeds; settings that differ in numbers share one program.

    All settings must record at the same times. The result has a leading dimension ``setting``
    whose coordinate holds the labels; everything else is as in `train`.
    """
    require(len(experiments) > 0, "no experiments", "at least one", "give a labelled experiment")
    seeds = tuple(int(seed) for seed in seeds)
    require(
        0 < len(set(seeds)) == len(seeds),
        f"seeds = {seeds}",
        "at least one seed, none twice",
        "use range(n)",
    )
    names = [measure.quantity.name for measure in measures]
    require(
        len(set(names)) == len(names), f"measures {names}", "different names", "drop the repetition"
    )
    clocks = {each.training.times.tobytes() for each in experiments.values()}
    require(
        len(clocks) == 1,
        f"settings with {len(clocks)} different sets of record times",
        "the same times in all",
        "give them the same duration and record, or train them one by one",
    )
    groups = by_skeleton(experiments)
    parts: list[xr.Dataset] = []
    rising = None if progress is None else _Rising(progress)
    for done, group in enumerate(groups):

        def report(part: float, done: int = done) -> None:
            if rising is not None:
                rising((done + part) / len(groups))

        parts.append(_train_group(group, tuple(measures), seeds, report if progress else None))
        jax.effects_barrier()
        report(1.0)
    whole = parts[0] if len(parts) == 1 else xr.concat(parts, "setting", join="exact")
    return whole.sel(setting=list(experiments))


class _Rising:
    """Progress that only rises: devices side by side report the same times, each at its own."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.highest = progress, -1.0

    def __call__(self, part: float) -> None:
        if part > self.highest:
            self.highest = part
            self.progress(part)


def _train_group(
    experiments: Mapping[str, Experiment],
    measures: tuple[Measure, ...],
    seeds: tuple[int, ...],
    progress: Progress | None,
) -> xr.Dataset:
    first = next(iter(experiments.values()))
    paths = differing_numbers(tuple(experiments.values()))
    with precision(first.training.precision):
        kind = np.dtype(first.training.precision)
        data = jax.tree.map(lambda array: jnp.asarray(array, dtype=kind), first.task.data())
        starts = [experiment.start(seeds) for experiment in experiments.values()]
        weights = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *starts)
        keys = jnp.stack([key_for(seed, "batches") for seed in seeds] * len(experiments))
        numbers = tuple(
            jnp.asarray(
                np.repeat([number_at(each, path) for each in experiments.values()], len(seeds), 0),
                dtype=kind,
            )
            for path in paths
        )
        outcome = _run(first, paths, measures, weights, keys, numbers, data, progress)
        outcome = jax.tree.map(np.asarray, outcome)
    return _dataset(experiments, first, measures, seeds, outcome, data.train)


def _run(
    first: Experiment,
    paths: tuple[Path, ...],
    measures: tuple[Measure, ...],
    weights: Any,
    keys: Any,
    numbers: Any,
    data: Data,
    progress: Progress | None,
) -> Outcome:
    """Run the ensemble as one program, members spread over the devices there are."""
    members = keys.shape[0]
    devices = min(len(jax.devices()), members)
    padded = -(-members // devices) * devices
    # Members are independent, so spreading them needs no communication; the last is repeated
    # to fill up the devices and dropped again.
    rows = np.minimum(np.arange(padded), members - 1)
    weights, keys, numbers = jax.tree.map(lambda a: a[rows], (weights, keys, numbers))
    program = ensemble_program(first, paths, measures, devices, progress is not None)
    program.relay.progress = progress
    outcome = jax.block_until_ready(program.call(weights, keys, numbers, data))
    return jax.tree.map(lambda a: a[:members], outcome)


def _dataset(
    experiments: Mapping[str, Experiment],
    first: Experiment,
    measures: tuple[Measure, ...],
    seeds: tuple[int, ...],
    outcome: Outcome,
    train: Batch,
) -> xr.Dataset:
    training = first.training
    shape = (len(experiments), len(seeds))
    unit = "flow time" if training.is_flow else "steps"
    dims = ("setting", "seed", "time")
    lost = np.asarray(outcome.diverged_at)
    if training.is_flow:
        lost = np.where(lost < 0, -1.0, training.times[lost])
    outcome = jax.tree.map(
        lambda values: values.reshape(*shape, *values.shape[1:]),
        outcome._replace(diverged_at=lost),
    )
    variables = labelled_facts(outcome, dims[:2], unit)
    for measure in measures:
        values = outcome.records[measure.quantity.name]
        if values.ndim != len(dims) + len(measure.quantity.dims):
            raise InputError(
                f"{measure.quantity.name} of shape {values.shape[3:]}",
                f"dimensions {measure.quantity.dims}",
                "mend the measure's function or its quantity",
            )
        variables[measure.quantity.name] = measure.quantity.label(values, dims)
    coords: dict[str, Any] = {
        "setting": list(experiments),
        "seed": list(seeds),
        "time": ("time", training.times, {"units": unit}),
    }
    clocks = {each.training.flow_times.tobytes() for each in experiments.values()}
    if len(clocks) == 1 and _has_flow_time(training):
        coords["flow_time"] = ("time", training.flow_times, {"units": "flow time"})
    if not training.is_flow:
        epoch = steps_per_epoch(training.batching, train.size)
        coords["epochs"] = ("time", training.times / epoch, {"units": "epochs"})
    return xr.Dataset(variables, coords)


def _has_flow_time(training: Training) -> bool:
    """Whether a step is a flow time: the gradient's own size and direction at a constant rate."""
    match training.rule:
        case GradientFlow():
            return True
        case GradientDescent(_, momentum):
            return isinstance(training.schedule, Constant) and momentum == 0.0
        case _:
            return False
