"""Polynomials fitted to a noisy line by gradient descent, in one basis, for draws of noise."""

import time
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.initialisation import given
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.linear_networks import one_layer, trained_maps
from carnotlab.tasks.noisy_polynomial import PolynomialBasis, features
from carnotlab.theories.high_dimensional.polynomial_interpolation import (
    condition_number,
    descent,
    least_norm,
    total_variation,
)

COEFFICIENTS = Quantity("coefficients", ("feature",), "1", "weights of the basis functions")
LEAST_NORM = Quantity("least_norm", ("feature",), "1", "weights of the interpolator of least norm")
CURVE = Quantity("curve", ("position",), "1", "where descent ends, along the interval")
VARIATION = Quantity("variation", (), "1", "total variation of the curve where descent ends")
ROUGHNESS = Quantity("roughness", (), "1", "total variation of the curve in the course")
OFF_LINE = Quantity("off_line", (), "1", "root mean square distance of the end from the line")

GRID: Float[np.ndarray, " position"] = np.linspace(-1.0, 1.0, 1001)
RECORDS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
"""Steps at which networks are looked at."""

Curves: TypeAlias = Float[np.ndarray, "seed position"]


@dataclass(frozen=True)
class PolynomialRun(Computable):
    """Linear networks on the features of one basis, from weights of standard deviation ``start``.

    ``points`` equispaced points up to ``reach`` from the middle of [−1, 1], targets the line
    y = t plus noise; ``seed`` is the draw of noise and start. Where descent ends is the fit of
    least squares nearest to the start. The prediction takes the start to be zero if ``from_zero``.
    """

    basis: PolynomialBasis
    degree: int
    points: int
    noise: float
    start: float = 0.0
    reach: float = 0.95
    from_zero: bool = False
    networks: int = 50

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("polynomial", self)

    @property
    def positions(self) -> Float[np.ndarray, " points"]:
        """The points."""
        return np.linspace(-self.reach, self.reach, self.points)

    def targets(self) -> Float[np.ndarray, "seed points"]:
        """The noisy line at the points, for each draw."""
        random = np.random.default_rng([self.points, 29])
        draws = random.standard_normal((self.networks, self.points))
        return self.positions + self.noise * draws

    def starts(self) -> Float[np.ndarray, "seed feature"]:
        """The weights at time zero; the same draws, times ``start``, for every basis."""
        random = np.random.default_rng([self.degree, 31])
        return self.start * random.standard_normal((self.networks, self.degree + 1))

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train; the prediction knows features, targets and, unless it is not told, the start."""
        del store, progress
        began = time.perf_counter()
        B, y, start = (
            features(self.positions, self.basis, self.degree),
            self.targets(),
            self.starts(),
        )
        rate = 1.8 * len(B) / float(np.linalg.norm(B, 2)) ** 2
        seen = self._trained(B, y, start, rate)
        known = [None if self.from_zero else row for row in start]
        expected = np.array(
            [
                [descent(B, targets, rate, steps, own) for steps in RECORDS]
                for targets, own in zip(y, known, strict=True)
            ]
        )
        left = np.linalg.lstsq(B, (y - start @ B.T).T, rcond=None)[0].T
        fine = features(GRID, self.basis, self.degree)
        ended: Curves = (start + left) @ fine.T
        times = {"time": np.array(RECORDS)}
        observation = COEFFICIENTS.label(seen, ("seed", "time"), times).to_dataset()
        observation[ROUGHNESS.name] = ROUGHNESS.label(
            total_variation(seen @ fine.T), ("seed", "time"), times
        )
        observation[CURVE.name] = CURVE.label(ended, ("seed",), {"position": GRID})
        observation[VARIATION.name] = VARIATION.label(total_variation(ended), ("seed",))
        off = np.sqrt(np.mean((ended - GRID) ** 2, axis=1))
        observation[OFF_LINE.name] = OFF_LINE.label(off, ("seed",))
        condition = condition_number(B)
        observation.attrs["condition"] = condition
        checks = (
            Check(
                "start known",
                "standard deviation of weights at the start that the prediction does not know of",
                self.start if self.from_zero else 0.0,
                0.0,
            ),
        )
        prediction = COEFFICIENTS.label(expected, ("seed", "time"), times).to_dataset()
        shortest = [least_norm(B, targets) for targets in y]
        prediction[LEAST_NORM.name] = LEAST_NORM.label(shortest, ("seed",))
        return RunResult(
            prediction,
            observation,
            checks,
            time.perf_counter() - began,
        )

    def _trained(
        self,
        B: Float[np.ndarray, "points feature"],
        y: Float[np.ndarray, "seed points"],
        start: Float[np.ndarray, "seed feature"],
        rate: float,
    ) -> Float[np.ndarray, "seed time feature"]:
        """Train all draws as one program, the same one for every basis and start."""
        training = Training(
            GradientDescent(rate), RECORDS[-1], record=At(RECORDS), precision="float64"
        )
        experiment = one_layer(self.degree + 1, self.points, given([start[:, None]]), training)
        x = np.broadcast_to(B, (self.networks, 1, *B.shape))
        return trained_maps(experiment, x, y[:, None, :, None], rates=np.array([rate]))[:, 0, :, 0]
