"""Cutting a sweep into packs: members of one program, enough of them to be worth a task."""

from dataclasses import dataclass, replace
from math import ceil, prod

import numpy as np

from carnotlab.core.errors import require
from carnotlab.runs.sweeps.layout import Pack, ProgramSize, packs_of
from carnotlab.runs.sweeps.sweep import Sweep
from carnotlab.training.cost import Cost, member_cost
from carnotlab.training.members import Program, programs, record_shapes

SECONDS = 1.0
"""Work that makes a pack worth sending to a worker, on a nominal core."""

MEMORY = 2**30
"""Bytes that a pack may take, unless said otherwise. A constant, so that packs of one description
are the same on every machine and results the same to the bit."""

MOST_PACKED = 16384
"""Members of a pack at most: its starts are drawn and held at once."""


@dataclass(frozen=True)
class ProgramPlan:
    """Members that share a program, ``[n]`` indices in the sweep, and how many make a pack."""

    program: Program
    members: tuple[int, ...]
    pack: int
    cost: Cost

    @property
    def size(self) -> ProgramSize:
        """How it is cut up."""
        return ProgramSize(len(self.members), self.pack)

    def members_of(self, pack: int) -> tuple[int, ...]:
        """Return the members of one pack."""
        return self.members[self.size.rows_of(pack)]


@dataclass(frozen=True)
class Plan:
    """How a sweep is cut up; the same for the same description on any machine."""

    programs: tuple[ProgramPlan, ...]
    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]

    @property
    def packs(self) -> tuple[Pack, ...]:
        """All packs."""
        return packs_of([each.size for each in self.programs])

    @property
    def seconds(self) -> float:
        """Work of all members on one nominal core."""
        return sum(len(each.members) * each.cost.seconds for each in self.programs)

    @property
    def bytes(self) -> float:
        """What the results take on disk."""
        return sum(len(each.members) * (each.cost.recorded + 32) for each in self.programs)

    @property
    def memory(self) -> float:
        """Bytes that the largest pack takes while it is computed."""
        return max(memory_of(each.cost, each.program.lane, each.pack) for each in self.programs)


def memory_of(cost: Cost, lane: int, members: int) -> float:
    """Return the bytes of a pack: one lane at work, all starts and all records."""
    return lane * cost.peak + members * _held(cost)


def _held(cost: Cost) -> float:
    """Return the bytes of a member that waits or is done: records, and weights to start from."""
    # What a step touches is at least six times the weights.
    return cost.recorded + cost.working / 6


def plan_sweep(sweep: Sweep, memory: float = MEMORY) -> Plan:
    """Cut a sweep into packs of about a second or more that fit into ``memory`` bytes.

    Raises:
        InputError: if one member alone does not fit, or a measure has another shape in some
            setting than in others.
    """
    rows = sweep.present
    seeds = len(sweep.seeds)
    shapes, dtypes = _shapes(sweep)
    numbers = sum(prod(shape) for shape in shapes.values())
    found: list[ProgramPlan] = []
    for program, at in programs([e for e in sweep.experiments if e is not None]):
        cost = member_cost(program.first, numbers)
        lane = program.lane
        while lane > 1 and memory_of(cost, lane, lane) > memory:
            lane //= 2
        require(
            memory_of(cost, lane, lane) <= memory,
            f"a member that takes about {memory_of(cost, 1, 1) / 2**30:.2g} GiB",
            f"members that fit into the {memory / 2**30:.2g} GiB of a pack",
            "give packs more memory (--memory), or use smaller networks or batches",
        )
        program = replace(program, lane=lane)
        members = tuple(rows[row] * seeds + seed for row in at for seed in range(seeds))
        wanted = max(ceil(SECONDS / cost.seconds / lane), 1) * lane
        fitting = int((memory - lane * cost.peak) / _held(cost))
        pack = max(min(wanted, MOST_PACKED, fitting // lane * lane), lane)
        found.append(ProgramPlan(program, members, min(pack, len(members)), cost))
    return Plan(tuple(found), shapes, dtypes)


def _shapes(sweep: Sweep) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Return shapes and dtypes of what is recorded at one time, which all settings share."""
    several = [sweep.first]
    # Numbers alone have one shape everywhere; only arrays may differ with the network.
    if any(measure.quantity.dims for measure in sweep.measures):
        kinds = {(e.network, e.task, e.training.precision): e for e in sweep.experiments if e}
        several = list(kinds.values())
    found = [record_shapes(each, sweep.measures) for each in several]
    for measure in sweep.measures:
        name = measure.quantity.name
        shapes = {each[name][0] for each in found}
        require(
            len(shapes) == 1,
            f"{name} of shapes {sorted(shapes)[:3]}",
            "one shape in all settings",
            "measure something that does not depend on the network's size",
        )
        require(
            len(next(iter(shapes))) == len(measure.quantity.dims),
            f"{name} of shape {next(iter(shapes))}",
            f"dimensions {measure.quantity.dims}",
            "mend the measure's function or its quantity",
        )
    shapes = {name: shape for name, (shape, _) in found[0].items()}
    return shapes, {name: np.dtype(kind).str for name, (_, kind) in found[0].items()}
