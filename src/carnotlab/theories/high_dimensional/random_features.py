r"""Regression on random features: the double-descent curve in width, samples and ridge.

Inputs x and N feature vectors :math:`\theta_i` are uniform on the sphere of radius
:math:`\sqrt d`; the model is :math:`\sum_i a_i\,\sigma(\langle\theta_i, x\rangle/\sqrt d)`, fitted
to n samples by minimizing :math:`\frac1n\sum(y - f)^2 + \frac{N\lambda}{d}|a|^2`. Targets are a
linear function of power :math:`F_1^2`, plus a nonlinear one of power :math:`F_*^2`, uncorrelated
with every linear one, plus noise of variance :math:`\tau^2`. Asymptotic: d, N and n large at fixed
:math:`\psi_1 = N/d` and :math:`\psi_2 = n/d`. Source: mei2022.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from carnotlab.core.errors import OutOfReachError, require, require_not_negative
from carnotlab.theories.high_dimensional.activation_moments import ActivationMoments
from carnotlab.theories.high_dimensional.effective_ridge import root_between

LEAST_NONLINEAR = 1e-6
"""Nonlinear part of an activation, relative to its linear part, below which it counts as linear."""

RIDGES = (-8.0, 4.0)
"""Decimal logarithms between which the best ridge is sought, relative to the nonlinear power."""


class ErrorParts(NamedTuple):
    """What makes up the excess error, without unit.

    ``missed`` multiplies the power of the linear part of the targets, ``noise`` that of all that
    acts as noise in fitting: the nonlinear part of the targets, and their noise.
    """

    missed: float
    noise: float


def error_parts(
    features_per_input: float,
    samples_per_input: float,
    moments: ActivationMoments,
    ridge: float = 0.0,
) -> ErrorParts:
    r"""Return what the error consists of, the source's :math:`E_1/E_0` and :math:`E_2/E_0`.

    Args:
        features_per_input: :math:`\psi_1 = N/d` > 0; ``inf`` is the kernel of infinitely many.
        samples_per_input: :math:`\psi_2 = n/d` > 0; ``inf`` is the best fit of the features.
        moments: Of the activation, from `activation_moments`.
        ridge: :math:`\lambda` as at the head of this module; 0 is its limit from above, the
            interpolator of least norm, whose error is infinite at N = n.

    Raises:
        InputError: for ratios of zero or less, both infinite, or a negative ridge.
        OutOfReachError: for a linear activation, whose features have rank d.

    >>> from carnotlab.networks.activations import Relu
    >>> from carnotlab.theories.high_dimensional.activation_moments import activation_moments
    >>> [round(part, 4) for part in error_parts(6.0, 3.0, activation_moments(Relu()))]
    [0.1726, 1.3223]
    """
    psi = features_per_input, samples_per_input
    require(
        0.0 < min(psi) < np.inf,
        f"features and samples per input {psi}",
        "numbers above 0, at most one of them infinite",
        "give N/d and n/d",
    )
    require_not_negative("ridge", ridge)
    if moments.nonlinear <= LEAST_NONLINEAR * abs(moments.linear):
        raise OutOfReachError(
            "random features of a linear activation",
            "an activation with a nonlinear part",
            "use the theory of ridge regression on the inputs",
        )
    if ridge == 0.0 and psi[0] == psi[1]:
        return ErrorParts(np.inf, np.inf)
    w1, w2, zeta2 = 1.0 / psi[0], 1.0 / psi[1], moments.ratio**2
    # The source's chi is -p, and its E0, E1, E2 are divided by -psi1 psi2, so that either ratio may
    # be infinite and every root is real.
    p = _product(w1, w2, zeta2, ridge / moments.nonlinear**2)
    r = p * zeta2
    both = w1 * w2 * (p**2 * (1.0 + r) ** 3 + r**2 * (1.0 - r) + 2.0 * p * r * (1.0 + r))
    one = r**2 * (1.0 + r)
    whole = (1.0 + r) ** 3 - both - (w1 + w2) * one
    return ErrorParts((1.0 + r) * (1.0 + w1 * p * r) / whole, (both + w2 * one) / whole)


def random_features_error(
    features_per_input: float,
    samples_per_input: float,
    moments: ActivationMoments,
    ridge: float = 0.0,
    *,
    linear_power: float = 1.0,
    nonlinear_power: float = 0.0,
    noise_variance: float = 0.0,
) -> float:
    r"""Return the mean squared error on new inputs, :math:`F_1^2 B + (F_*^2 + \tau^2) V + F_*^2`.

    Without the noise of the labels that are predicted; add ``noise_variance`` for noisy ones.
    Powers and variance are in squared target units; the first arguments are those of
    `error_parts`, which gives B and V.

    >>> from carnotlab.networks.activations import Relu
    >>> from carnotlab.theories.high_dimensional.activation_moments import activation_moments
    >>> relu = activation_moments(Relu())
    >>> random_features_error(3.0, 3.0, relu)
    inf
    >>> random_features_error(30.0, 3.0, relu) < random_features_error(1.0, 3.0, relu)
    True
    """
    for name, value in (
        ("linear_power", linear_power),
        ("nonlinear_power", nonlinear_power),
        ("noise_variance", noise_variance),
    ):
        require_not_negative(name, value)
    missed, noise = error_parts(features_per_input, samples_per_input, moments, ridge)
    disturbance = nonlinear_power + noise_variance
    spread = disturbance * noise if disturbance else 0.0
    return (linear_power * missed if linear_power else 0.0) + spread + nonlinear_power


def best_ridge(
    features_per_input: float,
    samples_per_input: float,
    moments: ActivationMoments,
    *,
    linear_power: float = 1.0,
    nonlinear_power: float = 0.0,
    noise_variance: float = 0.0,
) -> float:
    r"""Return the ridge :math:`\lambda` of the least error, found on a grid and then refined.

    Between :math:`10^{-8}` and :math:`10^4` of the activation's nonlinear power; an end of this
    range means that none, or only the mean of the targets, is best.

    >>> from carnotlab.networks.activations import Relu
    >>> from carnotlab.theories.high_dimensional.activation_moments import activation_moments
    >>> relu = activation_moments(Relu())
    >>> best = best_ridge(3.0, 3.0, relu, noise_variance=0.2)
    >>> random_features_error(3.0, 3.0, relu, best, noise_variance=0.2) < 1.0
    True
    """

    def error(logarithm: float) -> float:
        return random_features_error(
            features_per_input,
            samples_per_input,
            moments,
            moments.nonlinear**2 * 10.0**logarithm,
            linear_power=linear_power,
            nonlinear_power=nonlinear_power,
            noise_variance=noise_variance,
        )

    grid = np.linspace(*RIDGES, 49)
    least = int(np.argmin([error(float(point)) for point in grid]))
    ends = float(grid[max(least - 1, 0)]), float(grid[min(least + 1, 48)])
    found: Any = minimize_scalar(error, bounds=ends, method="bounded", options={"xatol": 1e-6})
    return float(moments.nonlinear**2 * 10.0 ** float(found.x))


def _product(w1: float, w2: float, zeta2: float, ridge: float) -> float:
    r"""Return :math:`p = -\nu_1\nu_2`, the one root of a falling function.

    On the imaginary axis both :math:`\nu` are imaginary; eliminating them leaves
    :math:`\lambda p = (1 - g/\psi_1)(1 - g/\psi_2)` with
    :math:`g = p\,(1 + \zeta^2/(1 + \zeta^2 p))`. Without ridge g is the smaller ratio.
    """
    psi = 1.0 / max(w1, w2)
    c = 1.0 + zeta2 - psi * zeta2
    root = float(np.sqrt(c**2 + 4.0 * zeta2 * psi))
    # Two forms of one root of a quadratic; each cancels where the other does not.
    most = 2.0 * psi / (c + root) if c > 0.0 else (root - c) / (2.0 * zeta2)
    if ridge == 0.0:
        return most

    def gap(p: float) -> float:
        g = p * (1.0 + zeta2 / (1.0 + zeta2 * p))
        return (1.0 - g * w1) * (1.0 - g * w2) - ridge * p

    return root_between(gap, 0.0, most, 1e-15 * most / (1.0 + ridge))
