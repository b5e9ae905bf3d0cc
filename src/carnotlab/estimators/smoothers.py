r"""Predictions as weighted sums of targets, :math:`f(x) = A(x)\,y`, one class a solver.

``cross`` is the kernel that trains between new samples and those at ``support``, ``[m, s]``.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int
from sklearn.exceptions import ConvergenceWarning

from carnotlab.core.data import RealArray
from carnotlab.theories.kernel_regression.cholesky import CholeskyFactor
from carnotlab.theories.kernel_regression.conjugate_gradients import (
    ConjugateGradients,
    conjugate_gradients,
)
from carnotlab.theories.kernel_regression.low_rank import LowRank


class Smoother(Protocol):
    """A kernel with its ridge (or its time of training), inverted in some way."""

    @property
    def support(self) -> Int[np.ndarray, " s"] | slice:
        """Training samples whose kernel with new samples is needed."""
        ...

    def coefficients(self, targets: RealArray) -> Float[np.ndarray, "s k"]:
        """Return what ``cross`` is multiplied by to get predictions."""
        ...

    def weights(self, cross: RealArray) -> Float[np.ndarray, "m n"]:
        """Return the weight of each target in each prediction."""
        ...

    def explained(self, cross: RealArray) -> Float[np.ndarray, " m"]:
        """Return by how much a Gaussian process's variance falls once the data are known."""
        ...


class _OnAllSamples:
    @property
    def support(self) -> Int[np.ndarray, " s"] | slice:
        """All samples."""
        return slice(None)


@dataclass(frozen=True, eq=False)
class ExactSmoother(_OnAllSamples):
    """By the Cholesky factor of kernel and ridge."""

    factor: CholeskyFactor

    def coefficients(self, targets: RealArray) -> Float[np.ndarray, "s k"]:
        """Return what ``cross`` is multiplied by to get predictions."""
        return self.factor.solve(targets)

    def weights(self, cross: RealArray) -> Float[np.ndarray, "m n"]:
        """Return the weight of each target in each prediction."""
        return self.factor.solve(np.asarray(cross).T).T

    def explained(self, cross: RealArray) -> Float[np.ndarray, " m"]:
        """Return by how much the variance falls."""
        return np.sum(self.factor.whiten(np.asarray(cross).T) ** 2, axis=0)


@dataclass(frozen=True, eq=False)
class SpectralSmoother(_OnAllSamples):
    r"""By eigenvectors V: :math:`V \mathrm{diag}(\varphi) V^\top`, any function of the kernel."""

    eigenvectors: Float[np.ndarray, "n n"]
    learned: Float[np.ndarray, " n"]
    r""":math:`\varphi`, see `carnotlab.theories.kernel_dynamics`."""

    def coefficients(self, targets: RealArray) -> Float[np.ndarray, "s k"]:
        """Return what ``cross`` is multiplied by to get predictions."""
        seen = self.eigenvectors.T @ np.asarray(targets)
        return self.eigenvectors @ (self.learned[:, None] * seen)

    def weights(self, cross: RealArray) -> Float[np.ndarray, "m n"]:
        """Return the weight of each target in each prediction."""
        return ((np.asarray(cross) @ self.eigenvectors) * self.learned) @ self.eigenvectors.T

    def explained(self, cross: RealArray) -> Float[np.ndarray, " m"]:
        """Return by how much the variance falls."""
        return (np.asarray(cross) @ self.eigenvectors) ** 2 @ self.learned


@dataclass(frozen=True, eq=False)
class IterativeSmoother(_OnAllSamples):
    """By conjugate gradients, anew for every set of right-hand sides."""

    kernel: Float[np.ndarray, "n n"]
    ridge: float
    solver: ConjugateGradients
    preconditioner: LowRank | None

    def coefficients(self, targets: RealArray) -> Float[np.ndarray, "s k"]:
        """Return what ``cross`` is multiplied by to get predictions."""
        found = conjugate_gradients(
            self.kernel, targets, self.ridge, self.solver, self.preconditioner
        )
        if not found.converged:
            _warn(found.iterations, float(found.relative_residual.max()))
        return found.coefficients

    def weights(self, cross: RealArray) -> Float[np.ndarray, "m n"]:
        """Return the weight of each target in each prediction."""
        return self.coefficients(np.asarray(cross).T).T

    def explained(self, cross: RealArray) -> Float[np.ndarray, " m"]:
        """Return by how much the variance falls."""
        return np.sum(self.weights(cross) * np.asarray(cross), axis=1)


@dataclass(frozen=True, eq=False)
class LandmarkSmoother:
    r"""Ridge regression on Nyström's features: new samples see the landmarks alone.

    With the features :math:`F` of new samples and :math:`L` of those trained on,
    :math:`A = F (L^\top L + \kappa)^{-1} L^\top`, and the variance of the process falls by
    :math:`\mathrm{diag}\,F F^\top - \kappa F (L^\top L + \kappa)^{-1} F^\top`: what the landmarks
    do not explain stays as uncertain as it was (the deterministic training conditional of
    quinonero2005).
    """

    approximation: LowRank
    ridge: float

    @property
    def support(self) -> Int[np.ndarray, " s"] | slice:
        """The landmarks."""
        return self.approximation.landmarks

    def coefficients(self, targets: RealArray) -> Float[np.ndarray, "s k"]:
        """Return what ``cross`` is multiplied by to get predictions."""
        inner = self._solve(self.approximation.factor.T @ np.asarray(targets))
        return np.linalg.solve(self.approximation.landmark_factor.T, inner)

    def weights(self, cross: RealArray) -> Float[np.ndarray, "m n"]:
        """Return the weight of each target in each prediction."""
        features = self.approximation.features(cross)
        return self._solve(features.T).T @ self.approximation.factor.T

    def explained(self, cross: RealArray) -> Float[np.ndarray, " m"]:
        """Return by how much the variance falls."""
        features = self.approximation.features(cross)
        left = np.sum(self._solve(features.T).T * features, axis=1)
        return np.sum(features**2, axis=1) - self.ridge * left

    @cached_property
    def _modes(self) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, "r r"]]:
        _, singular, right = np.linalg.svd(self.approximation.factor, full_matrices=False)
        return singular, right

    def _solve(self, columns: RealArray) -> Float[np.ndarray, "r k"]:
        singular, right = self._modes
        seen = right @ np.asarray(columns)
        return right.T @ (seen / (singular**2 + self.ridge)[:, None])


def _warn(iterations: int, residual: float) -> None:
    warnings.warn(
        f"conjugate gradients stopped after {iterations} steps at a relative residual of "
        f"{residual:.2g}; allow more steps, a larger ridge or a looser tolerance",
        ConvergenceWarning,
        stacklevel=5,
    )
