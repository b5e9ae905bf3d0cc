"""Networks whose first layer is trained to reconstruct its inputs before the task begins."""

import time
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Batch, Data
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.times import At
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Given, given
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.deep_linear.task_switch import FIRST, layers
from carnotlab.tasks.base import Task
from carnotlab.theories.base import Theory
from carnotlab.training.train import train

FirstLayer: TypeAlias = Literal["reconstruction", "random"]


@dataclass(frozen=True)
class Reconstruction(Task):
    """The inputs of another task as their own targets: learning without a teacher."""

    of: Task

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return self.of.input_shape

    @property
    def output_size(self) -> int:
        """Number of inputs."""
        return self.of.input_size

    def data(self) -> Data:
        """Return the other task's inputs, twice."""
        return Data(*(Batch(batch.x, batch.x) for batch in self.of.data()))


@dataclass(frozen=True)
class PretrainedRun(Computable):
    """Networks that start a task from a first layer of size one and a small random second one.

    ``first_layer`` comes from reconstructing the inputs for ``pretraining`` steps, at the task's
    rate and from the task's own start, or is random, of the same norm as one that has learned:
    one for each hidden unit. ``second`` is the standard deviation of the second layer's entries.
    """

    experiment: Experiment
    theory: Theory
    seeds: tuple[int, ...]
    first_layer: FirstLayer
    pretraining: int
    second: float

    @property
    def key(self) -> str:
        """A digest of the description, the seeds, code, versions and devices."""
        theory = type(self.theory).__name__, self.theory
        rest = self.first_layer, self.pretraining, self.second
        return result_key(type(self), self.experiment, *theory, self.seeds, *rest)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return self.experiment.training.precision

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Make the first layer, then predict, check and train; theory sees time zero only."""
        del store
        began = time.perf_counter()
        start_of = self._start()
        if progress is not None:
            progress(0.5)
        network = replace(self.experiment.network, initialisation=start_of)
        experiment = replace(self.experiment, network=network)
        members = tuple(range(len(self.seeds)))
        start = experiment.start(members)
        prediction = self.theory.predict(experiment, start)
        checks = self.theory.check(experiment, start)
        observation = train(experiment, self.theory.measures(experiment), members)
        observation = observation.assign_coords(seed=list(self.seeds))
        return RunResult(prediction, observation, checks, time.perf_counter() - began)

    def _start(self) -> Given:
        network = self.experiment.network
        hidden, outputs = network.maps[0].outputs, network.outputs
        first = (
            self._pretrained(hidden)
            if self.first_layer == "reconstruction"
            else np.stack([self._random(seed, hidden) for seed in self.seeds])
        )
        shape = (outputs, hidden)
        second = [np.random.default_rng([seed, 2]).normal(size=shape) for seed in self.seeds]
        return given([first, self.second * np.stack(second)])

    def _pretrained(self, hidden: int) -> Float[np.ndarray, "seed hidden in"]:
        task, training = Reconstruction(self.experiment.task), self.experiment.training
        size = task.input_size
        start = self.experiment.network.initialisation
        learner = Experiment(
            task,
            deep_linear(size, (hidden,), size, initialisation=start),
            replace(training, duration=self.pretraining, record=At((float(self.pretraining),))),
        )
        found = train(learner, layers[:1], self.seeds)
        return np.asarray(found[FIRST.name].isel(time=-1).values, dtype=np.float64)

    def _random(self, seed: int, hidden: int) -> Float[np.ndarray, "hidden in"]:
        rng = np.random.default_rng([seed, 1])
        first = rng.normal(size=(hidden, self.experiment.task.input_size))
        return first * np.sqrt(hidden) / np.linalg.norm(first)
