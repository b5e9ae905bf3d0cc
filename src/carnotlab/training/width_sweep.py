"""Sweeps over widths, numbers of samples and seeds: one program for each size of arrays."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Int

from carnotlab.core.data import Data
from carnotlab.core.errors import require
from carnotlab.core.keys import key_for
from carnotlab.core.precision import precision
from carnotlab.experiment.batching import FullBatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure, State
from carnotlab.measures.losses import (
    accuracy,
    midpoint,
    train_accuracy,
    train_loss,
)
from carnotlab.training.batches import require_steps_on_given_samples
from carnotlab.training.descent import Outcome, descend
from carnotlab.training.ensemble import Progress
from carnotlab.training.objective import loss_by_sample, mean_over_first
from carnotlab.training.padded_widths import (
    bucket,
    hidden_widths,
    padded,
    start_by_cutting,
    widened,
)
from carnotlab.training.recording import Counted, labelled_facts, recorder
from carnotlab.training.sweep import Path, by_skeleton, differing_numbers, number_at, rebuild


def train_widths(
    experiments: Mapping[str, Experiment],
    measures: Sequence[Measure],
    seeds: Sequence[int] = (0,),
    *,
    samples: Mapping[str, int] | None = None,
    draw: Callable[[int], Data] | None = None,
    growth: int = 2,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Train multilayer perceptrons of different widths times seeds, few programs for all.

    Hidden layers are padded to the next power of two with units that stay idle (`widened`), so
    that widths between two powers share one compiled program; each trains as it would alone, from
    the start it would have alone. Settings may also differ in numbers, as in `train_sweep`.

    Args:
        experiments: Labelled descriptions, of one task, batching and set of record times.
        measures: What to record.
        seeds: One member of each setting: its weights, its batches, and its data with ``draw``.
        samples: How many of the training samples, the first ones, each setting trains on (full
            batches only). Training loss and accuracy see these samples alone; a measure of your own
            that reads training samples would see others too.
        draw: From a seed to data of the task's shapes, in place of the task's own.
        growth: Ratio of one size of arrays to the next: larger for fewer programs to compile, each
            of which computes more that comes to nothing.
        progress: Called after each program with the fraction of them done.

    Returns:
        A dataset ``[setting, seed, time, ...]`` with ``diverged_at`` and ``stopped_at`` as in
        `train`.

    Raises:
        InputError: for gradient flow, fresh samples, different tasks or clocks, repeated seeds, or
            more samples than there are.
        OutOfReachError: for networks other than multilayer perceptrons, see `hidden_widths`.

    >>> from carnotlab.experiment.rules import GradientDescent
    >>> from carnotlab.experiment.times import At
    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.measures.losses import test_loss
    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.tasks.gaussian_regression import GaussianRegression
    >>> training = Training(GradientDescent(0.1), 4, record=At((4,)))
    >>> task = GaussianRegression(inputs=3, samples=5)
    >>> by_width = {str(w): Experiment(task, mlp(3, (w,), 1), training) for w in (2, 5)}
    >>> train_widths(by_width, [test_loss], (0, 1, 2))["test_loss"].shape
    (2, 3, 1)
    """
    seeds = tuple(int(seed) for seed in seeds)
    _require_one_sweep(experiments, measures, seeds, samples)
    by_rows: dict[int, dict[str, Experiment]] = {}
    widest: dict[int, tuple[int, ...]] = {}
    for label, experiment in experiments.items():
        shapes = tuple(bucket(width, growth) for width in hidden_widths(experiment.network))
        most = widest.get(len(shapes), shapes)
        widest[len(shapes)] = tuple(max(pair) for pair in zip(most, shapes, strict=True))
        rows = 0 if samples is None else bucket(samples[label], growth)
        by_rows.setdefault(rows, {})[label] = widened(experiment, shapes)
    groups = [(rows, wide) for rows, each in by_rows.items() for wide in by_skeleton(each)]
    parts: list[xr.Dataset] = []
    for done, (rows, wide) in enumerate(groups):
        own = {label: (experiments[label], each) for label, each in wide.items()}
        depth = len(hidden_widths(next(iter(wide.values())).network))
        counts = None if samples is None else tuple(samples[label] for label in wide)
        parts.append(_train_bucket(own, widest[depth], tuple(measures), seeds, counts, rows, draw))
        if progress is not None:
            progress((done + 1) / len(groups))
    return xr.concat(parts, "setting", join="exact").sel(setting=list(experiments))


def _train_bucket(
    own_and_wide: Mapping[str, tuple[Experiment, Experiment]],
    widest: tuple[int, ...],
    measures: tuple[Measure, ...],
    seeds: tuple[int, ...],
    counts: tuple[int, ...] | None,
    rows: int,
    draw: Callable[[int], Data] | None,
) -> xr.Dataset:
    wide = tuple(each for _, each in own_and_wide.values())
    first = wide[0]
    paths = differing_numbers(wide)
    devices = min(len(jax.devices()), len(seeds))
    # Members are independent: the last seed is repeated to fill up the devices, and dropped again.
    chosen = np.minimum(np.arange(-(-len(seeds) // devices) * devices), len(seeds) - 1)
    members = tuple(seeds[index] for index in chosen)
    with precision(first.training.precision):
        kind = np.dtype(first.training.precision)
        if draw is None:
            data = jax.tree.map(lambda array: jnp.asarray(array, dtype=kind), first.task.data())
        else:
            drawn = [draw(seed) for seed in members]
            data = jax.tree.map(lambda *parts: jnp.asarray(np.stack(parts), dtype=kind), *drawn)
        if rows:
            axis = (slice(None),) if draw is not None else ()
            cut = jax.tree.map(lambda array: array[(*axis, slice(rows))], data.train)
            data = Data(cut, data.test)
        starts = [
            padded(start_by_cutting(narrow, widest, members), each.network)
            for narrow, each in own_and_wide.values()
        ]
        weights = jax.tree.map(lambda *leaves: np.stack(leaves, axis=1), *starts)
        keys = jnp.stack([key_for(seed, "batches") for seed in members])
        numbers = tuple(
            jnp.asarray([number_at(each, path) for each in wide], dtype=kind) for path in paths
        )
        program = _program(first, paths, measures, devices, counts is not None, draw is not None)
        own = (numbers, jnp.asarray(counts or (0,) * len(wide), dtype=jnp.int32))
        outcome = jax.tree.map(
            lambda array: np.swapaxes(np.asarray(array), 0, 1)[:, : len(seeds)],
            program(weights, keys, own, data),
        )
    return _dataset(first, measures, tuple(own_and_wide), seeds, outcome)


@lru_cache(maxsize=32)
def _program(
    first: Experiment,
    paths: tuple[Path, ...],
    measures: tuple[Measure, ...],
    devices: int,
    counted: bool,
    drawn: bool,
) -> Callable[[Any, Any, Any, Data], Outcome]:
    """Trace and keep the program of a bucket, so that a second call need not compile."""
    settings_of = rebuild(first, paths)
    record = recorder(measures, first.training.loss, COUNTED)

    def by_seed(weights: Any, key: Any, own: Any, data: Data) -> Outcome:
        keys = jnp.broadcast_to(key, own[1].shape)
        return descend(
            lambda numbers: settings_of(numbers[0]),
            record,
            weights,
            keys,
            own,
            data,
            None,
            (lambda numbers: numbers[1]) if counted else None,
        )

    program: Any = jax.vmap(by_seed, in_axes=(0, 0, None, 0 if drawn else None))
    if devices > 1:
        split, whole = PartitionSpec("seed"), PartitionSpec()
        program = jax.shard_map(
            program,
            mesh=Mesh(np.asarray(jax.devices()[:devices]), ("seed",)),
            in_specs=(split, split, whole, split if drawn else whole),
            out_specs=split,
            check_vma=False,
        )
    return jax.jit(program)


def _train_loss(state: State, data: Data, count: Int[Array, ""]) -> Any:
    outputs = state.model.apply(state.weights, jnp.asarray(data.train.x))
    return mean_over_first(count, loss_by_sample(state.loss, outputs, jnp.asarray(data.train.y)))


def _train_accuracy(state: State, data: Data, count: Int[Array, ""]) -> Any:
    targets = jnp.asarray(data.train.y)
    outputs = state.model.apply(state.weights, jnp.asarray(data.train.x))
    cut = midpoint(targets)
    right = jax.vmap(lambda one, wanted: accuracy(one[None], wanted[None], cut))(outputs, targets)
    return mean_over_first(count, right)


COUNTED: Mapping[Measure, Counted] = {train_loss: _train_loss, train_accuracy: _train_accuracy}
"""What measures of training become where a member has but the first of the samples."""


def _dataset(
    first: Experiment,
    measures: tuple[Measure, ...],
    labels: tuple[str, ...],
    seeds: tuple[int, ...],
    outcome: Outcome,
) -> xr.Dataset:
    dims = ("setting", "seed", "time")
    variables = labelled_facts(outcome, dims[:2], "steps")
    for measure in measures:
        name = measure.quantity.name
        variables[name] = measure.quantity.label(outcome.records[name], dims)
    time = ("time", first.training.times, {"units": "steps"})
    return xr.Dataset(variables, {"setting": list(labels), "seed": list(seeds), "time": time})


def _require_one_sweep(
    experiments: Mapping[str, Experiment],
    measures: Sequence[Measure],
    seeds: tuple[int, ...],
    samples: Mapping[str, int] | None,
) -> None:
    require(len(experiments) > 0, "no experiments", "at least one", "give a labelled experiment")
    require(
        0 < len(set(seeds)) == len(seeds) and min(seeds) >= 0 and max(seeds) < 2**31,
        f"seeds = {seeds}",
        "at least one whole number from 0 to 2147483647, none twice",
        "use range(n)",
    )
    first = next(iter(experiments.values()))
    for label, each in experiments.items():
        training = each.training
        require_steps_on_given_samples(training)
        require(
            each.task == first.task
            and training.batching == first.training.batching
            and training.precision == first.training.precision
            and training.times.tobytes() == first.training.times.tobytes(),
            f"another task, batching, precision or other record times in {label}",
            "the same in all",
            "use train_sweep()",
        )
    if samples is None:
        return
    available = first.task.data().train.size
    counts = {label: samples.get(label, 0) for label in experiments}
    require(
        all(0 < count <= available for count in counts.values()),
        f"samples = {counts} of {available}",
        f"from 1 to {available} for each setting",
        "give the task more training samples, or use fewer",
    )
    others = [
        each.quantity.name
        for each in measures
        if each.quantity.name.startswith("train_") and each not in COUNTED
    ]
    require(
        isinstance(first.training.batching, FullBatch) and not others,
        f"{first.training.batching} and measures {others} with numbers of samples",
        "FullBatch(), and of training samples the loss and the accuracy alone",
        "train the others with train_sweep() on tasks of their own",
    )
