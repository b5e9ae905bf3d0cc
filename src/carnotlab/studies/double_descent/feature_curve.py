"""Random features without regularization and with it: images, and inputs on a sphere."""

import time
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch, Data
from carnotlab.estimators.linear_baseline import ridge_baseline
from carnotlab.networks.activations import Relu
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.double_descent.curves import (
    BASELINE,
    CHOSEN_ERROR,
    TEST_ERROR,
    TRAIN_ERROR,
    baselines,
    by_size,
    least_norm_and_ridge,
    with_wrong_labels,
)
from carnotlab.tasks.cifar10 import ImageSubset
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.splitting import validation_and_test
from carnotlab.tasks.statistics import flattened
from carnotlab.tasks.targets import share_wrong
from carnotlab.theories.high_dimensional.activation_moments import activation_moments
from carnotlab.theories.high_dimensional.random_features import best_ridge, random_features_error


@dataclass(frozen=True)
class FeatureCurve(Computable):
    r"""Random Fourier features :math:`\cos(\langle w, x\rangle/b + \varphi)` of images.

    ``axis`` says whether ``sizes`` are numbers of features, the samples those of ``task``, or of
    samples (the first ones), with ``features`` of them. One-hot targets are fitted with the least
    norm; the regularized error is at the ridge that leaving one training sample out chooses. A
    seed draws images, wrong labels (a share ``label_noise``) and features. ``bandwidth`` b is
    relative to the root mean square distance of two images.
    """

    task: Digits | ImageSubset
    axis: Literal["width", "samples"]
    sizes: tuple[int, ...]
    seeds: int
    label_noise: float = 0.2
    features: int = 300
    bandwidth: float = 0.7

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("random features by size", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Fit every size and seed."""
        del store
        began = time.perf_counter()
        found = np.zeros((3, self.seeds, len(self.sizes)))
        linear: list[Float[np.ndarray, " kind"]] = []
        for seed in range(self.seeds):
            data = with_wrong_labels(replace(self.task, seed=seed).data(), self.label_noise, seed)
            linear.append(baselines(data))
            for index, size in enumerate(self.sizes):
                if progress is not None:
                    progress((seed + index / len(self.sizes)) / self.seeds)
                found[:, seed, index] = self._fit(data, seed, size)
        test, train, chosen = found
        observation = by_size(
            self.sizes,
            {
                TEST_ERROR: test,
                TRAIN_ERROR: train,
                CHOSEN_ERROR: chosen,
                BASELINE: np.stack(linear),
            },
        )
        check = Check(
            "finite", "errors are finite numbers; share not", float(np.mean(~np.isfinite(found))), 0
        )
        return RunResult(observation[[]], observation, (check,), time.perf_counter() - began)

    def _fit(self, data: Data, seed: int, size: int) -> tuple[float, float, float]:
        count = size if self.axis == "width" else self.features
        n = len(data.train.x) if self.axis == "width" else size
        flat = [flattened(batch)[0] for batch in data]
        distance = np.sqrt(2.0 * flat[0].var(axis=0).sum())
        random = np.random.default_rng([seed, count, 13])
        w = random.standard_normal((flat[0].shape[1], count)) / (self.bandwidth * distance)
        phase = random.uniform(0.0, 2.0 * np.pi, count)
        x_train, x_test = (np.sqrt(2.0 / count) * np.cos(x @ w + phase) for x in flat)
        train = Batch(x_train[:n], np.asarray(data.train.y)[:n])
        _, test = validation_and_test(Batch(x_test, data.test.y))
        level = np.asarray(train.y).mean(axis=0)
        weights = np.linalg.lstsq(np.asarray(train.x), np.asarray(train.y) - level, rcond=1e-12)[0]
        ridge = ridge_baseline(Data(train, test), True)
        return (
            share_wrong(test.x @ weights + level, np.asarray(test.y)),
            share_wrong(train.x @ weights + level, np.asarray(train.y)),
            ridge.test_error,
        )


@dataclass(frozen=True)
class SphereCurve(Computable):
    r"""Random features of rectifiers on a sphere, held against their theory (mei2022).

    Inputs of ``dimension`` d and features lie on the sphere of radius :math:`\sqrt d`, targets are
    a linear function of power 1 plus noise of variance ``noise``. Each of ``seeds`` is the mean
    over ``draws``. The regularized error is at the ridge that theory says is best.
    """

    axis: Literal["width", "samples"]
    sizes: tuple[int, ...]
    fixed: int
    seeds: int
    dimension: int = 60
    draws: int = 4
    noise: float = 0.25
    held_out: int = 1000

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("random features on a sphere", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Fit every size and draw; the prediction knows sizes, variances and the activation."""
        del store, progress
        began = time.perf_counter()
        d, moments = self.dimension, activation_moments(Relu())
        shapes = [
            (size, self.fixed) if self.axis == "width" else (self.fixed, size)
            for size in self.sizes
        ]
        best = [best_ridge(a / d, b / d, moments, noise_variance=self.noise) for a, b in shapes]
        predicted = np.array(
            [
                [
                    random_features_error(
                        a / d, b / d, moments, ridge * use, noise_variance=self.noise
                    )
                    for (a, b), ridge in zip(shapes, best, strict=True)
                ]
                for use in (0.0, 1.0)
            ]
        )
        found = np.zeros((3, self.seeds, self.draws, len(shapes)))
        for seed in range(self.seeds):
            for draw in range(self.draws):
                for index, (shape, ridge) in enumerate(zip(shapes, best, strict=True)):
                    random = np.random.default_rng([seed, draw, *shape, 17])
                    found[:, seed, draw, index] = self._fit(random, *shape, ridge)
        test, train, ridge = found.mean(axis=2)
        observation = by_size(
            self.sizes, {TEST_ERROR: test, TRAIN_ERROR: train, CHOSEN_ERROR: ridge}
        )
        prediction = by_size(
            self.sizes, {TEST_ERROR: predicted[:1], CHOSEN_ERROR: predicted[1:]}
        ).isel(seed=0, drop=True)
        check = Check(
            "high dimension",
            "inputs have many dimensions, features and samples many per dimension; 20 over them",
            20.0 / d,
            0.5,
        )
        return RunResult(prediction, observation, (check,), time.perf_counter() - began)

    def _fit(
        self, random: np.random.Generator, features: int, samples: int, ridge: float
    ) -> tuple[float, float, float]:
        d = self.dimension

        def sphere(count: int) -> Float[np.ndarray, "count d"]:
            rows = random.standard_normal((count, d))
            return rows * np.sqrt(d) / np.linalg.norm(rows, axis=1, keepdims=True)

        theta, x, fresh = sphere(features), sphere(samples), sphere(self.held_out)
        teacher = sphere(1)[0] / np.sqrt(d)
        y = x @ teacher + np.sqrt(self.noise) * random.standard_normal(samples)
        inside, outside = (np.maximum(each @ theta.T / np.sqrt(d), 0.0) for each in (x, fresh))
        # (1/n)|y - f|² + (N λ / d)|a|²
        plain, damped = least_norm_and_ridge(inside, y, samples * features * ridge / d)
        wanted = fresh @ teacher
        return (
            float(np.mean((outside @ plain - wanted) ** 2)),
            float(np.mean((inside @ plain - y) ** 2)),
            float(np.mean((outside @ damped - wanted) ** 2)),
        )
