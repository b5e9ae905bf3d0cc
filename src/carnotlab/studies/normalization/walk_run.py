"""Weights without scale under gradients that are nothing but noise, or not quite."""

import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.theories.scale_invariance.invariance import autocorrelation, drift
from carnotlab.theories.scale_invariance.norms import equilibrium, norm_course, relaxation_steps

FOURTH = Quantity("fourth_power_norm", (), "1", "fourth root of the mean fourth power of norms")
ANGLE = Quantity("step_angle", (), "1", "angle of a step in radians, root mean square")
WALK_NORM = Quantity("walk_norm", (), "1", "norm of the weights")


@dataclass(frozen=True)
class WalkRun(Computable):
    r"""Descent with momentum and decay on noise :math:`\bar g/|w|` orthogonal to the weights.

    Each seed is the mean over ``walkers`` walks. ``persistence`` is the correlation of successive
    gradients, 0 in theory; ``believed`` is the momentum that the theory is told.
    """

    rate: float
    decay: float
    momentum: float
    steps: int
    seeds: int
    start: float = 3.0
    walkers: int = 8
    size: int = 400
    persistence: float = 0.0
    believed: float | None = None

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("walk without scale", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Walk all walkers side by side; theory knows the mean square of the noise."""
        del store, progress
        began = time.perf_counter()
        momentum = self.momentum if self.believed is None else self.believed
        square = 1.0 - 1.0 / self.size  # what the tangent space leaves of the noise
        end = equilibrium(self.rate, self.decay, square, momentum)
        times = np.arange(0, self.steps, max(self.steps // 200, 1))
        start = self.start * end.norm
        norms, angles, kept = self._walk(start)
        by_seed = norms.reshape(self.steps, self.seeds, self.walkers)
        late = slice(self.steps // 2, None)
        turned = angles.reshape(by_seed.shape)[late]
        seen = {
            WALK_NORM: (by_seed**4).mean(axis=2).T[:, times] ** 0.25,
            FOURTH: (by_seed[late] ** 4).mean(axis=(0, 2)) ** 0.25,
            ANGLE: np.sqrt((turned**2).mean(axis=(0, 2))),
        }
        course = norm_course(times, start, self.rate, self.decay, square, momentum)
        observation = labelled(
            seen, ("seed", "time"), {"time": times, "seed": np.arange(self.seeds)}
        )
        prediction = labelled(
            {WALK_NORM: course, FOURTH: end.norm, ANGLE: end.angle}, ("time",), {"time": times}
        ).assign_attrs(relaxation=relaxation_steps(self.rate, self.decay, momentum))
        checks = (
            Check(
                "noise dominates",
                "correlation of successive gradients",
                abs(autocorrelation(kept)),
                0.05,
            ),
            Check(
                "no drift",
                "change of the mean square of gradients at unit norm, in logarithm",
                drift(np.sum(kept**2, axis=1)),
                0.1,
            ),
        )
        return RunResult(prediction, observation, checks, time.perf_counter() - began)

    def _walk(
        self, start: float
    ) -> tuple[
        Float[np.ndarray, "steps walks"],
        Float[np.ndarray, "steps walks"],
        Float[np.ndarray, "steps size"],
    ]:
        """Return norms and angles of every step, and the first walk's gradients at unit norm."""
        random = np.random.default_rng(0)
        walks = self.seeds * self.walkers
        w = random.normal(size=(walks, self.size))
        w *= start / np.linalg.norm(w, axis=1, keepdims=True)
        v, noise = np.zeros_like(w), np.zeros_like(w)
        norms, angles = np.empty((self.steps, walks)), np.empty((self.steps, walks))
        kept = np.empty((self.steps, self.size))
        keep, fresh = self.persistence, np.sqrt((1.0 - self.persistence**2) / self.size)
        for step in range(self.steps):
            drawn = random.normal(size=w.shape)
            noise = drawn / np.sqrt(self.size) if step == 0 else keep * noise + fresh * drawn
            norm = np.linalg.norm(w, axis=1, keepdims=True)
            unit = w / norm
            tangent = noise - np.sum(noise * unit, axis=1, keepdims=True) * unit
            v = self.momentum * v + tangent / norm + self.decay * w
            moved = w - self.rate * v
            cosine = np.sum(unit * moved, axis=1) / np.linalg.norm(moved, axis=1)
            norms[step], angles[step] = norm[:, 0], np.arccos(np.minimum(cosine, 1.0))
            kept[step] = tangent[0]
            w = moved
        return norms, angles, kept
