"""Networks trained on two tasks in turn, each held against its own principal angles."""

import time
from dataclasses import dataclass

import numpy as np

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TEST_LOSS, TRAIN_LOSS, test_loss, train_loss
from carnotlab.networks.initialisation import Balanced
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.linear_networks import one_layer
from carnotlab.theories.continual.alternating_tasks import principal_angles, residual_after
from carnotlab.training.consecutive import train_consecutively

FORGOTTEN = Quantity("forgotten", (), "loss", "loss on the first task after learning the second")


@dataclass(frozen=True)
class AlternatingRun(Computable):
    """Linear networks on tasks A, B, A, B, …, whose inputs are alike to the degree ``similarity``.

    Inputs of B are those of A times the similarity plus fresh ones. ``conflict`` is the distance of
    B's teacher from A's, over its length: 0 where one network can do both. Time counts rounds.
    """

    size: int
    samples: int
    rounds: int
    similarity: float
    conflict: float = 0.0
    networks: int = 16
    steps: int = 600

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("alternating tasks", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train in turn; the prediction knows the inputs, A's teacher and the start of zero."""
        del store, progress
        began = time.perf_counter()
        random = np.random.default_rng([self.size, self.samples, 8])
        shape = (self.networks, self.samples, self.size)
        first, fresh = random.standard_normal((2, *shape))
        # Orthonormal inputs of A and nearly so of B keep training short; angles are as they come.
        first = np.linalg.qr(first.transpose(0, 2, 1))[0].transpose(0, 2, 1)
        fresh = np.linalg.qr(fresh.transpose(0, 2, 1))[0].transpose(0, 2, 1)
        second = self.similarity * first + np.sqrt(1.0 - self.similarity**2) * fresh
        teachers = random.standard_normal((2, self.networks, self.size)) / np.sqrt(self.size)
        one = teachers[0]
        other = one + self.conflict * teachers[1]
        x = np.stack([first, second] * self.rounds, axis=1) * np.sqrt(self.samples)
        targets = [one, other] * self.rounds
        y = np.stack(
            [np.einsum("snp,sp->sn", x[:, k], targets[k]) for k in range(2 * self.rounds)], axis=1
        )[..., None]
        on_first = Batch(*(np.repeat(part[:, :1], 2 * self.rounds, axis=1) for part in (x, y)))
        largest = float(np.linalg.norm(x, 2, axis=(2, 3)).max()) ** 2 / self.samples
        training = Training(
            GradientDescent(1.0 / largest),
            self.steps,
            record=At((float(self.steps),)),
            precision="float64",
        )
        seen = train_consecutively(
            one_layer(self.size, self.samples, Balanced(1e-9), training),
            Data(Batch(x, y), on_first),
            (test_loss, train_loss),
            tuple(range(self.networks)),
        )
        forgotten = seen[TEST_LOSS.name][:, 1::2, -1]
        expected = np.array(
            [self._expected(first[k], second[k], one[k]) for k in range(self.networks)]
        )
        times = {"time": np.arange(1, self.rounds + 1)}
        checks = (
            Check(
                "tasks learned",
                "training ends with no loss on the present task: the largest loss at the end",
                float(np.max(seen[TRAIN_LOSS.name][:, :, -1])),
                1e-4,
            ),
            Check(
                "one network does both",
                "distance of the teachers over their length",
                self.conflict,
                0.0,
            ),
        )
        return RunResult(
            FORGOTTEN.label(expected, ("seed", "time"), times).to_dataset(),
            FORGOTTEN.label(forgotten, ("seed", "time"), times).to_dataset(),
            checks,
            time.perf_counter() - began,
        )

    def _expected(self, first: np.ndarray, second: np.ndarray, teacher: np.ndarray) -> list[float]:
        angles = principal_angles(first, second)
        inputs = first * np.sqrt(self.samples)
        return [
            0.5 * float(np.mean((inputs @ residual_after(m, angles, -teacher)) ** 2))
            for m in range(1, self.rounds + 1)
        ]
