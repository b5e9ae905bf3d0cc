"""One task learned after another by the same networks, against a theory that saw the start only."""

import time
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure, State
from carnotlab.networks.initialisation import given
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.base import Task
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.theories.deep_linear.matrix_riccati import TwoLayerCourse
from carnotlab.theories.deep_linear.prior_knowledge import (
    PriorKnowledge,
    course_on_task,
    seen_in_task,
    two_layers,
)
from carnotlab.training.train import train

FIRST = Quantity("first_layer", ("unit", "input"), "1", "matrix of the first layer")
SECOND = Quantity("second_layer", ("output", "unit"), "1", "matrix of the second layer")


def _first(state: State, data: Data) -> Float[Array, "unit input"]:
    del data
    return state.model.factors(state.weights)[0]


def _second(state: State, data: Data) -> Float[Array, "output unit"]:
    del data
    return state.model.factors(state.weights)[1]


layers = (Measure(FIRST, _first), Measure(SECOND, _second))
"""Both matrices of a two-layer linear network: what is handed on to the next task."""


@dataclass(frozen=True)
class OtherTargets(Task):
    """The inputs of one linear map with the targets of another, times ``factor``."""

    inputs: LinearMap
    targets: LinearMap
    factor: float = 1.0

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return self.inputs.input_shape

    @property
    def output_size(self) -> int:
        """Number of outputs."""
        return self.targets.output_size

    def data(self) -> Data:
        """Return the inputs with their other targets."""
        return Data(*(self._retargeted(batch) for batch in self.inputs.data()))

    def _retargeted(self, batch: Batch) -> Batch:
        return Batch(batch.x, self.factor * (np.asarray(batch.x) @ self.targets.matrix.T))


@dataclass(frozen=True)
class TaskSwitch(Computable):
    """Networks that learn ``before`` and then ``after``, from where they are.

    Both share inputs, network and seeds; the second starts from the weights that training left.
    The prediction continues its own end of the first task and never sees those weights. Modes are
    those of the second task throughout.
    """

    before: Experiment
    after: Experiment
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """A digest of both descriptions, the seeds, code, versions and devices."""
        return result_key(type(self), self.before, self.after, self.seeds)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return self.after.training.precision

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Predict both tasks in one go, then train one after the other."""
        del store
        began = time.perf_counter()
        theory = PriorKnowledge()
        start = self.before.start(self.seeds)
        courses = [
            self._predicted(first, second) for first, second in two_layers(self.before, start)
        ]
        clock = self._clock()
        prediction = seen_in_task(self.after.task, courses, {"time": clock})
        checks = theory.check(self.before, start)
        measures = theory.measures(self.after)
        learned = train(self.before, (*measures, *layers), self.seeds)
        if progress is not None:
            progress(0.5)
        left = [np.asarray(learned[q.name].isel(time=-1).values) for q in (FIRST, SECOND)]
        network = replace(self.after.network, initialisation=given(left))
        again = train(replace(self.after, network=network), measures, range(len(self.seeds)))
        names = [measure.quantity.name for measure in measures]
        parts = [each[names].drop_vars("epochs", errors="ignore") for each in (learned, again)]
        parts[1] = parts[1].assign_coords(seed=learned["seed"]).isel(time=slice(1, None))
        observation = xr.concat(parts, "time", coords="minimal", join="override")
        observation = observation.assign_coords(time=clock, flow_time=("time", clock))
        return RunResult(prediction, observation, checks, time.perf_counter() - began)

    def _clock(self) -> Float[np.ndarray, " time"]:
        first, second = self.before.training, self.after.training
        return np.concatenate([first.flow_times, first.flow_times[-1] + second.flow_times[1:]])

    def _predicted(
        self, first: Float[np.ndarray, "unit input"], second: Float[np.ndarray, "output unit"]
    ) -> TwoLayerCourse:
        before = course_on_task(self.before.task, self.before.training.flow_times, (first, second))
        after = course_on_task(self.after.task, self.after.training.flow_times, before.end)
        return TwoLayerCourse(
            np.concatenate([before.first, after.first[1:]]),
            np.concatenate([before.second, after.second[1:]]),
        )
