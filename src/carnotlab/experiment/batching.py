"""Which samples each step sees, as plain data."""

from dataclasses import dataclass
from typing import TypeAlias

from carnotlab.core.errors import require_positive


@dataclass(frozen=True)
class FullBatch:
    """Every step sees the whole training set."""


@dataclass(frozen=True)
class Minibatch:
    """Every step sees ``size`` training samples.

    Without replacement, an epoch is a new random order of the training set cut into batches, and
    the remainder that fills no batch is left out of that epoch. With replacement, samples are
    drawn independently.
    """

    size: int
    replacement: bool = False

    def __post_init__(self) -> None:
        require_positive("size", self.size)


@dataclass(frozen=True)
class Online:
    """Every step sees ``size`` fresh samples of the task, never seen again."""

    size: int = 1

    def __post_init__(self) -> None:
        require_positive("size", self.size)


Batching: TypeAlias = FullBatch | Minibatch | Online
