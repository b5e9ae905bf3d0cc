"""Deep linear networks trained on noisy tasks, alone or two at a time, against the theory."""

import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Given, given
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.linear_networks import trained_maps
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.theories.high_dimensional.noisy_learning import (
    Learner,
    generalization_course,
    transfer_course,
)
from carnotlab.theories.high_dimensional.noisy_singular_values import (
    observed_strength,
    overlaps,
)

MAP_ERROR = Quantity(
    "map_error", (), "1", "squared distance of the map from the task's, over the task's square"
)
OBSERVED = Quantity("observed_strength", ("mode",), "1", "largest strengths of the map at the end")
OVERLAP = Quantity("mode_overlap", ("mode",), "fraction", "of true modes with those of the map")

RECORDS = 51


@dataclass(frozen=True)
class NoisyTaskRun(Computable):
    """Networks of ``depth`` layers on tasks of given ``strengths`` with noise of 1/N an entry.

    Inputs are whitened, as many as samples, outputs as many as inputs; a ``seed`` is a task with
    its noise. With ``partner``, a second task of that strength on the same inputs is learned too,
    its mode at ``similarity`` to that of the first, whose error is what counts. The start is
    aligned with what the network sees, or ``random`` of the same size. The prediction may ignore
    the noise (``noiseless``), or take depth and similarity to be what they are not.
    """

    size: int
    strengths: tuple[float, ...]
    depth: int = 2
    partner: float | None = None
    similarity: float = 0.0
    random: bool = False
    noiseless: bool = False
    assumed_depth: int | None = None
    assumed_similarity: float | None = None
    start: float = 0.01
    step: float = 0.02
    duration: float = 5.0
    networks: int = 8

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("noisy tasks", self)

    @property
    def learner(self) -> Learner:
        """The network as the prediction takes it to be."""
        depth = self.depth if self.assumed_depth is None else self.assumed_depth
        return Learner(depth, self.start, self.step)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train all networks; the prediction knows strengths, sizes and the size of the start."""
        del store, progress
        began = time.perf_counter()
        maps, x, y = self._tasks()
        seen, clock = self._trained(x, y)
        whole = float(np.sum(np.square(self.strengths)))
        first = seen[:, :, : self.size] - maps[:, None, : self.size]
        coords = {"time": clock, "flow_time": ("time", clock)}
        errors = np.sum(first**2, axis=(2, 3)) / whole
        observation = MAP_ERROR.label(errors, ("seed", "time"), coords).to_dataset()
        prediction = MAP_ERROR.label(self._course(clock) / whole, ("time",), coords).to_dataset()
        if self.partner is None:
            k = len(self.strengths)
            strengths, found = _modes(seen[:, -1], maps, k)
            expected = np.asarray(self.strengths)
            observation[OBSERVED.name] = OBSERVED.label(strengths, ("seed",))
            observation[OVERLAP.name] = OVERLAP.label(found, ("seed",))
            prediction[OBSERVED.name] = OBSERVED.label(
                expected if self.noiseless else observed_strength(expected, 1.0)
            )
            prediction[OVERLAP.name] = OVERLAP.label(
                np.ones(k) if self.noiseless else overlaps(expected, 1.0).product
            )
        depth, believed = self.depth, self.similarity
        told = (
            not self.noiseless,
            self.assumed_depth in (None, depth),
            self.assumed_similarity in (None, believed),
        )
        checks = (
            Check(
                "told what is learned",
                "how many of noise, depth and similarity the prediction has wrong",
                float(told.count(False)),
                0.0,
            ),
            Check(
                "aligned start",
                "1 if the start is not along the modes of what is learned",
                float(self.random),
                0.0,
            ),
        )
        return RunResult(prediction, observation, checks, time.perf_counter() - began)

    def _course(self, clock: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        strengths = np.asarray(self.strengths)
        if self.noiseless:
            learned = self.learner.learned(clock, strengths)
            return np.sum((learned - strengths) ** 2, axis=1)
        if self.partner is None:
            return generalization_course(clock, strengths, self.size, self.size, self.learner)
        q = self.similarity if self.assumed_similarity is None else self.assumed_similarity
        return transfer_course(
            clock, self.strengths[0], self.partner, q, self.size, self.size, self.learner
        )

    def _tasks(
        self,
    ) -> tuple[
        Float[np.ndarray, "seed out in"],
        Float[np.ndarray, "seed n in"],
        Float[np.ndarray, "seed n out"],
    ]:
        """Return maps, inputs and noisy targets of every network."""
        n, random = self.size, np.random.default_rng([self.size, 37])
        maps: list[Float[np.ndarray, "out in"]] = []
        for _ in range(self.networks):
            k = len(self.strengths)
            left, right = (np.linalg.qr(random.standard_normal((n, k + 1)))[0] for _ in range(2))
            task = (left[:, :k] * self.strengths) @ right[:, :k].T
            if self.partner is not None:
                q = self.similarity
                direction = q * right[:, 0] + np.sqrt(1.0 - q**2) * right[:, 1]
                output = random.standard_normal(n)
                output *= self.partner / np.linalg.norm(output)
                task = np.vstack([task, np.outer(output, direction)])
            maps.append(task)
        stacked = np.stack(maps)
        x = np.stack(
            [
                np.sqrt(n) * np.linalg.qr(random.standard_normal((n, n)))[0]
                for _ in range(self.networks)
            ]
        )
        # Labels of unit noise on N whitened inputs give the correlation noise of variance 1/N.
        noise = random.standard_normal((self.networks, n, stacked.shape[1]))
        return stacked, x, np.einsum("sni,soi->sno", x, stacked) + noise

    def _trained(
        self, x: Float[np.ndarray, "seed n in"], y: Float[np.ndarray, "seed n out"]
    ) -> tuple[Float[np.ndarray, "seed time out in"], Float[np.ndarray, " time"]]:
        n, outputs = self.size, y.shape[2]
        steps = round(self.duration / self.step)
        experiment = Experiment(
            LinearMap(n, outputs, (1.0,), held_out=1),
            deep_linear(n, (n,) * (self.depth - 1), outputs, initialisation=self._start(x, y)),
            Training(GradientDescent(self.step), steps, record=Evenly(RECORDS)),
        )
        seen = trained_maps(experiment, x[:, None], y[:, None])[:, 0]
        return seen, experiment.training.flow_times

    def _start(
        self, x: Float[np.ndarray, "seed n in"], y: Float[np.ndarray, "seed n out"]
    ) -> Given:
        """Share every mode's strength equally among the layers, hidden bases being unit vectors."""
        layer = self.start ** (1.0 / self.depth)
        if self.random:
            random = np.random.default_rng([self.size, 41])
            drawn = random.standard_normal((self.networks, y.shape[2], self.size))
            # The start's modes are those of noise: their root mean square is that of its entries.
            correlation = self.start * drawn / np.sqrt(min(y.shape[2], self.size))
        else:
            correlation = np.einsum("sno,sni->soi", y, x) / self.size
        left, values, right = np.linalg.svd(correlation, full_matrices=False)
        shape = np.full_like(values, layer)
        if self.random:
            shape = values ** (1.0 / self.depth)
        inner = shape[:, :, None] * np.eye(shape.shape[1])
        if self.depth == 1:
            return given([np.einsum("som,sm,smi->soi", left, shape, right)])
        first, last = shape[:, :, None] * right, left * shape[:, None, :]
        return given([first, *[inner] * (self.depth - 2), last])


def _modes(
    seen: Float[np.ndarray, "seed out in"], maps: Float[np.ndarray, "seed out in"], k: int
) -> tuple[Float[np.ndarray, "seed mode"], Float[np.ndarray, "seed mode"]]:
    left, values, right = np.linalg.svd(seen, full_matrices=False)
    true_left, _, true_right = np.linalg.svd(maps, full_matrices=False)
    outputs = np.abs(np.einsum("som,som->sm", left[:, :, :k], true_left[:, :, :k]))
    inputs = np.abs(np.einsum("smi,smi->sm", right[:, :k], true_right[:, :k]))
    return values[:, :k], outputs * inputs
