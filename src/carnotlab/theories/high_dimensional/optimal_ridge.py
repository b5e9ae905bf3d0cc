r"""Ridge regression on white inputs at any penalty, and the penalty that generalizes best.

:math:`\hat w` minimizes :math:`|y - Xw|^2 + \gamma |w|^2`, a *sum* over P samples whose N inputs
have variance 1/N. A weight decay :math:`\kappa` on the mean loss of the library is
:math:`\gamma = P\kappa`. Errors are excess errors, as in `ridgeless_regression`. Sources:
advani2020, hastie2022.
"""

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_not_negative, require_positive
from carnotlab.theories.high_dimensional.ridgeless_regression import Ratios


def mean_inverse(ratio: Ratios, ridge: Ratios) -> Float[np.ndarray, "*shape"]:
    r"""Return :math:`m = \frac1N\mathrm{tr}(X^\top X + \gamma)^{-1}` for many inputs.

    .. math:: m = \frac{-(\gamma+\alpha-1) + \sqrt{(\gamma+\alpha-1)^2 + 4\gamma}}{2\gamma}

    Raises:
        InputError: for a ratio below 0 or a ridge that is not positive.

    >>> round(float(mean_inverse(1.0, 0.5)), 12)
    1.0
    """
    alpha, gamma = np.asarray(ratio, np.float64), np.asarray(ridge, np.float64)
    require(bool(np.all(alpha >= 0.0)), f"ratio = {ratio}", "at least 0", "take P / N")
    require(
        bool(np.all(gamma > 0.0)), f"ridge = {ridge}", "numbers above 0", "use ridgeless_excess"
    )
    b = gamma + alpha - 1.0
    root = np.sqrt(b**2 + 4.0 * gamma)
    # Of the two forms of the root, the one that adds numbers of one sign.
    return np.where(b > 0.0, 2.0 / (np.abs(b) + root), (root - b) / (2.0 * gamma))


def ridge_excess(
    ratio: Ratios,
    ridge: Ratios,
    *,
    teacher_variance: float = 1.0,
    noise_variance: float = 0.0,
) -> Float[np.ndarray, "*shape"]:
    r"""Return the excess error of ridge regression for many inputs.

    .. math:: -\sigma_w^2\gamma^2 m' + \sigma_e^2 (m + \gamma m')

    with m of `mean_inverse` and its derivative by :math:`\gamma`.

    >>> round(float(ridge_excess(1.0, 0.5, noise_variance=0.5)), 12)
    0.5
    """
    require_not_negative("teacher_variance", teacher_variance)
    require_not_negative("noise_variance", noise_variance)
    m = mean_inverse(ratio, ridge)
    gamma = np.asarray(ridge, np.float64)
    # γm² + (γ+α−1)m = 1 gives γm' = −m(1+m)/(2γm + γ+α−1), and the denominator is a root.
    root = np.sqrt((gamma + ratio - 1.0) ** 2 + 4.0 * gamma)
    slope = -m * (1.0 + m) / root
    return -teacher_variance * gamma**2 * slope + noise_variance * (m + gamma * slope)


def optimal_ridge(teacher_variance: float, noise_variance: float) -> float:
    r"""Return the penalty of least error: one over the signal-to-noise ratio, for any samples.

    It is that of the Bayesian posterior mean, hence exact at finite N and P too.

    >>> optimal_ridge(2.0, 0.5)
    0.25
    """
    require_positive("teacher_variance", teacher_variance)
    require_not_negative("noise_variance", noise_variance)
    return noise_variance / teacher_variance


def optimally_regularized_excess(
    ratio: Ratios, *, teacher_variance: float = 1.0, noise_variance: float
) -> Float[np.ndarray, "*shape"]:
    r"""Return the excess error at the best ridge, :math:`\sigma_e^2\, m(\sigma_e^2/\sigma_w^2)`.

    It falls with every sample: there is no peak.

    >>> round(float(optimally_regularized_excess(1.0, noise_variance=0.5)), 12)
    0.5
    """
    require_positive("noise_variance", noise_variance)
    return noise_variance * mean_inverse(ratio, optimal_ridge(teacher_variance, noise_variance))
