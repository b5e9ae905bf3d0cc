"""What arms without a cost function share: a simulated system beside its own theory."""

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.errors import mean_of
from carnotlab.studies.study import Statistic

Values = Mapping[Quantity, Float[np.ndarray, "..."]]
Error = Callable[[RunResult], Statistic]


class Found(NamedTuple):
    """What was seen, ``[seed, *dims]``, what was predicted, ``[*dims]`` or by seed, and checks."""

    seen: Values
    predicted: Values
    checks: tuple[Check, ...] = ()
    coords: Mapping[str, Any] = {}


class Simulation(Computable):
    """An arm that simulates a system and predicts it by separate functions of its description."""

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key(type(self).__name__, self)

    @abstractmethod
    def find(self) -> Found:
        """Simulate and predict."""

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Return what `find` found, labelled."""
        del store, progress
        began = time.perf_counter()
        found = self.find()
        wanted = _labelled(found.predicted, found.coords)
        there = _labelled(found.seen, found.coords)
        return RunResult(wanted, there, found.checks, time.perf_counter() - began)


def seen(result: RunResult, quantity: Quantity) -> Float[np.ndarray, "seed *dims"]:
    """Return what was seen of a quantity."""
    return np.asarray(result.observation[quantity.name].values, dtype=np.float64)


def predicted(result: RunResult, quantity: Quantity) -> Float[np.ndarray, "seed *dims"]:
    """Return what was predicted, once where all members have one prediction."""
    array = result.prediction[quantity.name]
    values = np.asarray(array.values, dtype=np.float64)
    return values if "seed" in array.dims else values[None]


def apart(
    quantity: Quantity,
    *,
    relative: bool = False,
    part: Any = ...,
    instead: Any = None,
    wanted: float | None = None,
) -> Error:
    """Return the error that is the largest distance of the mean over members from its prediction.

    ``relative`` to the prediction; ``part`` indexes the quantity's own dimensions, and ``instead``,
    if given, those of the prediction; ``wanted`` takes the prediction's place, if given.
    """

    def error(result: RunResult) -> Statistic:
        there = _part(seen(result, quantity), part)
        expected = np.full((1, 1), wanted)
        if wanted is None:
            expected = _part(predicted(result, quantity), part if instead is None else instead)
        gap = there - expected
        scale = np.abs(expected.mean(axis=0)) if relative else 1.0
        return lambda rows: float(np.max(np.abs(np.mean(gap[rows], axis=0)) / scale))

    return error


def course_apart(quantity: Quantity, *, part: Any = ...) -> Error:
    """Return the error that is the norm of the gap over that of the prediction, mean of members."""

    def error(result: RunResult) -> Statistic:
        there, wanted = (_part(each(result, quantity), part) for each in (seen, predicted))
        sizes = np.linalg.norm(there - wanted, axis=1) / np.linalg.norm(wanted, axis=1)
        return mean_of(sizes)

    return error


def level(quantity: Quantity, part: Any = ...) -> Error:
    """Return the error that is the largest of some values, each its mean over members, or 0."""

    def error(result: RunResult) -> Statistic:
        there = _part(seen(result, quantity), part)
        return lambda rows: float(np.max(np.mean(there[rows], axis=0), initial=0.0))

    return error


def slope(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, "*lead n"]
) -> Float[np.ndarray, "*lead"]:
    """Return the least-squares slope of y over x.

    >>> slope(np.arange(3.0), np.array([1.0, 3.0, 5.0])).item()
    2.0
    """
    centred = x - x.mean()
    return np.asarray(y @ centred / (centred @ centred))


def _part(values: Float[np.ndarray, "seed *dims"], part: Any) -> Float[np.ndarray, "seed some"]:
    """Return what ``part`` picks of each member, flat."""
    index = part if isinstance(part, tuple) else (part,)
    return values[(slice(None), *index)].reshape(len(values), -1)


def _labelled(values: Values, coords: Mapping[str, Any]) -> xr.Dataset:
    there = {name for quantity in values for name in quantity.dims}
    return labelled(values, ("seed",), {name: coords[name] for name in coords if name in there})
