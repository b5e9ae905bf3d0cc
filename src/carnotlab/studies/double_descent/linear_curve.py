"""Least squares by number of inputs or of samples, held against the exact mean error."""

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np

from carnotlab.core.assumptions import Check
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.double_descent.curves import (
    CHOSEN_ERROR,
    TEST_ERROR,
    TRAIN_ERROR,
    by_size,
    least_norm_and_ridge,
)
from carnotlab.theories.high_dimensional.optimal_ridge import (
    optimal_ridge,
    optimally_regularized_excess,
)
from carnotlab.theories.high_dimensional.ridgeless_regression import expected_ridgeless_excess

FINEST = 3
"""Distance from the threshold within which the error has no finite mean, or no finite variance."""


@dataclass(frozen=True)
class LinearCurve(Computable):
    r"""Least squares of least norm, and at the best ridge, on Gaussian inputs of variance 1/N.

    ``axis`` says whether ``sizes`` are numbers N of inputs, with ``fixed`` samples, or of samples
    P, with ``fixed`` inputs. Teacher weights have variance 1, labels noise of variance ``noise``.
    Each of ``seeds`` is the mean over ``draws`` of inputs, teacher and noise; the error of a draw
    is excess error, computed from its weights without sampling. ``shifted`` is a control: the
    prediction takes the number of samples to be so many times what it is.
    """

    axis: Literal["width", "samples"]
    sizes: tuple[int, ...]
    fixed: int
    seeds: int
    draws: int = 8
    noise: float = 0.25
    shifted: float = 1.0

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("least squares by size", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Solve every draw; the prediction knows sizes and variances only."""
        del store, progress
        began = time.perf_counter()
        found = np.zeros((3, self.seeds, self.draws, len(self.sizes)))
        for seed in range(self.seeds):
            for draw in range(self.draws):
                for index, size in enumerate(self.sizes):
                    found[:, seed, draw, index] = self._solve(seed, draw, size)
        test, train, ridge = found.mean(axis=2)
        observation = by_size(
            self.sizes, {TEST_ERROR: test, TRAIN_ERROR: train, CHOSEN_ERROR: ridge}
        )
        inputs, samples = (np.array(each, dtype=float) for each in self._shapes())
        plain = expected_ridgeless_excess(self.shifted * samples, inputs, noise_variance=self.noise)
        best = optimally_regularized_excess(
            self.shifted * samples / inputs, noise_variance=self.noise
        )
        prediction = by_size(self.sizes, {TEST_ERROR: plain[None], CHOSEN_ERROR: best[None]})
        close = min(abs(n - p) for n, p in zip(*self._shapes(), strict=True))
        checks = (
            Check(
                "away from the threshold",
                "inputs and samples differ by so many that errors have a mean and a variance: "
                f"{FINEST} over the least difference",
                FINEST / max(close, 0.5),
                0.999,
            ),
            Check(
                "samples known",
                "by what factor the number of samples is mistaken, less 1",
                abs(self.shifted - 1.0),
                0.0,
            ),
        )
        return RunResult(
            prediction.isel(seed=0, drop=True), observation, checks, time.perf_counter() - began
        )

    def _shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return numbers of inputs and of samples, by size."""
        same = (self.fixed,) * len(self.sizes)
        return (self.sizes, same) if self.axis == "width" else (same, self.sizes)

    def _solve(self, seed: int, draw: int, size: int) -> tuple[float, float, float]:
        n, p = (size, self.fixed) if self.axis == "width" else (self.fixed, size)
        random = np.random.default_rng([seed, draw, size, self.fixed, 11])
        x = random.standard_normal((p, n)) / np.sqrt(n)
        teacher = random.standard_normal(n)
        y = x @ teacher + np.sqrt(self.noise) * random.standard_normal(p)
        plain, ridge = least_norm_and_ridge(x, y, optimal_ridge(1.0, self.noise))
        return (
            float(np.sum((plain - teacher) ** 2)) / n,
            float(np.mean((y - x @ plain) ** 2)),
            float(np.sum((ridge - teacher) ** 2)) / n,
        )
