"""Gradients, drops and steps to a goal by batch size, on Gaussian least squares."""

import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.drawing import generator
from carnotlab.theories.quadratic_models.least_squares_risk import (
    excess_courses,
    largest_stable_rate,
)
from carnotlab.theories.quadratic_models.noise_scale import (
    GradientMoments,
    least_squares_moments,
    noise_from_two_batches,
)

SCALE = Quantity("noise_scale", (), "1", "tr Σ/|G|², in samples")
RATIOS = Quantity("mean_of_ratios", (), "1", "the same from ratios of single draws, averaged")
DROP = Quantity("drop", ("batch",), "1", "fall of the loss in a step, over that of a full batch")
LINEAR_DROP = Quantity("linear_drop", ("batch",), "1", "the same at rates in proportion to B")
NEEDED = Quantity("steps_needed", ("batch",), "steps", "fewest steps to the goal at any rate")
SCALED = Quantity("steps_scaled", ("batch",), "steps", "steps to the goal at rates linear in B")

SMALL, LARGE = 2, 32
"""Batches from which the noise scale is estimated."""


@dataclass(frozen=True)
class NoiseScaleRun(Computable):
    """Gradients of least squares at one point; a seed is a group of ``draws`` batches.

    Curvatures 1, 1/2, …, 1/d; the point is one away from the minimum along each.
    """

    inputs: int
    noise: float
    batches: tuple[int, ...]
    seeds: int
    draws: int

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("noise scale", self)

    @property
    def curvatures(self) -> Float[np.ndarray, " d"]:
        """Eigenvalues of the inputs' covariance."""
        return 1.0 / np.arange(1, self.inputs + 1)

    @property
    def moments(self) -> GradientMoments:
        """The exact ones."""
        return least_squares_moments(self.curvatures, np.ones(self.inputs), self.noise)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Draw batches and take one step on each; predict from exact moments."""
        del store, progress
        began = time.perf_counter()
        random = generator(0, f"noise scale {self.seeds} {self.draws}")
        exact, h = self.moments, self.curvatures
        full = exact.mean_drop(exact.best_rate(np.inf), np.inf)
        estimates, ratios = np.empty((2, self.seeds))
        drops, linear = np.empty((2, self.seeds, len(self.batches)))
        at_one = exact.best_rate(1.0)
        for seed in range(self.seeds):
            small, large = (
                np.sum(self._gradients(random, size) ** 2, axis=1) for size in (SMALL, LARGE)
            )
            estimates[seed] = noise_from_two_batches(small, large, SMALL, LARGE).scale
            single = [
                noise_from_two_batches(a[None], b[None], SMALL, LARGE).scale
                for a, b in zip(small, large, strict=True)
            ]
            ratios[seed] = float(np.mean(single))
            for place, size in enumerate(self.batches):
                g = self._gradients(random, size)
                for rate, into in (
                    (exact.best_rate(size), drops),
                    (size * at_one, linear),
                ):
                    left = 0.5 * np.mean((1.0 - rate * g) ** 2 @ h)
                    into[seed, place] = (0.5 * h.sum() - left) / full
        sizes = np.array(self.batches, dtype=float)
        expected = [exact.mean_drop(exact.best_rate(b), b) / full for b in self.batches]
        coords = {"batch": sizes}
        prediction = labelled({SCALE: exact.simple_scale, DROP: expected}, coords=coords)
        prediction["critical_batch"] = exact.critical_batch
        observation = labelled(
            {SCALE: estimates, RATIOS: ratios, DROP: drops, LINEAR_DROP: linear}, ("seed",), coords
        )
        return RunResult(prediction, observation, (), time.perf_counter() - began)

    def _gradients(self, random: np.random.Generator, size: int) -> Float[np.ndarray, "draws d"]:
        """Return gradients at ones of as many batches as there are draws."""
        found = np.empty((self.draws, self.inputs))
        block = max(1, 200_000 // (size * self.inputs))
        for begin in range(0, self.draws, block):
            count = min(block, self.draws - begin)
            x = random.standard_normal((count, size, self.inputs)) * np.sqrt(self.curvatures)
            e = self.noise**0.5 * random.standard_normal((count, size))
            gaps = x.sum(axis=2) - e
            found[begin : begin + count] = np.einsum("cbi,cb->ci", x, gaps) / size
        return found


@dataclass(frozen=True)
class StepsToGoalRun(Computable):
    r"""Steps to a goal by batch size, at the best constant rate and at rates linear in B.

    Exact risks; a seed takes its label noise a little above or below ``noise``, so that the
    verdict speaks of more than one problem. The prediction is the trade-off
    :math:`S/S_{\min} = 1 + B_{\mathrm{crit}}/B` through the
    smallest and the largest batch.
    """

    inputs: int
    noise: float
    batches: tuple[int, ...]
    goal: float
    longest: int
    seeds: int

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("steps to a goal", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Find the steps at every rate of a grid."""
        del store, progress
        began = time.perf_counter()
        h = 1.0 / np.arange(1, self.inputs + 1)
        needed, scaled, expected = np.empty((3, self.seeds, len(self.batches)))
        for seed in range(self.seeds):
            noise = self.noise * 1.5 ** ((seed + 0.5) / self.seeds - 0.5)
            first = float("nan")
            for place, size in enumerate(self.batches):
                edge = largest_stable_rate(h, batch=size)
                rates = edge * np.geomspace(0.01, 0.99, 30)
                steps = self._steps(rates, h, size, noise)
                best = int(np.argmin(steps))
                needed[seed, place] = steps[best]
                first = float(rates[best]) / size if place == 0 else first
                linear = self._steps(np.array([first * size]), h, size, noise)
                scaled[seed, place] = linear[0]
            least, smallest = needed[seed, -1], self.batches[0]
            # Two points fix the two numbers of the trade-off: the least steps and the batch.
            ratio = (needed[seed, 0] / least - 1.0) / (
                1.0 / smallest - needed[seed, 0] / least / self.batches[-1]
            )
            floor = least / (1.0 + ratio / self.batches[-1])
            expected[seed] = floor * (1.0 + ratio / np.array(self.batches))
        coords = {"batch": np.array(self.batches, dtype=float)}
        prediction = NEEDED.label(expected, ("seed",), coords).to_dataset()
        observation = labelled({NEEDED: needed, SCALED: scaled}, ("seed",), coords)
        check = Check(
            "goal reached",
            "share of batch sizes at which no rate reached the goal",
            float(np.mean(~np.isfinite(needed))),
            0.0,
        )
        return RunResult(prediction, observation, (check,), time.perf_counter() - began)

    def _steps(
        self, rates: Float[np.ndarray, " rate"], h: Float[np.ndarray, " d"], size: int, noise: float
    ) -> Float[np.ndarray, " rate"]:
        """Return the first step at which the exact risk is below the goal, infinite if never."""
        table = np.broadcast_to(rates[:, None], (len(rates), self.longest))
        risks = excess_courses(table, h, np.ones(len(h)), batch=size, noise_variance=noise)
        below = risks < self.goal
        return np.where(below.any(axis=1), below.argmax(axis=1), np.inf).astype(float)
