"""Ridge regression drawn many times at every penalty, held against its deterministic equivalent."""

import time
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.drawing import generator
from carnotlab.tasks.spectra import Isotropic, Spectrum, eigenvalues
from carnotlab.theories.high_dimensional.deterministic_equivalents import ridge_errors
from carnotlab.theories.high_dimensional.population import spectrum_gap
from carnotlab.theories.high_dimensional.regression_course import best_ridge

BY_RIDGE = Quantity("test_error_by_ridge", ("ridge",), "loss", "squared error on fresh labels")
AT_THEORY = Quantity("test_error_at_theory", (), "loss", "the same at the ridge theory chooses")
AT_VALIDATED = Quantity(
    "test_error_at_validated", (), "loss", "the same at the ridge that leaving one out chooses"
)


@dataclass(frozen=True)
class RidgeRun(Computable):
    r"""Samples of Gaussian inputs, a teacher of given power, and ridge regression at every penalty.

    Teacher weights have variance :math:`b_k \propto k^{-a}` with a the ``alignment``, scaled to
    clean targets of variance 1; a ridge is in units of the mean variance of an input. ``believed``
    is a control: the spectrum that theory takes inputs to have, its teacher spread evenly.
    """

    inputs: int
    samples: int
    spectrum: Spectrum = field(default_factory=Isotropic)
    alignment: float = 0.0
    noise: float = 0.5
    seeds: int = 8
    ridges: int = 61
    believed: Spectrum | None = None

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("ridge regression", self)

    @property
    def grid(self) -> Float[np.ndarray, " ridges"]:
        """The penalties beside the mean of squares, over the mean variance of an input."""
        return np.geomspace(1e-3, 1e3, self.ridges)

    def population(self, spectrum: Spectrum) -> tuple[np.ndarray, np.ndarray]:
        """Return variances and teacher power, of clean targets of variance 1."""
        s = eigenvalues(spectrum, self.inputs)
        power = np.arange(1.0, self.inputs + 1.0) ** -self.alignment
        if self.believed is not None and spectrum == self.believed:
            power = np.ones(self.inputs)
        return s, power / float(power @ s)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Solve all draws; the prediction knows spectrum, power, noise and sizes only."""
        del store, progress
        began = time.perf_counter()
        s, power = self.population(self.spectrum)
        taken, taken_power = self.population(self.believed or self.spectrum)
        ridges = self.grid * float(s.mean())
        expected = ridge_errors(taken, taken_power, self.samples, ridges, self.noise).test
        chosen = best_ridge(taken, taken_power, self.samples, noise_variance=self.noise).at
        drawn = [self._draw(seed, s, power, ridges, chosen) for seed in range(self.seeds)]
        curves, at_theory, at_validated, gaps = (
            np.array(column) for column in zip(*drawn, strict=True)
        )
        grid = {"ridge": self.grid}
        observation = BY_RIDGE.label(curves, ("seed",), grid).to_dataset()
        observation[AT_THEORY.name] = AT_THEORY.label(at_theory, ("seed",))
        observation[AT_VALIDATED.name] = AT_VALIDATED.label(at_validated, ("seed",))
        checks = (
            Check(
                "spectrum as described",
                "sample covariances are those of the spectrum that theory takes: the largest "
                "difference of the share of directions learned, mean of draws",
                float(gaps.mean()) if self.believed is None else self._mistaken(s, taken),
                0.02,
            ),
            Check(
                "teacher as described",
                "the theory knows the power along each eigenvector: 0 if so, 1 if it is taken to "
                "be spread evenly",
                float(self.believed is not None),
                0.0,
            ),
        )
        return RunResult(
            BY_RIDGE.label(expected, (), grid).to_dataset().assign_attrs(chosen=chosen / s.mean()),
            observation.assign_coords(seed=np.arange(self.seeds)),
            checks,
            time.perf_counter() - began,
        )

    def _mistaken(self, s: np.ndarray, taken: np.ndarray) -> float:
        x, _, _ = self._samples(0, s, s)
        return spectrum_gap(np.linalg.eigvalsh(x.T @ x / self.samples), taken, self.samples)

    def _samples(
        self, seed: int, s: np.ndarray, power: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        random = generator(seed, "ridge regression")
        x = random.standard_normal((self.samples, self.inputs)) * np.sqrt(s)
        # Random signs rather than sizes: every teacher has exactly the power described.
        teacher = np.sqrt(power) * random.choice([-1.0, 1.0], self.inputs)
        noise = np.sqrt(self.noise) * random.standard_normal(self.samples)
        return x, teacher, x @ teacher + noise

    def _draw(
        self, seed: int, s: np.ndarray, power: np.ndarray, ridges: np.ndarray, chosen: float
    ) -> tuple[np.ndarray, float, float, float]:
        x, teacher, y = self._samples(seed, s, power)
        n = self.samples
        left, singular, right = np.linalg.svd(x, full_matrices=False)
        values, projected = singular**2 / n, left.T @ y
        every = np.append(ridges, chosen)
        shrink = values / (values + every[:, None])
        weights = (shrink / singular * projected) @ right
        errors = np.sum(s * (weights - teacher) ** 2, axis=1) + self.noise
        # Leaving sample i out changes its residual to r_i / (1 − h_ii), exactly.
        residual = y - (shrink * projected) @ left.T
        left_out = residual / (1.0 - shrink @ (left**2).T)
        validated = int(np.argmin(np.mean(left_out[:-1] ** 2, axis=1)))
        padded = np.concatenate([values, np.zeros(self.inputs - len(values))])
        gap = spectrum_gap(padded, s, n)
        return errors[:-1], float(errors[-1]), float(errors[validated]), gap
