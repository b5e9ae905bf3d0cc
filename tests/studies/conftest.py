"""Runs with arrays made by hand, so that errors between theory and experiment are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from carnotlab.core.quantities import Quantity
from carnotlab.runs.run import RunResult


def made_result(
    quantity: Quantity, observed: np.ndarray, predicted: np.ndarray, **extra: tuple
) -> RunResult:
    """Return a run of ``observed [seed, time, …]`` against ``predicted [time, …]``."""
    times = np.arange(observed.shape[1], dtype=float)
    prediction = quantity.label(predicted, ("time",), {"time": times}).to_dataset()
    for other, values in extra.values():
        prediction[other.name] = other.label(values, ("seed", "time"))
    observation = quantity.label(observed, ("seed", "time"), {"time": times}).to_dataset()
    observation = observation.assign_coords(flow_time=("time", times))
    return RunResult(prediction, observation, (), 0.0)


@pytest.fixture
def make() -> SimpleNamespace:
    return SimpleNamespace(result=made_result, rows=np.arange)
