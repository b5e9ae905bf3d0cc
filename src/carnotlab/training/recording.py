"""What training keeps: each measure of a member on its way, and when it diverged or stopped."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Array, Int

from carnotlab.core.data import Data
from carnotlab.experiment.losses import Loss, loss_function
from carnotlab.measures.base import Measure, State
from carnotlab.networks.finite import Model
from carnotlab.training.descent import Outcome

Counted: TypeAlias = Callable[[State, Data, Int[Array, ""]], Any]
"""A measure of a member that has but the first so many of the training samples."""

Variables: TypeAlias = dict[str, Any]


def recorder(
    measures: Sequence[Measure], loss: Loss, counted: Mapping[Measure, Counted] | None = None
) -> Callable[..., dict[str, Any]]:
    """Return what takes all measures of a member's state, as `descend` and `flow` ask for it.

    Where it is given a member's number of samples, measures in ``counted`` become those there.
    """
    function = loss_function(loss)
    those = counted or {}

    def record(model: Model, now: Any, start: Any, data: Data, *count: Any) -> dict[str, Any]:
        state = State(model, now, start, function)
        return {
            each.quantity.name: those[each](state, data, *count)
            if count and each in those
            else each.fn(state, data)
            for each in measures
        }

    return record


def labelled_facts(outcome: Outcome, dims: tuple[str, ...], unit: str) -> Variables:
    """Return when members diverged and stopped, as variables of a dataset."""

    def fact(values: Any, meaning: str) -> tuple[Any, ...]:
        return (dims, np.asarray(values), {"units": unit, "long_name": f"{meaning} (-1: never)"})

    return {
        "diverged_at": fact(outcome.diverged_at, "when the loss stopped being finite"),
        "stopped_at": fact(outcome.stopped_at, "when early stopping froze the weights"),
    }
