"""Which tasks are real data: a finite set of samples that somebody measured."""

import dataclasses
from pathlib import Path

from carnotlab.tasks.arrays import ArrayTask
from carnotlab.tasks.base import Task
from carnotlab.tasks.cifar10 import ImageSubset
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.moved_digits import MovedDigits
from carnotlab.tasks.user_file import FileTask


def real_data_name(task: Task) -> str | None:
    """Return the name of the data that a task is made of; None for what is made up.

    Tasks that change another (labels, inputs) are named after it. Tables of items have no samples
    held out and are none of these: a linear model of one-hot items repeats whatever it was taught.

    >>> from carnotlab.tasks.gaussian_regression import GaussianRegression
    >>> from carnotlab.tasks.label_noise import NoisyLabels
    >>> real_data_name(NoisyLabels(Digits(), 0.2)), real_data_name(GaussianRegression(3, 8))
    ('digits, NoisyLabels', None)
    """
    match task:
        case Digits():
            few = "" if task.classes is None else f" {task.classes}"
            return f"digits{few}{', noisy labels' if task.label_noise else ''}"
        case MovedDigits():
            return "digits, moved"
        case ImageSubset() | FileTask():
            return Path(task.path).stem
        case ArrayTask():
            return task.name
        case _:
            inner = _changed(task)
            name = None if inner is None else real_data_name(inner)
            return None if name is None else f"{name}, {type(task).__name__}"


def _changed(task: Task) -> Task | None:
    """Return the task that a task changes, where it is made of another."""
    if dataclasses.is_dataclass(task):
        for field in dataclasses.fields(task):
            value = getattr(task, field.name)
            if isinstance(value, Task):
                return value
    return None
