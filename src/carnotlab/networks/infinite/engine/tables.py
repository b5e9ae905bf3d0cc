"""A program and its displacements as arrays of numbers, which compiled loops can read."""

from dataclasses import dataclass, field
from math import pi, prod
from typing import Any

import numpy as np

from carnotlab.networks.infinite.engine.displacements import Wanted, moduli, pooled, wanted
from carnotlab.networks.infinite.engine.loops.codes import NEXT_SIZE, Ends, Operation, Tables, Work
from carnotlab.networks.infinite.engine.program import Program, Stage, Step
from carnotlab.networks.layers import AveragePool, Flatten, GlobalAveragePool, SumPool


def tables(its: Program, dtype: "np.dtype[Any]", complete: bool = True) -> Tables:
    """Return all tables of a program.

    Unless ``complete`` they end where no more deviations are noted, and hold what these need.
    """
    last = len(its.stages) - 1
    if not complete:
        last = max([0, *(i for i, stage in enumerate(its.stages) if any(map(_notes, stage.steps)))])
    ends = wanted(its, last, complete)
    writer = _Writer()
    for index in range(last):
        writer.stage(its.stages[index], ends[index], its.stages[index + 1], ends[index + 1])
    writer.stage(its.stages[last], ends[last])
    return writer.tables(_largest(its), dtype)


def workspace(its: Program, parts: list[Tables], lanes: int, dtype: "np.dtype[Any]") -> Work:
    """Return the memory one thread needs for any of the tables of a program."""
    buffers = max(stage.buffers for stage in its.stages) * _largest(its) * lanes
    reach = max(max(step.size) for stage in its.stages for step in stage.steps)
    columns = max(level.lengths[1] for stage in its.stages for level in stage.levels)
    line = (columns + 2 * reach) * lanes
    store = max(int(part.stages[:, NEXT_SIZE].max()) for part in parts) * lanes
    return Work(
        k=np.zeros(buffers),
        t=np.zeros(buffers, dtype),
        k_columns=np.zeros(line),
        t_columns=np.zeros(line, dtype),
        k_row=np.zeros(line),
        t_row=np.zeros(line, dtype),
        k_total=np.zeros(line),
        t_total=np.zeros(line),
        k_stored=np.zeros(store),
        t_stored=np.zeros(store),
        k_next=np.zeros(store),
        t_next=np.zeros(store),
    )


@dataclass
class _Writer:
    steps: list[list[int]] = field(default_factory=list[list[int]])
    numbers: list[list[float]] = field(default_factory=list[list[float]])
    levels: list[list[int]] = field(default_factory=list[list[int]])
    stages: list[list[int]] = field(default_factory=list[list[int]])
    displacements: list[int] = field(default_factory=list[int])
    pool_starts: list[int] = field(default_factory=lambda: [0])
    pool_entries: list[np.ndarray[Any, Any]] = field(default_factory=list[np.ndarray[Any, Any]])
    pool_weights: list[np.ndarray[Any, Any]] = field(default_factory=list[np.ndarray[Any, Any]])
    scales: list[float] = field(default_factory=list[float])

    def stage(
        self,
        stage: Stage,
        ends: Wanted,
        following: Stage | None = None,
        wanted_next: Wanted = ([], []),
    ) -> None:
        first_level, first_step = len(self.levels), len(self.steps)
        rows, columns = (moduli(stage, axis) for axis in (0, 1))
        for level in range(len(stage.levels)):
            self.levels.append(
                [its[level] for pair in zip(rows, columns, strict=True) for its in pair]
            )
        for step in stage.steps:
            self.steps.append(_step(step, first_level))
            self.numbers.append(_numbers(step))
        places = [len(self.displacements)]
        ending, behind = Ends.IN_TOTAL, [1, 1, 1, 1]
        if following is not None and isinstance(stage.ending, AveragePool | SumPool):
            lengths, counts = following.levels[0].lengths, [len(its) for its in wanted_next]
            ending, behind = Ends.IN_WINDOWS, [*lengths, counts[1], prod(lengths) * prod(counts)]
        for axis in (0, 1):
            self.displacements += ends[axis]
            places.append(len(self.displacements))
            if following is not None and ending is Ends.IN_WINDOWS:
                self._pool(stage, following, axis, ends[axis], wanted_next[axis])
            else:
                self.pool_starts += [self.pool_starts[-1]] * len(ends[axis])
        self.stages.append(
            [
                first_step,
                len(self.steps),
                first_level + stage.end,
                ending,
                *places[:2],
                *places[1:],
                *behind,
            ]
        )
        self.scales.append(_scale(stage))

    def tables(self, size: int, dtype: "np.dtype[Any]") -> Tables:
        numbers = np.array(self.numbers)
        return Tables(
            size=size,
            steps=np.array(self.steps, dtype=np.int64),
            numbers=numbers,
            numbers_t=numbers.astype(dtype),
            levels=np.array(self.levels, dtype=np.int64),
            stages=np.array(self.stages, dtype=np.int64),
            displacements=np.array(self.displacements, dtype=np.int64),
            pool_starts=np.array(self.pool_starts, dtype=np.int64),
            pool_entries=np.concatenate([np.zeros((0, 3), dtype=np.int64), *self.pool_entries]),
            pool_weights=np.concatenate([np.zeros(0), *self.pool_weights]),
            scales=np.array(self.scales),
        )

    def _pool(
        self, stage: Stage, following: Stage, axis: int, ends: list[int], wanted_next: list[int]
    ) -> None:
        its = pooled(stage, following, axis, wanted_next)
        bounds = np.searchsorted(its.displacement, [*ends, np.inf])
        self.pool_starts += (self.pool_starts[-1] + bounds[1:]).tolist()
        self.pool_entries.append(np.stack([its.position, its.place, its.next_position], axis=1))
        self.pool_weights.append(its.weight)


def _notes(step: Step) -> bool:
    return step.together or step.operation in (Operation.ACTIVATE, Operation.NORMALIZE)


def _largest(its: Program) -> int:
    return max(prod(level.lengths) for stage in its.stages for level in stage.levels)


def _step(step: Step, first_level: int) -> list[int]:
    return [
        step.operation,
        step.source,
        step.target,
        first_level + step.before,
        first_level + step.behind,
        step.deviation,
        *step.size,
        *step.stride,
        *step.pad,
        *map(int, step.wraps),
        int(step.no_tangent),
        int(step.together),
    ]


def _numbers(step: Step) -> list[float]:
    below, above, at_zero = step.slopes
    same, opposite = (below**2 + above**2) / 2, below * above
    bend = (above - below) ** 2 / (2 * pi)
    return [*step.gain, same, opposite, bend, at_zero, (below + above) / 2, step.scale]


def _scale(stage: Stage) -> float:
    positions = prod(stage.levels[stage.end].lengths)
    match stage.ending:
        case GlobalAveragePool():
            return 1.0 / positions**2
        case Flatten():
            return 1.0 / positions
        case _:
            return 1.0
