"""A network's layers as a short list of steps on a few buffers, which one compiled loop follows."""

from dataclasses import dataclass
from typing import TypeAlias

from carnotlab.networks.infinite.engine.loops.codes import Operation
from carnotlab.networks.infinite.gains import Gain
from carnotlab.networks.layers import (
    AveragePool,
    Flatten,
    GlobalAveragePool,
    GlobalSumPool,
    SumPool,
)

Axes: TypeAlias = tuple[int, int]
"""One number for rows and one for columns; what has one axis of positions is a single row."""

Ending: TypeAlias = AveragePool | SumPool | GlobalAveragePool | GlobalSumPool | Flatten
"""Layers that bring several displacements together; between them each goes its own way."""

ONCE: Axes = (1, 1)


NO_GAIN = Gain(1.0, 0.0, 0.0, 0.0)


class NotCoveredError(Exception):
    """A layer that the engine leaves to the general recursion."""


@dataclass(frozen=True)
class Level:
    """Positions, and by how much strides since the stage's start have thinned them out."""

    lengths: Axes
    thinning: Axes = ONCE


@dataclass(frozen=True)
class Step:
    """What happens to one buffer, or from one to another. Levels count from the stage's first."""

    operation: Operation
    source: int
    target: int
    before: int
    behind: int
    deviation: int = 0
    """Which of the standard deviations noted for each image it needs."""
    size: Axes = ONCE
    stride: Axes = ONCE
    pad: Axes = (0, 0)
    wraps: tuple[bool, bool] = (False, False)
    no_tangent: bool = False
    """Whether the tangent kernel is still zero in front of it."""
    together: bool = False
    """Of a convolution: with the activation behind it. Of a layer norm: over all positions."""
    gain: Gain = NO_GAIN
    slopes: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Of the activation: below, above and at zero."""
    scale: float = 1.0


@dataclass
class Stage:
    """Steps that every displacement takes by itself; the last one leaves it in the first buffer."""

    steps: list[Step]
    levels: list[Level]
    axes: int
    """How many axes of positions there are: 0 behind what leaves a single one."""
    ending: Ending | None = None
    """Without one, a single position is left, whose kernels are the network's."""

    @property
    def end(self) -> int:
        """Level behind the last step."""
        return self.steps[-1].behind

    @property
    def positions(self) -> tuple[int, ...]:
        """Positions at the end along each axis there is."""
        return self.levels[self.end].lengths[2 - self.axes :]

    @property
    def buffers(self) -> int:
        """How many buffers the steps use."""
        return 1 + max(max(step.source, step.target) for step in self.steps)


@dataclass(frozen=True)
class Program:
    """All stages, and how many deviations of each image they need."""

    stages: tuple[Stage, ...]
    deviations: int
