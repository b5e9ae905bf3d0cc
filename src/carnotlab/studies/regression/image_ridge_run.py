"""Ridge regression of classes on real images by number of samples, from the images' spectrum."""

import time
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import Quantity
from carnotlab.estimators.linear_baseline import KINDS, baseline_errors
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.cifar10 import image_archive, resized
from carnotlab.tasks.drawing import generator
from carnotlab.tasks.reading import file_digest
from carnotlab.tasks.targets import one_hot
from carnotlab.theories.high_dimensional.deterministic_equivalents import ridge_errors
from carnotlab.theories.high_dimensional.population import (
    Population,
    distance_from_white,
    population_of,
)
from carnotlab.theories.high_dimensional.regression_course import best_ridge

BY_SAMPLES = Quantity(
    "test_error_by_samples", ("samples", "strength"), "loss", "squared error on held-out images"
)
AT_BEST = Quantity(
    "test_error_at_best_ridge", ("samples",), "loss", "the same at the ridge theory chooses"
)
BASELINE = Quantity("baseline_error", ("baseline",), "fraction", "held-out images misclassified")

SIDE = 14
"""Pixels along a side to which images are averaged."""


class Pool:
    """Images drawn at random into those that samples are taken from and those held out.

    The archive's own split is not used: its two parts were not drawn alike, which would count as
    an error of the theory.
    """

    def __init__(self, path: str, sha256: str, held_out: int) -> None:
        archive = image_archive(path, sha256)
        images = np.concatenate([archive.x_train, archive.x_test])
        x = resized(images / 255.0, SIDE).reshape(len(images), -1)
        y = one_hot(np.concatenate([archive.y_train, archive.y_test]), len(archive.names))
        order = generator(0, "image pool").permutation(len(x))
        held, rest = order[:held_out], order[held_out:]
        # Centred by the pool: regression without an intercept, as the theory has it.
        centre, level = x[rest].mean(axis=0), y[rest].mean(axis=0)
        self.x, self.y = x[rest] - centre, y[rest] - level
        self.test_x, self.test_y = x[held] - centre, y[held] - level
        self.population: Population = population_of(self.x, self.y)


_pool = lru_cache(maxsize=2)(Pool)


def image_pool(path: str, held_out: int) -> Pool:
    """Return the images of an archive; computed once for each content."""
    return _pool(path, file_digest(path), held_out)


@dataclass(frozen=True)
class ImageRidgeRun(Computable):
    """Ridge regression of one-hot classes on images, by size, over several draws of the samples.

    The theory knows the covariance, the least-squares map and its residual on the ``pool`` that
    samples are drawn from, never the samples nor the images held out. ``strengths`` are ridges over
    the mean variance of a pixel, 0 for least norm; ``white`` is a control, the same with all
    eigenvalues and powers set to their means.
    """

    path: str
    sizes: tuple[int, ...]
    strengths: tuple[float, ...]
    draws: tuple[int, ...]
    held_out: int = 2500
    white: bool = False
    baselines: bool = False

    @property
    def key(self) -> str:
        """A digest of the description, the images, code, versions and devices."""
        return result_key("ridge regression of images", replace(self, path=file_digest(self.path)))

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Predict from the pool's statistics; solve every draw at every size."""
        del store
        began = time.perf_counter()
        pool = image_pool(self.path, self.held_out)
        own = pool.population
        taken = own.taken_for_white() if self.white else own
        s, power = taken.eigenvalues, taken.teacher_power
        unit = float(np.mean(pool.x**2))
        ridges = unit * np.array(self.strengths)
        expected = np.array(
            [ridge_errors(s, power, n, ridges, own.noise_variance).test for n in self.sizes]
        )
        best = [best_ridge(s, power, n, noise_variance=own.noise_variance) for n in self.sizes]
        found = np.zeros((len(self.draws), len(self.sizes), len(ridges) + 1))
        for row, draw in enumerate(self.draws):
            order = generator(draw, "image samples").permutation(len(pool.x))
            for column, n in enumerate(self.sizes):
                every = np.append(ridges, best[column].at)
                found[row, column] = _errors(pool, order[:n], every, unit)
            if progress is not None:
                progress((row + 1) / len(self.draws))
        coords = {"samples": list(self.sizes), "strength": list(self.strengths)}
        sizes = {"samples": list(self.sizes)}
        prediction = BY_SAMPLES.label(expected, (), coords).to_dataset()
        at_best = np.array([each.error for each in best]) + own.noise_variance
        prediction[AT_BEST.name] = AT_BEST.label(at_best, (), sizes)
        observation = BY_SAMPLES.label(found[:, :, :-1], ("seed",), coords).to_dataset()
        observation[AT_BEST.name] = AT_BEST.label(found[:, :, -1], ("seed",), sizes)
        if self.baselines:
            observation[BASELINE.name] = BASELINE.label(
                self._baselines(pool), (), {"baseline": list(KINDS)}
            )
        observation = observation.assign_coords(seed=list(self.draws))
        checks = self._checks(own, pool)
        return RunResult(prediction, observation, checks, time.perf_counter() - began)

    def _checks(self, own: Population, pool: Pool) -> tuple[Check, ...]:
        most = max(self.sizes)
        rows = generator(0, "image samples").permutation(len(pool.x))[:most]
        x = pool.x[rows]
        distance = distance_from_white(np.linalg.eigvalsh(x.T @ x / most), most / x.shape[1])
        return (
            Check(
                "noise independent of inputs",
                "what no linear map explains is no louder where inputs are unusual: relative "
                "excess weighted by squared whitened input",
                abs(own.heteroscedasticity),
                0.25,
            ),
            Check(
                "light tails",
                "fourth moment of whitened components over that of Gaussians, mean; at least 1",
                own.tail_weight,
                2.0,
            ),
            Check(
                "spectrum as described",
                "the theory has the images' own covariance; for one that takes them to be white, "
                "the distance of their spectrum from Marchenko and Pastur's",
                distance if self.white else 0.0,
                0.1,
            ),
        )

    def _baselines(self, pool: Pool) -> Float[np.ndarray, " baseline"]:
        rows = generator(self.draws[0], "image samples").permutation(len(pool.x))
        rows = rows[: max(self.sizes)]
        level = pool.y.min(axis=0)
        train = Batch(pool.x[rows], (pool.y[rows] > level + 0.5).astype(float))
        test = Batch(pool.test_x, (pool.test_y > level + 0.5).astype(float))
        return baseline_errors(Data(train, test))


def _errors(
    pool: Pool, rows: np.ndarray, ridges: Float[np.ndarray, " ridges"], unit: float
) -> Float[np.ndarray, " ridges"]:
    x, y = pool.x[rows], pool.y[rows]
    left, singular, right = np.linalg.svd(x, full_matrices=False)
    values, projected = singular**2 / len(rows), left.T @ y
    outputs = pool.test_x @ right.T
    errors: list[float] = []
    for ridge in ridges:
        inverse = np.where(values > 1e-12 * unit, singular / (values + ridge) / len(rows), 0.0)
        gap = outputs @ (inverse[:, None] * projected) - pool.test_y
        errors.append(float(np.mean(np.sum(gap**2, axis=1))))
    return np.array(errors)
