"""Tasks made of another task by a change of its samples."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache

from carnotlab.core.data import Data
from carnotlab.tasks.base import Task


@dataclass(frozen=True)
class ChangedTask(Task):
    """A task whose samples are those of another, changed, with inputs and targets of their shapes.

    Subclasses are frozen dataclasses that say what `changed` does, and which shapes it changes.
    """

    task: Task

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return self.task.input_shape

    @property
    def output_size(self) -> int:
        """Number of outputs."""
        return self.task.output_size

    @property
    def is_classification(self) -> bool:
        """Whether targets are one-hot classes."""
        return self.task.is_classification

    def data(self) -> Data:
        """Return the samples as they are changed, read-only float64."""
        return _data(self)

    @abstractmethod
    def changed(self, data: Data) -> Data:
        """Return the samples of the other task changed."""


@lru_cache(maxsize=16)
def _data(task: ChangedTask) -> Data:
    return task.changed(task.task.data())
