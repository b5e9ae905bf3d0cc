r"""What resolvents of sample covariances are for many samples and inputs, at any spectrum.

Samples :math:`x = \Sigma^{1/2}z` with independent entries z, :math:`\hat\Sigma = X^\top X/n`.
Traces and quadratic forms of :math:`\hat\Sigma` hardly fluctuate; on average the ridge
:math:`\lambda` (beside the *mean* of squares) acts as a larger one, the effective ridge
:math:`\kappa`:

.. math:: \lambda(\hat\Sigma+\lambda)^{-1} \simeq \kappa(\Sigma+\kappa)^{-1},\qquad
          \kappa = \lambda + \frac{\kappa}{n}\sum_i\frac{s_i}{s_i+\kappa}

and of two resolvents around :math:`\Sigma`

.. math:: \lambda_1\lambda_2(\hat\Sigma+\lambda_1)^{-1}\Sigma(\hat\Sigma+\lambda_2)^{-1}
   \simeq \frac{\kappa_1\kappa_2}{1-\gamma_{12}}
   (\Sigma+\kappa_1)^{-1}\Sigma(\Sigma+\kappa_2)^{-1},\qquad
   \gamma_{12} = \frac1n\sum_i\frac{s_i^2}{(s_i+\kappa_1)(s_i+\kappa_2)}

for all complex :math:`\lambda` off the negative axis. Sources: marchenko1967, silverstein1995,
dobriban2018, bordelon2020, hastie2022.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Complex, Float
from scipy.optimize import minimize_scalar

from carnotlab.core.errors import InputError, require, require_not_negative
from carnotlab.theories.high_dimensional.effective_ridge import effective_ridge, learnable

Spectrum = Float[np.ndarray, " d"]


class RidgeErrors(NamedTuple):
    """Mean squared errors of ridge regression, no factor ½; of ``test``, noise of labels included.

    ``test = bias + variance + noise``: what of the teacher is missed, what of the noise is learned,
    and the noise itself, each summed over outputs.
    """

    test: Float[np.ndarray, " ridges"]
    train: Float[np.ndarray, " ridges"]
    bias: Float[np.ndarray, " ridges"]
    variance: Float[np.ndarray, " ridges"]


def ridge_errors(
    eigenvalues: Spectrum,
    teacher_power: Spectrum,
    samples: float,
    ridges: Float[np.ndarray, " ridges"],
    noise_variance: float = 0.0,
) -> RidgeErrors:
    r"""Return the mean errors of ridge regression at every ridge.

    .. math:: E_{\mathrm{test}} = \frac{\sum_i b_i s_i\kappa^2/(s_i+\kappa)^2 + \sigma^2}{1-\gamma},
       \qquad E_{\mathrm{train}} = (\lambda/\kappa)^2 E_{\mathrm{test}}

    The first factor is what a fixed shrinkage leaves, the second is what the randomness of the
    samples makes of it: it multiplies what is missed of the teacher like noise.

    Args:
        eigenvalues: :math:`s_i \ge 0` of the covariance of single inputs, not of its mean over n.
        teacher_power: :math:`b_i`, squared teacher weight along each eigenvector, summed over
            outputs.
        samples: n.
        ridges: :math:`\lambda \ge 0` beside the mean of squares; 0 is least squares of least norm.
        noise_variance: :math:`\sigma^2`, summed over outputs.

    Raises:
        InputError: for arrays that do not fit or entries below zero.

    >>> errors = ridge_errors(np.ones(10), 0.1 * np.ones(10), 20, np.array([0.0]), 0.5)
    >>> errors.test.round(12).tolist(), errors.train.round(12).tolist()
    ([1.0], [0.25])
    """
    s, b = spectrum_and_power(eigenvalues, teacher_power)
    ridges = np.atleast_1d(np.asarray(ridges, np.float64))
    require_not_negative("noise_variance", noise_variance)
    kappa = np.array([effective_ridge(s, samples, samples * float(each)) for each in ridges])
    share = s / (s + np.maximum(kappa, np.finfo(np.float64).tiny)[:, None])
    gamma = np.sum(share**2, axis=1) / samples
    missed = (1.0 - share) ** 2 @ (b * s)
    with np.errstate(divide="ignore", invalid="ignore"):
        amplified = 1.0 / np.maximum(1.0 - gamma, 0.0)
        bias = np.where(missed > 0.0, missed * amplified, 0.0)
        variance = np.where(gamma > 0.0, noise_variance * gamma * amplified, 0.0)
        if noise_variance == 0.0:
            variance = np.zeros_like(bias)
        kept = np.where(kappa > 0.0, ridges / np.maximum(kappa, 1e-300), 1.0 - len(s) / samples)
        test = bias + variance + noise_variance
        train = np.where(kept > 0.0, kept**2 * test, 0.0)
    return RidgeErrors(test, train, bias, variance)


def continued_ridge(
    eigenvalues: Spectrum, samples: float, ridges: Complex[np.ndarray, " nodes"]
) -> Complex[np.ndarray, " nodes"]:
    r"""Return :math:`\kappa` at complex ridges, to rounding; none may be real and at most 0.

    The imaginary parts of :math:`\kappa` and :math:`\lambda` have one sign, which singles out one
    of the d + 1 solutions. Newton's steps are taken where they lessen the residual inside that half
    plane, else steps of :math:`\kappa \mapsto \lambda + \frac\kappa n\sum_i s_i/(s_i+\kappa)`,
    which map it into itself and so converge from anywhere.

    Raises:
        InputError: where there is no convergence, which needs ridges very near the spectrum.

    >>> continued_ridge(np.ones(20), 10, np.array([1.0 + 0.0j])).round(9).tolist()
    [(2.414213562+0j)]
    """
    s = learnable(eigenvalues)
    z = np.asarray(ridges, np.complex128)
    require(
        not bool(np.any((z.imag == 0.0) & (z.real <= 0.0))),
        "a ridge on the negative axis",
        "complex ones off it",
        "keep the contour away from the spectrum",
    )
    side = np.where(z.imag >= 0.0, 1.0, -1.0)
    kappa = z + s.sum() / samples
    best = np.full(z.shape, np.inf)
    target = 64.0 * np.finfo(np.float64).eps
    for _ in range(400):
        inverse = 1.0 / (s + kappa[:, None])
        shared = inverse @ s / samples
        residual = kappa * (1.0 - shared) - z
        best = np.abs(residual) / (np.abs(z) + np.abs(kappa))
        if np.all(best < target):
            return kappa
        slope = 1.0 - inverse**2 @ (s**2) / samples
        newton = kappa - residual / slope
        plain = z + kappa * shared
        after = newton * (1.0 - (1.0 / (s + newton[:, None])) @ s / samples) - z
        within = (newton.imag * side > 0.0) | ((z.imag == 0.0) & (newton.real > 0.0))
        better = np.abs(after) < np.abs(residual)
        kappa = np.where(within & (better | (best < 1e-12)), newton, plain)
    require(
        bool(np.all(best < 1e-11)),
        f"an effective ridge that is off by {float(best.max()):.1e}",
        "convergence",
        "keep ridges further from the spectrum",
    )
    return kappa


def largest_eigenvalue(eigenvalues: Spectrum, samples: float) -> float:
    r"""Return the upper edge of the sample covariance's eigenvalues.

    :math:`\min_{q > s_1} q\,(1 + \frac1n\sum_i \frac{s_i}{q - s_i})`. Above it lie no eigenvalues
    for many samples; for finite ones they pass it by a share of the order :math:`n^{-2/3}`.

    >>> round(largest_eigenvalue(np.ones(10), 40), 6)
    2.25
    """
    s = learnable(eigenvalues)
    top = float(s.max())

    def position(u: float) -> float:
        q = top * (1.0 + np.exp(u))
        return float(q * (1.0 + np.sum(s / (q - s)) / samples))

    found: Any = minimize_scalar(position, bounds=(-30.0, 30.0), method="bounded")
    return float(found.fun)


def spectrum_and_power(eigenvalues: Spectrum, teacher_power: Spectrum) -> tuple[Spectrum, Spectrum]:
    """Return both as float64 without the directions in which inputs do not vary.

    Raises:
        InputError: if they differ in length or have entries below zero.

    >>> spectrum_and_power(np.array([1.0, 0.0]), np.array([2.0, 3.0]))
    (array([1.]), array([2.]))
    """
    s, b = np.asarray(eigenvalues, np.float64), np.asarray(teacher_power, np.float64)
    if s.shape != b.shape or s.ndim != 1:
        raise InputError(
            f"{list(s.shape)} eigenvalues and {list(b.shape)} teacher powers",
            "one of each a direction",
            "project the teacher on the eigenvectors",
        )
    require(
        bool(np.all(b >= 0.0)), "a teacher power below 0", "squared weights", "square and sum them"
    )
    rounding = s.size * float(np.finfo(np.float64).eps) * float(s.max(initial=0.0))
    learnable(s)
    return s[s > rounding], b[s > rounding]
