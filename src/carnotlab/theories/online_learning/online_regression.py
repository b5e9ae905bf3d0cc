r"""A linear student that meets each example once: what is left of its error, and its best rates.

Inputs :math:`x \sim N(0, I/N)`, labels :math:`w^*\cdot x` plus noise of variance
:math:`\sigma_e^2`, steps :math:`w \leftarrow w + \eta\,x\,(y - w\cdot x)`. The excess error on
fresh inputs, :math:`e = |w - w^*|^2/N`, obeys `continual.curriculum.error_course` at every N, and
for N large, in examples per input :math:`\alpha`,
:math:`\dot e = -\eta(2-\eta)\,e + \eta^2\sigma_e^2`. Its derivation is elementary; no source.
"""

from typing import Any, cast

import numpy as np
from jaxtyping import Float
from scipy import special  # pyright: ignore[reportMissingTypeStubs]

from carnotlab.core.errors import require, require_not_negative, require_positive

Values = Float[np.ndarray, " k"]


def steady_excess(rate: float, noise_variance: float) -> float:
    r"""Return where a constant rate ends, :math:`\eta\sigma_e^2/(2-\eta)`, for many inputs.

    Raises:
        InputError: for a rate of 2 or more, at which errors grow for ever.

    >>> steady_excess(1.0, 0.25)
    0.25
    """
    _require_rate(rate)
    require_not_negative("noise_variance", noise_variance)
    return rate * noise_variance / (2.0 - rate)


def constant_rate_excess(
    ratio: Float[np.ndarray, "*shape"] | float,
    rate: float,
    *,
    noise_variance: float = 0.0,
    start_excess: float = 1.0,
) -> Float[np.ndarray, "*shape"]:
    r"""Return the excess after :math:`\alpha` examples per input at a constant rate.

    :math:`e_\infty + (e_0 - e_\infty)\,e^{-\eta(2-\eta)\alpha}`, for many inputs.

    >>> constant_rate_excess(np.array([0.0, 1.0]), 1.0).round(6).tolist()
    [1.0, 0.367879]
    """
    end = steady_excess(rate, noise_variance)
    left = np.exp(-rate * (2.0 - rate) * np.asarray(ratio, dtype=np.float64))
    return end + (start_excess - end) * left


def annealed_excess(
    ratio: Float[np.ndarray, "*shape"] | float,
    *,
    noise_variance: float = 0.0,
    start_excess: float = 1.0,
) -> Float[np.ndarray, "*shape"]:
    r"""Return the least excess that one pass can reach, by the best rate at every example.

    The best rate is :math:`\eta = e/(e + \sigma_e^2)`, with which :math:`\dot e = -\eta e`, so

    .. math:: \ln\frac{e}{e_0} - \sigma_e^2\Bigl(\frac1e - \frac1{e_0}\Bigr) = -\alpha,

    solved by :math:`e = \sigma_e^2 / \omega(\ln\sigma_e^2 - \ln e_0 + \sigma_e^2/e_0 + \alpha)`,
    :math:`\omega` Wright's function. Late, :math:`e \approx \sigma_e^2/\alpha`. For many inputs.

    Raises:
        InputError: for a start without error, or a negative noise.

    >>> round(float(annealed_excess(0.9, noise_variance=1.0)), 3)
    0.668
    """
    require_positive("start_excess", start_excess)
    require_not_negative("noise_variance", noise_variance)
    alpha = np.asarray(ratio, dtype=np.float64)
    if noise_variance == 0.0:
        return start_excess * np.exp(-alpha)
    at_start = noise_variance / start_excess
    return noise_variance / cast("Any", special).wrightomega(np.log(at_start) + at_start + alpha)


def annealed_rates(
    examples: int, inputs: int, *, noise_variance: float = 0.0, start_excess: float = 1.0
) -> Values:
    r"""Return the best rate at each example, exact at every N.

    :math:`\eta = e / (e(1 + 2/N) + \sigma_e^2)`, with which :math:`e' = e\,(1 - \eta/N)`: each
    minimizes the error behind its example, and as a smaller error is never a worse start, all
    together minimize the last.

    >>> annealed_rates(3, 1000, noise_variance=1.0).round(3).tolist()
    [0.5, 0.499, 0.499]
    """
    require_positive("inputs", inputs)
    require_positive("start_excess", start_excess)
    require_not_negative("noise_variance", noise_variance)
    rates, excess = np.empty(examples), start_excess
    for index in range(examples):
        rates[index] = excess / (excess * (1.0 + 2.0 / inputs) + noise_variance)
        excess *= 1.0 - rates[index] / inputs
    return rates


def _require_rate(rate: float) -> None:
    require(0.0 < rate < 2.0, f"rate = {rate!r}", "above 0 and below 2", "try 0.5")
