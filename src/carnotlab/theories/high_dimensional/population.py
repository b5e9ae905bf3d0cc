r"""What regression theory needs to know of a data set, estimated from a large sample of it.

A data set is replaced by inputs of its own covariance and a linear teacher with independent noise:
the least-squares map of the whole sample, and what it leaves. How far data are from that is
measured: the distance of their spectrum from that of white inputs, how heavy the tails of their
principal components are, and whether noise is louder where inputs are unusual.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require
from carnotlab.theories.high_dimensional.deterministic_equivalents import ridge_errors
from carnotlab.theories.high_dimensional.isotropic_regression import spectral_density

Spectrum = Float[np.ndarray, " d"]


@dataclass(frozen=True)
class Population:
    r"""Covariance eigenvalues, teacher power along each eigenvector, and noise variance.

    Numbers of `population_of`; power and noise are summed over outputs. ``tail_weight`` is the mean
    over eigenvectors of a third of the fourth moment of the whitened component, 1 if Gaussian;
    ``heteroscedasticity`` by how much the noise is louder where it counts, weighted by
    :math:`x^\top\Sigma^{-1}x`, 0 if independent of the input.
    """

    eigenvalues: Spectrum
    teacher_power: Spectrum
    noise_variance: float
    tail_weight: float
    heteroscedasticity: float

    @property
    def target_power(self) -> Spectrum:
        """Share of the targets' power explained by each eigenvector, the largest variance first."""
        power = self.teacher_power * self.eigenvalues
        return power / (power.sum() + self.noise_variance)

    def taken_for_white(self) -> "Population":
        """Return the population of the same inputs' and clean targets' power, spread evenly.

        >>> one = Population(np.array([3.0, 1.0]), np.array([0.0, 4.0]), 0.5, 1.0, 0.0)
        >>> one.taken_for_white().eigenvalues.tolist(), one.taken_for_white().teacher_power.tolist()
        ([2.0, 2.0], [1.0, 1.0])
        """
        s, power = self.eigenvalues, self.teacher_power
        return replace(
            self,
            eigenvalues=np.full(len(s), float(s.mean())),
            teacher_power=np.full(len(s), float(power @ s / s.mean() / len(s))),
        )


def population_of(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n k"], *, rank_tolerance: float = 1e-6
) -> Population:
    r"""Estimate a `Population` from samples, many more than inputs; means are not subtracted.

    The noise is the residual over n − r degrees of freedom; of each teacher power the
    :math:`\sigma^2/(n s_i)` that noise adds is taken off, not below zero. Directions with
    eigenvalues below ``rank_tolerance`` times the mean do not count.

    Raises:
        InputError: unless there are at least twice as many samples as directions.

    >>> random = np.random.default_rng(0)
    >>> x = random.standard_normal((4000, 3)) * np.sqrt([4.0, 1.0, 0.25])
    >>> y = x @ np.array([[1.0], [2.0], [0.0]]) + 0.5 * random.standard_normal((4000, 1))
    >>> found = population_of(x, y)
    >>> found.eigenvalues.round(1).tolist(), round(found.noise_variance, 2)
    ([4.1, 1.0, 0.2], 0.25)
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    n = len(x)
    values, vectors = np.linalg.eigh(x.T @ x / n)
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > rank_tolerance * values.mean()
    s, components = values[kept], x @ vectors[:, kept]
    require(
        n >= 2 * len(s),
        f"{n} samples for {len(s)} directions",
        "at least twice as many",
        "give more samples, or drop inputs",
    )
    white = components / np.sqrt(s)
    weights = white.T @ y / n
    residual = np.sum((y - white @ weights) ** 2, axis=1)
    noise = float(residual.sum() / (n - len(s)))
    power = np.maximum(np.sum(weights**2, axis=1) - noise / n, 0.0) / s
    leverage = np.mean(white**2, axis=1)
    # Fitting pulls residuals in by 1 − h at leverage h; undone before they are weighed.
    own = residual / np.maximum(1.0 - leverage * len(s) / n, 0.1) ** 2
    return Population(
        eigenvalues=s,
        teacher_power=power,
        noise_variance=noise,
        tail_weight=float(np.mean(white**4) / 3.0),
        heteroscedasticity=float(np.mean(own * leverage) / np.mean(own)) - 1.0,
    )


def distance_from_white(eigenvalues: Float[np.ndarray, " d"], ratio: float) -> float:
    r"""Return the largest difference of distribution functions from Marchenko and Pastur's law.

    Kolmogorov and Smirnov's distance between eigenvalues of a *sample* covariance, over their mean,
    and the law of white inputs at :math:`\alpha` samples per input. 0 to 1.

    >>> random = np.random.default_rng(0)
    >>> x = random.standard_normal((400, 200))
    >>> distance_from_white(np.linalg.eigvalsh(x.T @ x / 400), 2.0) < 0.02
    True
    """
    values = np.sort(np.asarray(eigenvalues, np.float64))
    density = spectral_density(ratio)
    # The law is that of XᵀX with inputs of variance 1/N, of mean α.
    law = np.cumsum(density.weights) + density.zero
    scaled = values / values.mean() * ratio
    expected = np.interp(scaled, density.nodes, law, left=density.zero, right=1.0)
    steps = np.arange(len(values) + 1) / len(values)
    nothing = scaled <= 1e-10 * ratio
    gaps = np.maximum(np.abs(steps[1:] - expected), np.abs(steps[:-1] - expected))
    null = abs(float(np.mean(nothing)) - density.zero)
    return float(max(gaps[~nothing].max(initial=0.0), null))


def spectrum_gap(
    sample_eigenvalues: Float[np.ndarray, " d"], eigenvalues: Spectrum, samples: int
) -> float:
    r"""Return how far a sample covariance is from what a spectrum predicts for it.

    The largest difference, over all ridges, of the share of directions learned,
    :math:`\frac{1}{\min(n,d)}\mathrm{tr}\,\hat\Sigma(\hat\Sigma+\lambda)^{-1}`: a distance between
    distributions of eigenvalues that smooths each over a factor. Of the order of one over their
    number if the spectrum is right.

    >>> random = np.random.default_rng(0)
    >>> x = random.standard_normal((100, 200)) * np.sqrt(np.repeat([1.0, 0.1], 100))
    >>> sample = np.linalg.eigvalsh(x.T @ x / 100)
    >>> spectrum_gap(sample, np.repeat([1.0, 0.1], 100), 100) < 0.02
    True
    >>> spectrum_gap(sample, 0.55 * np.ones(200), 100) > 0.05
    True
    """
    found = np.maximum(np.asarray(sample_eigenvalues, np.float64), 0.0)
    mean = float(np.mean(eigenvalues))
    ridges = mean * np.geomspace(1e-4, 1e3, 40)
    most = min(samples, len(eigenvalues))
    seen = np.sum(found / (found + ridges[:, None]), axis=1) / most
    # Of pure noise the share left on the training samples is λ/κ squared over 1 − γ; the share
    # learned is 1 − λ/κ of n.
    errors = ridge_errors(eigenvalues, np.zeros(len(eigenvalues)), samples, ridges, 1.0)
    expected = (1.0 - np.sqrt(errors.train / errors.test)) * samples / most
    return float(np.abs(seen - expected).max())
