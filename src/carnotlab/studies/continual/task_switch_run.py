"""A deep linear network that learns one map, then another, then the first again."""

import itertools
import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.layer_matrices import END_TO_END_MAP
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Balanced
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.linear_networks import trained_maps
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.theories.deep_linear.end_to_end_flow import end_to_end_course
from carnotlab.theories.deep_linear.factors import Factors, end_to_end, starting_factors
from carnotlab.theories.deep_linear.matrix_riccati import two_layer_course

PHASES = ("first map", "second map", "first map again")


@dataclass(frozen=True)
class TaskSwitchRun(Computable):
    """Two or more layers, balanced small start, whitened inputs, maps unrelated to each other.

    The prediction restarts the exact course of two layers (Riccati) or the end-to-end flow of more
    at each switch. With ``ignorant`` it starts each map from the first start, as if nothing had
    been learned before: what a theory of single tasks would say.
    """

    depth: int
    ignorant: bool = False
    inputs: int = 6
    outputs: int = 5
    strengths: tuple[float, ...] = (2.0, 1.0)
    width: int = 8
    start: float = 0.02
    duration: float = 8.0
    step: float = 0.02
    records: int = 60
    networks: int = 4

    @property
    def maps(self) -> tuple[Float[np.ndarray, "out in"], ...]:
        """The map of each phase."""
        first, second = (
            LinearMap(self.inputs, self.outputs, self.strengths, seed=seed).matrix
            for seed in (0, 1)
        )
        return first, second, first

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("task switches", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train through the switches; the prediction sees the weights at time zero."""
        del store, progress
        began = time.perf_counter()
        experiment = self._experiment()
        x = np.asarray(experiment.task.data().train.x)
        seen = trained_maps(
            experiment,
            np.stack([x] * 3)[None].repeat(self.networks, 0),
            np.stack([x @ each.T for each in self.maps])[None].repeat(self.networks, 0),
        )
        observed = seen.reshape(self.networks, -1, self.outputs, self.inputs)
        starts = starting_factors(experiment, experiment.start(tuple(range(self.networks))))
        flow = experiment.training.flow_times
        expected = np.stack([self._expected(factors, flow) for factors in starts])
        clock = np.concatenate([flow + phase * flow[-1] for phase in range(3)])
        phase = np.repeat(np.arange(3), len(flow))
        coords = {"flow_time": ("time", clock), "phase": ("time", phase)}
        checks = (
            Check(
                "balanced start",
                "W'W of each layer equals WW' of the one before; |difference| over the layer's own",
                _imbalance(starts),
                0.01,
            ),
            Check(
                "small steps",
                "learning rate times the largest curvature at the solution",
                self.step,
                0.1,
            ),
            Check(
                "prior knowledge counted",
                "courses start where the last task ended: 0 if so",
                float(self.ignorant),
                0.0,
            ),
        )
        return RunResult(
            END_TO_END_MAP.label(expected, ("seed", "time"), coords).to_dataset(),
            END_TO_END_MAP.label(observed, ("seed", "time"), coords).to_dataset(),
            checks,
            time.perf_counter() - began,
        )

    def _expected(
        self, factors: Factors, flow: Float[np.ndarray, " time"]
    ) -> Float[np.ndarray, "time out in"]:
        parts: list[Float[np.ndarray, "time out in"]] = []
        if self.depth == 2:
            first, second = factors
            for target in self.maps:
                course = two_layer_course(flow, target, first, second)
                parts.append(course.maps)
                first, second = factors if self.ignorant else course.end
        else:
            start = now = end_to_end(factors)
            for target in self.maps:
                parts.append(end_to_end_course(now, target, np.eye(self.inputs), self.depth, flow))
                now = start if self.ignorant else parts[-1][-1]
        return np.concatenate(parts)

    def _experiment(self) -> Experiment:
        task = LinearMap(self.inputs, self.outputs, self.strengths)
        strongest = max(self.strengths)
        rate = self.step / (self.depth * strongest ** (2.0 - 2.0 / self.depth))
        training = Training(
            GradientDescent(rate),
            float(round(self.duration / rate)),
            record=Evenly(self.records),
            precision="float64",
        )
        hidden = [self.width] * (self.depth - 1)
        network = deep_linear(
            self.inputs, hidden, self.outputs, initialisation=Balanced(self.start)
        )
        return Experiment(task, network, training)


def _imbalance(starts: tuple[Factors, ...]) -> float:
    """Return the largest relative imbalance of neighbouring layers, over all members."""
    found = [
        float(np.linalg.norm(after.T @ after - before @ before.T) / np.linalg.norm(after.T @ after))
        for factors in starts
        for before, after in itertools.pairwise(factors)
    ]
    return max(found, default=0.0)


def loss_on(
    target: Float[np.ndarray, "out in"], maps: Float[np.ndarray, "*lead out in"]
) -> Float[np.ndarray, "*lead"]:
    """Return the loss of linear maps on a target map, whitened inputs.

    >>> loss_on(np.eye(2), np.zeros((2, 2))).item()
    1.0
    """
    return 0.5 * np.sum((maps - target) ** 2, axis=(-2, -1))
