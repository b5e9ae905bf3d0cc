r"""Least squares without regularization: its error by the number of samples, and the peak.

N inputs of variance 1/N, P samples, a teacher with weights of variance :math:`\sigma_w^2` (so that
clean targets have that variance), label noise :math:`\sigma_e^2`. Gradient descent from weights of
variance :math:`\sigma_0^2` ends at the least-squares solution nearest to its start. Errors are
*excess* errors, :math:`\langle(\hat y - y_{\mathrm{clean}})^2\rangle` on fresh inputs: squared, no
factor ½, no noise of the test labels. Sources: advani2020, hastie2022.
"""

from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_not_negative

Ratios: TypeAlias = Float[np.ndarray, "*shape"] | float


def ridgeless_excess(
    ratio: Ratios,
    *,
    teacher_variance: float = 1.0,
    noise_variance: float = 0.0,
    start_variance: float = 0.0,
) -> Float[np.ndarray, "*shape"]:
    r"""Return the excess error of least squares for many inputs, at :math:`\alpha = P/N`.

    .. math:: (1-\alpha)(\sigma_w^2+\sigma_0^2) + \sigma_e^2\frac{\alpha}{1-\alpha}
              \;(\alpha<1),\qquad \frac{\sigma_e^2}{\alpha-1}\;(\alpha>1)

    Infinite at :math:`\alpha = 1` if there is noise.

    Raises:
        InputError: for a ratio or a variance below 0.

    >>> ridgeless_excess(np.array([0.5, 1.0, 2.0]), noise_variance=0.5).tolist()
    [1.0, inf, 0.5]
    """
    alpha = _checked(ratio, teacher_variance, noise_variance, start_variance)
    bias = np.maximum(1.0 - alpha, 0.0) * (teacher_variance + start_variance)
    if noise_variance == 0.0:
        return bias
    with np.errstate(divide="ignore"):
        gain = np.minimum(alpha, 1.0) / np.abs(1.0 - alpha)
    return bias + noise_variance * gain


def expected_ridgeless_excess(
    samples: Ratios,
    inputs: Ratios,
    *,
    teacher_variance: float = 1.0,
    noise_variance: float = 0.0,
    start_variance: float = 0.0,
) -> Float[np.ndarray, "*shape"]:
    r"""Return the mean excess error of least squares on Gaussian inputs, exact at finite N and P.

    The bias as for many inputs; noise is multiplied by :math:`P/(N-P-1)` for P < N − 1, by
    :math:`N/(P-N-1)` for P > N + 1, and has no finite mean between: the peak is where samples and
    inputs are equal, one on each side included.

    Raises:
        InputError: for numbers below 0 or a variance below 0.

    >>> expected_ridgeless_excess(np.array([5, 10, 20]), 10, noise_variance=0.4).tolist()
    [1.0, inf, 0.4444444444444445]
    """
    p, n = np.broadcast_arrays(np.asarray(samples, np.float64), np.asarray(inputs, np.float64))
    require(bool(np.all(n > 0.0)), f"inputs = {inputs}", "at least one", "give their number")
    alpha = _checked(p / n, teacher_variance, noise_variance, start_variance)
    bias = np.maximum(1.0 - alpha, 0.0) * (teacher_variance + start_variance)
    if noise_variance == 0.0:
        return bias
    short = np.abs(p - n) - 1.0
    with np.errstate(divide="ignore"):
        gain = np.where(short > 0.0, np.minimum(p, n) / np.maximum(short, 0.0), np.inf)
    return bias + noise_variance * np.where(p == 0.0, 0.0, gain)


def residual_error(ratio: Ratios, *, noise_variance: float = 1.0) -> Float[np.ndarray, "*shape"]:
    r"""Return the mean squared error left on the training samples, :math:`\sigma_e^2(1-1/\alpha)`.

    0 up to :math:`\alpha = 1`, where every label can be fitted. Exact at finite P and N.

    >>> residual_error(np.array([0.5, 4.0])).tolist()
    [0.0, 0.75]
    """
    alpha = _checked(ratio, 0.0, noise_variance, 0.0)
    return noise_variance * (1.0 - 1.0 / np.maximum(alpha, 1.0))


INTERPOLATION_THRESHOLD = 1.0
"""Samples per input at which least squares begins to miss labels, and where its error peaks."""


def least_error_below_threshold(signal_to_noise: float) -> float:
    r"""Return the samples per input beyond which more samples hurt: :math:`1 - 1/\sqrt{SNR}`.

    The local minimum of `ridgeless_excess` below the threshold; 0 if the noise is at least as
    strong as the signal, so that the error only rises.

    >>> least_error_below_threshold(4.0)
    0.5
    """
    require_not_negative("signal_to_noise", signal_to_noise)
    return max(1.0 - signal_to_noise**-0.5, 0.0) if signal_to_noise > 0.0 else 0.0


def _checked(ratio: Ratios, *variances: float) -> Float[np.ndarray, "*shape"]:
    for value in variances:
        require_not_negative("a variance", value)
    alpha = np.asarray(ratio, np.float64)
    require(
        bool(np.all(alpha >= 0.0)),
        f"ratio = {ratio}",
        "samples per input, at least 0",
        "divide the number of samples by that of inputs",
    )
    return alpha
