"""Carrying out a sweep: what is missing goes to an executor, pack by pack."""

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from carnotlab.core.provenance import provenance
from carnotlab.measures.base import Measure
from carnotlab.runs.atomic import prepare
from carnotlab.runs.entries import DamagedError
from carnotlab.runs.executors.base import Done, Executor
from carnotlab.runs.executors.in_process import InProcess
from carnotlab.runs.sweeps.archive import FOLDER, Archive, Array
from carnotlab.runs.sweeps.layout import Column, Layout, Pack, Variable
from carnotlab.runs.sweeps.leading import Ranking
from carnotlab.runs.sweeps.packs import MEMORY, Plan, plan_sweep
from carnotlab.runs.sweeps.results import SweepResult, gather
from carnotlab.runs.sweeps.sweep import Sweep
from carnotlab.training.members import Member, Program, train_members


@dataclass(frozen=True)
class PackItem:
    """One pack as it is sent to a worker."""

    program: int
    pack: int
    shared: Program
    members: tuple[Member, ...]


@dataclass(frozen=True)
class PackWork:
    """Training a pack and putting it in place; done again, it writes the same bytes."""

    root: Path
    measures: tuple[Measure, ...]

    def __call__(self, item: PackItem) -> int:
        """Return how many of the pack's members diverged."""
        archive = Archive.open(self.root)
        there = archive.read(item.program, item.pack)
        if there is None:
            there = train_members(item.shared, item.members, self.measures)
            archive.write(item.program, item.pack, there)
        return int(np.sum(there["diverged_at"] >= 0))


@dataclass(frozen=True)
class State:
    """How far a sweep is; ``seconds_left`` is None until one pack is done."""

    members: int
    done: int
    failed: int
    diverged: int
    seconds_left: float | None
    newest: Pack | None


Tell = Callable[[State], None]


def run_sweep(
    sweep: Sweep,
    out: Path | str | None = None,
    *,
    executor: Executor | None = None,
    memory: float = MEMORY,
    name: str = "sweep",
    tell: Tell | None = None,
    stop: threading.Event | None = None,
) -> SweepResult:
    """Train what is missing of a sweep and return all of it as one labelled array.

    Args:
        sweep: What to train.
        out: Where results are kept, in ``out/sweeps/<key>``. The same call computes only what is
            missing or was damaged. Without it nothing is kept.
        executor: Where packs are computed; by default in this process, one on each device.
        memory: Bytes that one pack may take.
        name: What the sweep is called in listings.
        tell: Called when something is done.
        stop: Once it is set, packs in hand are finished and no others begun.

    Raises:
        InputError: if a member does not fit into memory, the folder cannot be written, the disk is
            full, or the executor's workers do not see the folder. What was finished is kept.

    >>> import carnotlab as carnot
    >>> task = carnot.GaussianRegression(inputs=3, samples=5)
    >>> def experiment(lr: float) -> carnot.Experiment:
    ...     training = carnot.Training(carnot.GradientDescent(lr), duration=10)
    ...     return carnot.Experiment(task, carnot.mlp(3, (8,), 1), training)
    >>> found = run_sweep(carnot.sweep_over(experiment, carnot.grid(lr=(0.1, 0.3)), seeds=2))
    >>> found.dataset["test_loss"].isel(time=-1).dims
    ('lr', 'seed')
    """
    with ExitStack() as stack:
        if out is None:
            out = stack.enter_context(tempfile.TemporaryDirectory())
        if executor is None:
            executor = stack.enter_context(InProcess())
        plan = plan_sweep(sweep, memory)
        # Workers elsewhere may have been started in another folder.
        archive = open_archive(sweep, plan, Path(out).resolve(), name)
        executor.require_shared_folder(archive.root)
        before = standing(plan, archive)
        compute_missing(sweep, plan, archive, executor, before, tell, stop)
        result, _ = gather(archive)
        return result


def open_archive(sweep: Sweep, plan: Plan, out: Path, name: str = "sweep") -> Archive:
    """Return the archive of a sweep in an output folder, made if it is not there.

    Raises:
        InputError: if the folder cannot be written.
    """
    prepare(out)
    root = out / FOLDER / sweep.key
    columns, numbers = _columns(sweep)
    layout = _layout(sweep, plan, columns, name)
    members = [np.asarray(each.members, np.int64) for each in plan.programs]
    try:
        present = Archive.open(root).layout
    except DamagedError:
        present = layout
    # Cut otherwise, or in a way of another version: chunks of other sizes are of no use.
    if (present.programs, present.variables) != (layout.programs, layout.variables):
        shutil.rmtree(root, ignore_errors=True)
    archive = Archive.create(root, layout, numbers, members)
    archive.clear()
    return archive


@dataclass(frozen=True)
class Standing:
    """Packs of an archive that are missing or damaged, and how far that leaves the sweep."""

    missing: tuple[Pack, ...]
    state: State


def standing(plan: Plan, archive: Archive, ranking: Ranking | None = None) -> Standing:
    """Read all packs that are there, and return which have to be computed.

    Those that have not are added to ``ranking``.
    """
    done, diverged = 0, 0
    missing = dict.fromkeys(plan.packs)
    for pack in archive.finished():
        records = archive.read(*pack)
        if records is not None:
            del missing[pack]
            if ranking is not None:
                ranking.add(pack, records)
            done += len(records["diverged_at"])
            diverged += int(np.sum(records["diverged_at"] >= 0))
    state = State(archive.layout.members, done, 0, diverged, None, None)
    return Standing(tuple(missing), state)


def compute_missing(
    sweep: Sweep,
    plan: Plan,
    archive: Archive,
    executor: Executor,
    before: Standing,
    tell: Tell | None = None,
    stop: threading.Event | None = None,
) -> State:
    """Compute the packs that an archive misses and return how far it is then; see `run_sweep`."""

    def cost(pack: Pack) -> float:
        own = plan.programs[pack[0]]
        return own.cost.seconds * len(own.members_of(pack[1]))

    # Long packs first, so that none is left alone at the end.
    items = [_item(sweep, plan, pack) for pack in sorted(before.missing, key=cost, reverse=True)]
    state = before.state
    if tell is not None:
        tell(state)
    total, finished, began = sum(map(cost, before.missing)), 0.0, time.perf_counter()
    for outcome in executor.run(PackWork(archive.root, sweep.measures), items, stop):
        item = items[outcome.index]
        pack = (item.program, item.pack)
        finished += cost(pack)
        left = (time.perf_counter() - began) * (total / finished - 1.0)
        if isinstance(outcome, Done):
            state = replace(
                state,
                done=state.done + len(item.members),
                diverged=state.diverged + int(outcome.value),
                seconds_left=left,
                newest=pack,
            )
        else:
            archive.fail(*pack, outcome.reason)
            failed = state.failed + len(item.members)
            state = replace(state, failed=failed, seconds_left=left, newest=None)
        if tell is not None:
            tell(state)
    return state


def _item(sweep: Sweep, plan: Plan, pack: Pack) -> PackItem:
    program, number = pack
    own = plan.programs[program]
    members = tuple(sweep.member(index) for index in own.members_of(number))
    return PackItem(program, number, own.program, members)


def _columns(sweep: Sweep) -> tuple[dict[str, Column], dict[str, Array]]:
    columns: dict[str, Column] = {}
    numbers: dict[str, Array] = {}
    for name in sweep.settings.names:
        values = sweep.settings.column(name)
        words: tuple[str, ...] | None = None
        if values.dtype.kind == "U":
            places: dict[str, int] = {}
            numbered = [places.setdefault(word, len(places)) for word in values.tolist()]
            words, values = tuple(places), np.array(numbered, np.int64)
        columns[name], numbers[name] = Column(values.dtype.name, words), values
    return columns, numbers


def _layout(sweep: Sweep, plan: Plan, columns: dict[str, Column], name: str) -> Layout:
    training = sweep.first.training
    times = tuple(training.times.tolist())
    unit = "flow time" if training.is_flow else "steps"
    variables = {
        measure.quantity.name: Variable(
            ("time", *measure.quantity.dims),
            (len(times), *plan.shapes[measure.quantity.name]),
            plan.dtypes[measure.quantity.name],
            measure.quantity.unit,
            measure.quantity.meaning,
        )
        for measure in sweep.measures
    }
    fact = "float64" if training.is_flow else "int32"
    for each, meaning in (
        ("diverged_at", "when the loss stopped being finite (-1: never)"),
        ("stopped_at", "when early stopping froze the weights (-1: never)"),
    ):
        variables[each] = Variable((), (), fact, unit, meaning)
    origin = provenance(
        seeds=sweep.seeds, precision=training.precision, settings={"sweep": name}
    ).to_dict()
    return Layout(
        name=name,
        key=sweep.key,
        settings=len(sweep.settings),
        columns=columns,
        grid=sweep.settings.shape,
        seeds=sweep.seeds,
        times=times,
        time_unit=unit,
        variables=variables,
        programs=tuple(each.size for each in plan.programs),
        refused={str(row): why for row, why in sweep.refused.items()},
        provenance=json.loads(msgspec.json.encode(origin)),
    )
