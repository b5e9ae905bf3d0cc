"""What every task offers: samples to train on, samples held out, fresh samples if it can."""

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Array, Key

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import OutOfReachError


class Task(ABC):
    """A frozen, hashable description of data; subclasses are frozen dataclasses.

    The same description always gives the same `data`, bit for bit: random draws come from a seed
    that is a field of the description, so an ensemble varies weights and batches, not the data.
    """

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input."""

    @property
    @abstractmethod
    def output_size(self) -> int:
        """Number of outputs (classes, for a classification)."""

    @property
    def is_classification(self) -> bool:
        """Whether targets are one-hot classes, so that an accuracy is defined."""
        return False

    @abstractmethod
    def data(self) -> Data:
        """Return the training and held-out samples, float64."""

    def sample(self, key: Key[Array, ""], n: int) -> Batch:
        """Draw ``n`` fresh samples, traceable by JAX; only where the task is a distribution.

        Raises:
            OutOfReachError: if the task is a finite data set.
        """
        del key, n
        raise OutOfReachError(
            f"online sampling from {type(self).__name__}, which is a finite data set",
            "a task that is a distribution",
            "use a synthetic task, or train in minibatches",
        )

    @property
    def input_size(self) -> int:
        """Number of entries of one input."""
        return int(np.prod(self.input_shape))
