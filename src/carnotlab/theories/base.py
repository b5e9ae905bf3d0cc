"""What a theory is: assumptions that can be measured, and a prediction from a description."""

from abc import ABC, abstractmethod
from typing import ClassVar

import xarray as xr

from carnotlab.core.assumptions import Assumption, Check
from carnotlab.core.errors import InputError
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.networks.finite import Weights

TheoryAssumption = Assumption[Experiment, Weights]


def require_start(start: Weights | None, given: str = "a start without its weights") -> Weights:
    """Return the weights at time zero.

    Raises:
        InputError: if there are none; ``given`` says what was given instead.

    >>> require_start(None)
    Traceback (most recent call last):
    ...
    carnotlab.core.errors.InputError: Got a start without its weights; required: the weights at
    time zero; pass start=experiment.start(seeds).
    """
    if start is None:
        raise InputError(given, "the weights at time zero", "pass start=experiment.start(seeds)")
    return start


class Theory(ABC):
    """Predicts quantities of an experiment from its description and, at most, its start.

    A theory never sees the run it is judged on. ``start`` holds the stored weights at time zero
    with a leading dimension over seeds (`Experiment.start`); a prediction made from it has that
    ``seed`` dimension too. Subclasses are final: theories do not inherit from one another.
    """

    name: ClassVar[str]
    claim: ClassVar[str]
    references: ClassVar[tuple[str, ...]]
    predicts: ClassVar[tuple[Quantity, ...]]
    assumptions: ClassVar[tuple[TheoryAssumption, ...]]
    of_averages: ClassVar[bool] = False
    """Whether it predicts averages over starts, rather than each member of an ensemble."""

    @abstractmethod
    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict at the experiment's record times.

        Returns:
            A dataset with the names, dimensions and units of `predicts`, behind ``time`` and,
            where the prediction depends on the start, ``seed``.

        Raises:
            OutOfReachError: if the theory says nothing about such an experiment.
        """

    @abstractmethod
    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measures that observe the predicted quantities in training."""

    def check(self, experiment: Experiment, start: Weights) -> tuple[Check, ...]:
        """Measure every assumption on the experiment and its start."""
        return tuple(assumption.check(experiment, start) for assumption in self.assumptions)
