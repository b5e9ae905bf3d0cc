r"""Train and test error of linear regression on white inputs over time, for many inputs.

N inputs of variance 1/N, P samples, :math:`\alpha = P/N`; weights of variance
:math:`\sigma_w^2` (teacher) and :math:`\sigma_0^2` (start), label noise :math:`\sigma_e^2`. Time is
flow time of the *summed* loss :math:`\frac12|y - Xw|^2`: steps times learning rate there, 1/P of
the flow time of the library's mean loss. Every eigenvalue :math:`\lambda` of :math:`X^\top X`,
whose density is that of Marchenko and Pastur, is a mode that forgets its start, learns its teacher
and fits its noise at rate :math:`\lambda`. Sources: advani2020, marchenko1967.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import OutOfReachError, require, require_not_negative, require_positive
from carnotlab.theories.high_dimensional.least_error import Least, least
from carnotlab.theories.high_dimensional.regression_course import ErrorCourse

Values = Float[np.ndarray, " k"]

THRESHOLD_GROWTH = 2.0 * (2.0 - np.sqrt(2.0)) / np.sqrt(np.pi)
r"""0.661: at :math:`\alpha = 1` noise grows as this times :math:`\sigma_e^2\sqrt t`, for ever."""


class SpectralDensity(NamedTuple):
    r"""Nodes and weights that integrate over the eigenvalues of :math:`X^\top X`, and the rest.

    ``zero`` is the share of eigenvalues that are exactly 0, :math:`(1-\alpha)_+`; the weights add
    up to 1 minus it.
    """

    nodes: Values
    weights: Values
    zero: float


def spectral_density(ratio: float) -> SpectralDensity:
    r"""Return a quadrature of the density of eigenvalues, exact to 1e-8 for courses at any time.

    .. math:: \rho(\lambda) = \frac{\sqrt{(\lambda_+-\lambda)(\lambda-\lambda_-)}}{2\pi\lambda},
              \qquad \lambda_\pm = (\sqrt\alpha \pm 1)^2

    With :math:`\lambda = \lambda_- + 4\sqrt\alpha\sin^2\varphi` and nodes that crowd towards
    :math:`\varphi = 0` doubly exponentially, so that :math:`\alpha` near 1, where the density is
    all but singular at 0, is integrated as well as any other.

    Raises:
        InputError: for a ratio that is not positive.

    >>> density = spectral_density(2.0)
    >>> round(float(density.weights.sum()), 12), round(float(density.weights @ density.nodes), 12)
    (1.0, 2.0)
    """
    require_positive("ratio", ratio)
    step = 1.0 / 128.0
    v = np.arange(-3.3, 3.3, step)
    # φ and π/2 − φ, each to full relative precision.
    both = np.exp(np.pi * np.sinh(v))
    phi = 0.5 * np.pi / (1.0 + 1.0 / both)
    measure = step * 0.5 * np.pi * np.pi * np.cosh(v) * both / (1.0 + both) ** 2
    root = np.sqrt(ratio)
    nodes = (1.0 - root) ** 2 + 4.0 * root * np.sin(phi) ** 2
    cosine = np.sin(0.5 * np.pi / (1.0 + both))
    weights = (16.0 * ratio / np.pi) * (np.sin(phi) * cosine) ** 2 / nodes * measure
    return SpectralDensity(nodes, weights, max(1.0 - ratio, 0.0))


def isotropic_course(
    time: Float[np.ndarray, " time"],
    ratio: float,
    *,
    teacher_variance: float = 1.0,
    noise_variance: float = 0.0,
    start_variance: float = 0.0,
    rate: float = 0.0,
) -> ErrorCourse:
    r"""Return excess and training error over time.

    .. math:: E - \sigma_e^2 = \int\!\rho\Big[(\sigma_w^2+\sigma_0^2)e^{-2\lambda t}
              + \frac{\sigma_e^2}{\lambda}(1-e^{-\lambda t})^2\Big]
              + (1-\alpha)_+(\sigma_w^2+\sigma_0^2)
    .. math:: E_{\mathrm{train}} = \frac1\alpha\int\!\rho\,
              [\lambda(\sigma_w^2+\sigma_0^2)+\sigma_e^2]\,e^{-2\lambda t}
              + (1-1/\alpha)_+\sigma_e^2

    Args:
        time: Of the summed loss, see above.
        ratio: :math:`\alpha` above 0.
        teacher_variance: In squared target units, as the others.
        noise_variance: Of the labels.
        start_variance: Of the weights at time zero.
        rate: Learning rate of discrete steps on the summed loss, 0 for the flow:
            :math:`e^{-\lambda t} \to (1-\eta\lambda)^{t/\eta}`.

    Raises:
        OutOfReachError: for steps so large that the largest eigenvalue diverges.

    >>> course = isotropic_course(np.array([0.0, 1e9]), 0.5, noise_variance=0.25)
    >>> course.excess.round(9).tolist(), course.train.round(9).tolist()
    ([1.0, 0.75], [1.25, 0.0])
    """
    time = np.asarray(time, np.float64)
    require(bool(np.all(time >= 0.0)), f"time = {time}", "times from 0 on", "start at 0")
    for value in (teacher_variance, noise_variance, start_variance, rate):
        require_not_negative("a variance or rate", value)
    nodes, weights, zero = spectral_density(ratio)
    log_left = _log_left(time, nodes, rate, ratio)
    left = np.exp(2.0 * log_left)
    # |(1−ηλ)^k| keeps no sign; it matters only where a whole number of steps is odd.
    signed = np.where(rate * nodes > 1.0, np.cos(np.pi * time[:, None] / (rate or 1.0)), 1.0)
    learned = np.where(signed > 0.0, -np.expm1(log_left), 1.0 + np.exp(log_left))
    gap = teacher_variance + start_variance
    excess = left @ weights * gap + zero * gap + noise_variance * (learned**2 @ (weights / nodes))
    train = (left @ (weights * nodes) * gap + noise_variance * (left @ weights)) / ratio
    return ErrorCourse(excess, train + max(1.0 - 1.0 / ratio, 0.0) * noise_variance)


def optimal_stopping(
    ratio: float,
    *,
    teacher_variance: float = 1.0,
    noise_variance: float = 0.0,
    start_variance: float = 0.0,
) -> Least:
    r"""Return when to stop the flow, and the excess error then; never without noise.

    >>> best = optimal_stopping(0.9, noise_variance=1.0)
    >>> round(best.at, 3), round(best.error, 3)
    (0.685, 0.653)
    """
    if noise_variance == 0.0:
        end = max(1.0 - ratio, 0.0) * (teacher_variance + start_variance)
        return Least(float("inf"), end)

    def excess(time: Values) -> Values:
        return isotropic_course(
            time,
            ratio,
            teacher_variance=teacher_variance,
            noise_variance=noise_variance,
            start_variance=start_variance,
        ).excess

    return least(excess, 1e-6, 1e10)


def _log_left(
    time: Float[np.ndarray, " time"], nodes: Values, rate: float, ratio: float
) -> Float[np.ndarray, "time k"]:
    """Return the logarithm of the size of what is left of each mode's start."""
    if rate == 0.0:
        return -time[:, None] * nodes
    edge = (1.0 + np.sqrt(ratio)) ** 2
    if rate * edge > 2.0:
        raise OutOfReachError(
            f"a learning rate of {rate:g} at a largest eigenvalue of {edge:g}",
            "a product of at most 2, beyond which descent diverges",
            f"use a rate below {2.0 / edge:g}",
        )
    with np.errstate(divide="ignore"):
        per_step = np.where(
            rate * nodes < 0.5,
            np.log1p(-np.minimum(rate * nodes, 0.5)),
            np.log(np.abs(1.0 - rate * nodes)),
        )
    return np.where(time[:, None] > 0.0, time[:, None] / rate * per_step, 0.0)
