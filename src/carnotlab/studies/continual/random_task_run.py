"""Networks trained on one random task after another, held against the mean over inputs."""

import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.layer_matrices import END_TO_END_MAP, end_to_end_matrix
from carnotlab.measures.losses import TRAIN_LOSS, train_loss
from carnotlab.networks.initialisation import Balanced
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.linear_networks import one_layer
from carnotlab.theories.continual.random_tasks import expected_distances, teachers_with_overlap
from carnotlab.training.consecutive import train_consecutively

DISTANCE = Quantity(
    "distance", ("task",), "1", "squared distance of the weights from a task's teacher"
)


@dataclass(frozen=True)
class RandomTaskRun(Computable):
    """Linear networks on tasks whose teachers have one ``overlap``; time counts tasks learned.

    Inputs are drawn for each network and task, or ``repeated``: for each network once, the same in
    all tasks. The prediction takes the teachers as they are, or to have the overlap ``assumed``.
    """

    size: int
    samples: int
    tasks: int
    overlap: float
    noise: float = 0.0
    repeated: bool = False
    assumed: float | None = None
    networks: int = 64
    steps: int = 200

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("random tasks", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train on all tasks in turn; the prediction knows teachers and sizes only."""
        del store, progress
        began = time.perf_counter()
        teachers = teachers_with_overlap(self.tasks, self.size, self.overlap)
        x, y = self._samples(teachers)
        largest = float(np.linalg.norm(x, 2, axis=(2, 3)).max()) ** 2 / self.samples
        training = Training(
            GradientDescent(1.0 / largest),
            self.steps,
            record=At((0.0, float(self.steps))),
            precision="float64",
        )
        seen = train_consecutively(
            one_layer(self.size, self.samples, Balanced(1e-9), training),
            Data(Batch(x, y), Batch(x, y)),
            (end_to_end_matrix, train_loss),
            tuple(range(self.networks)),
        )
        maps = seen[END_TO_END_MAP.name][:, :, :, 0, :]
        weights = np.concatenate([maps[:, :1, 0], maps[:, :, -1]], axis=1)
        distances = np.sum((weights[:, :, None] - teachers) ** 2, axis=-1)
        believed = self.overlap if self.assumed is None else self.assumed
        expected = expected_distances(
            teachers_with_overlap(self.tasks, self.size, believed), self.samples, self.noise
        )
        left = float(np.max(seen[TRAIN_LOSS.name][:, :, -1]))
        times = {"time": np.arange(self.tasks + 1)}
        checks = (
            Check(
                "tasks learned",
                "training ends with no loss on any task: the largest loss at the end of one",
                left,
                1e-3,
            ),
            Check(
                "fresh inputs",
                "inputs of different tasks are independent: 0 if so, 1 if they are the same",
                float(self.repeated),
                0.0,
            ),
            Check(
                "teachers known",
                "difference of the teachers' overlap from the one that is assumed",
                abs(believed - self.overlap),
                0.0,
            ),
        )
        return RunResult(
            DISTANCE.label(expected, ("time",), times).to_dataset(),
            DISTANCE.label(distances, ("seed", "time"), times).to_dataset(),
            checks,
            time.perf_counter() - began,
        )

    def _samples(
        self, teachers: Float[np.ndarray, "tasks p"]
    ) -> tuple[Float[np.ndarray, "seed task n p"], Float[np.ndarray, "seed task n 1"]]:
        random = np.random.default_rng([self.size, self.samples, 5])
        shape = (self.networks, self.tasks, self.samples, self.size)
        x = random.standard_normal(shape)
        if self.repeated:
            x = np.broadcast_to(x[:, :1], shape)
        noise = np.sqrt(self.noise) * random.standard_normal(shape[:3])
        y = np.einsum("stnp,tp->stn", x, teachers) + noise
        return np.ascontiguousarray(x), y[..., None]
