"""Any members of a sweep that share a program, trained a lane of them at a time on one device."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from carnotlab.core.data import Data
from carnotlab.core.errors import require
from carnotlab.core.keys import key_for
from carnotlab.core.precision import Precision, precision
from carnotlab.experiment.batching import Online
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.networks.finite import Weights
from carnotlab.tasks.base import Task
from carnotlab.training.cost import member_cost
from carnotlab.training.ensemble import ensemble_program
from carnotlab.training.padded_widths import (
    bucket,
    hidden_widths,
    padded,
    start_by_cutting,
    widened,
)
from carnotlab.training.recording import recorder
from carnotlab.training.sweep import (
    Path,
    by_skeleton,
    differing_numbers,
    number_at,
    with_numbers,
)

LANE = 32
"""Most members that run side by side: enough that a step's own cost is shared."""

LANE_BYTES = 2**21
"""What a lane touches at every step stays in a core's cache; beyond, it waits for memory."""

START: Path = ("network", "initialisation")
"""Where an experiment says what training starts from."""

_DRAWING = threading.Lock()

Records: TypeAlias = dict[str, np.ndarray[Any, Any]]


class Member(NamedTuple):
    """One network of a sweep: what is trained, and the seed of its weights and batches."""

    experiment: Experiment
    seed: int


@dataclass(frozen=True)
class Program:
    """What members of equal shape share: one compiled program, for ``lane`` of them at a time.

    ``first`` is one of the experiments, widened where ``widths`` are given; ``paths`` lead to the
    numbers in which members differ. A member's records depend on its lane alone, never on how
    many lanes a caller runs, on which device or in which process.
    """

    first: Experiment
    paths: tuple[Path, ...]
    widths: tuple[int, ...] | None
    lane: int

    def shaped(self, experiment: Experiment) -> Experiment:
        """Return a member's experiment in arrays of the program's shape."""
        return experiment if self.widths is None else widened(experiment, self.widths)


def programs(experiments: Sequence[Experiment]) -> tuple[tuple[Program, tuple[int, ...]], ...]:
    """Group experiments by the program they share; each with positions in ``experiments``.

    Multilayer perceptrons whose hidden layers differ are padded to a common size with units that
    stay idle (`widened`), where that lets several widths share a program.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.tasks.gaussian_regression import GaussianRegression
    >>> task = GaussianRegression(3, samples=5)
    >>> several = [Experiment(task, mlp(3, (n,), 1), Training()) for n in (20, 24, 40)]
    >>> [(program.widths, rows) for program, rows in programs(several)]
    [((32,), (0, 1)), (None, (2,))]
    """
    wide, widths = zip(*map(_widened_to_share, experiments), strict=True)
    # Widened networks have no start of their own, and starts may differ in more than numbers.
    started = {
        row: with_numbers(each, {START: experiments[row].network.initialisation})
        for row, each in enumerate(wide)
    }
    found: list[tuple[Program, tuple[int, ...]]] = []
    for rows in map(tuple, by_skeleton(started)):
        own, shape = [experiments[row] for row in rows], widths[rows[0]]
        if len({each.network.maps for each in own}) == 1:
            shape = None
        cost = member_cost(own[0], 1)
        fitting = 2 ** int(np.log2(max(LANE_BYTES / cost.working, 1.0)))
        shaped = own if shape is None else [wide[row] for row in rows]
        program = Program(shaped[0], differing_numbers(shaped), shape, min(LANE, fitting))
        found.append((program, rows))
    return tuple(found)


def _widened_to_share(experiment: Experiment) -> tuple[Experiment, tuple[int, ...] | None]:
    """Return an experiment in arrays that others may share, and the units of its hidden layers.

    As it is, and None, where its units cannot idle.
    """
    training = experiment.training
    if not training.is_flow and not isinstance(training.batching, Online):
        try:
            widths = tuple(bucket(units) for units in hidden_widths(experiment.network))
            return widened(experiment, widths), widths
        except ValueError:
            pass  # no multilayer perceptron whose units can idle
    return experiment, None


def train_members(
    program: Program, members: Sequence[Member], measures: Sequence[Measure]
) -> Records:
    """Train members of one program, a lane at a time, and return what was measured.

    Returns:
        By name arrays ``[member, time, *dims]`` of all measures, and ``diverged_at`` and
        ``stopped_at``, ``[member]``, in the training's own time, -1 for never.
    """
    require(len(members) > 0, "no members", "at least one", "leave the pack out")
    first, lane = program.first, program.lane
    call = ensemble_program(first, program.paths, tuple(measures), 1, False, one_thread=True).call
    kind = np.dtype(first.training.precision)
    with precision(first.training.precision):
        # On one device for all threads, one at a time: each would compile what draws them anew.
        with _DRAWING, jax.default_device(jax.devices()[0]):
            starts = _starts(program, members)
        data = _data(first.task, first.training.precision, _device())
        keys = jax.vmap(lambda seed: key_for(seed, "batches"))(
            np.array([member.seed for member in members])
        )
        shaped = {each: program.shaped(each) for each in {m.experiment for m in members}}
        numbers = tuple(
            np.array([number_at(shaped[m.experiment], path) for m in members], dtype=kind)
            for path in program.paths
        )
        parts: list[Any] = []
        for begin in range(0, len(members), lane):
            # The last lane is filled up with its last member, so that one program serves all.
            rows = np.minimum(np.arange(begin, begin + lane), len(members) - 1)
            own: Any = jax.tree.map(lambda array, rows=rows: array[rows], (starts, keys, numbers))
            outcome = jax.tree.map(np.asarray, call(own[0], own[1], own[2], data))
            left = len(members) - begin
            parts.append(jax.tree.map(lambda array, left=left: array[:left], outcome))
    whole = jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
    lost = whole.diverged_at
    if first.training.is_flow:
        lost = np.where(lost < 0, -1.0, first.training.times[lost])
    return {**whole.records, "diverged_at": lost, "stopped_at": whole.stopped_at}


def record_shapes(
    experiment: Experiment, measures: Sequence[Measure]
) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Return shape and dtype of what each measure returns at one time; nothing is computed."""
    record = recorder(measures, experiment.training.loss)
    kind: Precision = experiment.training.precision
    with precision(kind):
        data = jax.tree.map(
            lambda array: jax.ShapeDtypeStruct(array.shape, np.dtype(kind)), experiment.task.data()
        )
        weights = tuple(
            {
                name: jax.ShapeDtypeStruct(shape, np.dtype(kind))
                for name, shape in (("weight", each.shape), ("bias", (each.outputs,)))
                if name == "weight" or each.bias_variance is not None
            }
            for each in experiment.network.maps
        )
        shapes = jax.eval_shape(
            lambda now, data: record(experiment.model, now, now, data), weights, data
        )
    return {name: (tuple(each.shape), np.dtype(each.dtype)) for name, each in shapes.items()}


def _starts(program: Program, members: Sequence[Member]) -> Weights:
    """Return members' starts, ``[member, ...]``, drawn once for members that share theirs."""
    seeds_of: dict[Any, dict[int, None]] = {}
    owner: dict[Any, Experiment] = {}
    for experiment, seed in members:
        where = experiment.network, experiment.task
        seeds_of.setdefault(where, {})[seed] = None
        owner.setdefault(where, experiment)
    drawn: dict[tuple[Any, int], Any] = {}
    for where, seeds in seeds_of.items():
        for begin in range(0, len(seeds), program.lane):
            few = list(seeds)[begin : begin + program.lane]
            # As many as a lane, so that what draws them is compiled once for each shape.
            filled = (*few, *[few[-1]] * (program.lane - len(few)))
            weights = jax.tree.map(np.asarray, _drawn(program, owner[where], filled))
            for row, seed in enumerate(few):
                drawn[where, seed] = jax.tree.map(lambda leaf, row=row: leaf[row], weights)
    rows = [drawn[(each.network, each.task), seed] for each, seed in members]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *rows)


def _drawn(program: Program, experiment: Experiment, seeds: tuple[int, ...]) -> Weights:
    if program.widths is None:
        return experiment.start(seeds)
    own = start_by_cutting(experiment, program.widths, seeds)
    return padded(own, program.first.network)


def _device() -> Any:
    """Return the device that this thread computes on."""
    return jax.config.jax_default_device or jax.devices()[0]  # pyright: ignore


@lru_cache(maxsize=4)
def _data(task: Task, kind: Precision, device: Any) -> Data:
    """Return a task's samples on a device, kept for the next pack."""
    with precision(kind):
        return jax.tree.map(
            lambda array: jax.device_put(jnp.asarray(array, dtype=kind), device), task.data()
        )
