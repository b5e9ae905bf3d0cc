r"""Which displacements between two positions each stage is run at, and what pooling does to them.

A convolution of stride :math:`s` takes a displacement :math:`s\,d` to :math:`d`, so what a stage
needs at its end says what it needs at its start, and no two displacements meet before its end.
Displacements are counted modulo the number of positions (more where edges lose some), so that
every one of them fills a whole image.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float, Int

from carnotlab.networks.infinite.engine.program import NotCoveredError, Program, Stage
from carnotlab.networks.layers import AveragePool, GlobalAveragePool, GlobalSumPool, SumPool
from carnotlab.networks.windows import window

Wanted: TypeAlias = tuple[list[int], list[int]]
"""Displacements at the end of a stage, along rows and along columns; all pairs of them."""


class Moduli(NamedTuple):
    """What displacements along one axis are counted by, one number for each level of a stage."""

    lengths: tuple[int, ...]
    moduli: tuple[int, ...]
    factors: tuple[int, ...]
    """By how much a displacement at the stage's end is larger here."""


class Pooled(NamedTuple):
    """What a pool adds along one axis: positions of displacements, sorted by these."""

    displacement: Int[np.ndarray, " n"]
    """At the stage's end, modulo its modulus."""
    position: Int[np.ndarray, " n"]
    place: Int[np.ndarray, " n"]
    """Of the next stage's displacement among those wanted."""
    next_position: Int[np.ndarray, " n"]
    weight: Float[np.ndarray, " n"]


def moduli(stage: Stage, axis: int) -> Moduli:
    """Return what displacements along an axis are counted by.

    Raises:
        NotCoveredError: if a circular axis shares its stage with a filter that loses positions.

    >>> from carnotlab.networks.infinite.engine.program import Level, Operation, Step
    >>> step = Step(Operation.CONVOLVE, 0, 1, 0, 1, stride=(2, 2))
    >>> moduli(Stage([step], [Level((7, 7)), Level((4, 4), (2, 2))], 2), 0)
    Moduli(lengths=(7, 4), moduli=(8, 4), factors=(2, 1))
    """
    end = stage.levels[stage.end]
    lengths = tuple(level.lengths[axis] for level in stage.levels)
    factors = tuple(end.thinning[axis] // level.thinning[axis] for level in stage.levels)
    smallest = max(-(-n // factor) for n, factor in zip(lengths, factors, strict=True))
    counts = tuple(smallest * factor for factor in factors)
    for step in stage.steps:
        if step.wraps[axis] and any(
            counts[level] != lengths[level] for level in (step.before, step.behind)
        ):
            raise NotCoveredError
    return Moduli(lengths, counts, factors)


def possible(length: int, count: int) -> list[int]:
    """Return the displacements modulo ``count`` between positions of an axis.

    >>> possible(3, 7)
    [0, 1, 2, 5, 6]
    """
    return [d for d in range(count) if d < length or d > count - length]


def wanted(its: Program, last: int, complete: bool) -> list[Wanted]:
    """Return the displacements at the ends of all stages up to the one numbered ``last``.

    ``complete`` is whether all of that stage's end is wanted, else equal positions alone.
    """
    found: list[Wanted] = [at_total(its.stages[last]) if complete else ([0], [0])]
    for index in range(last - 1, -1, -1):
        stage, following = its.stages[index], its.stages[index + 1]
        if isinstance(stage.ending, AveragePool | SumPool):
            rows, columns = (
                np.unique(pooled(stage, following, axis, found[0][axis]).displacement).tolist()
                for axis in (0, 1)
            )
            found.insert(0, (rows, columns))
        else:
            found.insert(0, at_total(stage))
    return found


def at_total(stage: Stage) -> Wanted:
    """Return the displacements at the end of a stage that brings all positions together."""
    if not isinstance(stage.ending, GlobalAveragePool | GlobalSumPool):
        return ([0], [0])
    rows, columns = (moduli(stage, axis) for axis in (0, 1))
    return (
        possible(rows.lengths[stage.end], rows.moduli[stage.end]),
        possible(columns.lengths[stage.end], columns.moduli[stage.end]),
    )


def pooled(stage: Stage, following: Stage, axis: int, displacements: list[int]) -> Pooled:
    """Return what the pool between two stages adds along an axis.

    ``displacements`` are those wanted at the end of the ``following`` stage.
    """
    here, there = moduli(stage, axis), moduli(following, axis)
    length, count = here.lengths[stage.end], here.moduli[stage.end]
    size, stride, pad, circular = _window(stage, axis)
    # Axes: displacement, position behind the pool, places in the first and the second window.
    shift = np.array(displacements)[:, None, None, None] * there.factors[0]
    first = np.arange(there.lengths[0])[None, :, None, None]
    second = (first + shift) % there.moduli[0]
    p = first * stride - pad + np.arange(size)[:, None]
    q = second * stride - pad + np.arange(size)
    if circular:
        p, q = p % length, q % length
    p_there, q_there = (p >= 0) & (p < length), (q >= 0) & (q < length)
    weight = 1.0
    if isinstance(stage.ending, AveragePool):
        counts = p_there.sum(2, keepdims=True), q_there.sum(3, keepdims=True)
        weight = 1.0 / (np.maximum(counts[0], 1) * np.maximum(counts[1], 1))
    which = np.nonzero((second < there.lengths[0]) & p_there & q_there)
    shape = (len(displacements), there.lengths[0], size, size)
    p, q, weight = (np.broadcast_to(values, shape)[which] for values in (p, q, weight))
    displacement = (q - p) % count
    order = np.argsort(displacement, kind="stable")
    columns = (displacement, p, which[0], which[1], weight)
    return Pooled(*(values[order] for values in columns))


def _window(stage: Stage, axis: int) -> tuple[int, int, int, bool]:
    """Return size, stride, pad and whether the pool goes around, along one of two axes."""
    assert isinstance(stage.ending, AveragePool | SumPool)
    its = window(stage.ending, stage.positions)
    at = axis - (2 - len(its.size))
    return (
        (1, 1, 0, False)
        if at < 0
        else (its.size[at], its.stride[at], its.pads[at][0], its.circular)
    )
