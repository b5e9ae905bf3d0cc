r"""Where stochastic gradient descent settles on a quadratic, and what diffusion makes of it.

Steps :math:`w' = w - \eta v'`, :math:`v' = \beta v + Hw + \xi` with independent noise of covariance
C are linear, so the stationary covariance is exact at any rate. The diffusion
:math:`dw = -Hw\,dt + \sqrt{\eta}\,C^{1/2} dW`, time :math:`\eta` a step, is its limit of small
rates. It fails where :math:`\eta h` is not small, sees nothing but the covariance of the noise,
and takes steps for independent, which those of an epoch without replacement are not. Sources:
mandt2017, li2017, gurbuzbalaban2021.
"""

from typing import Any, cast

import numpy as np
from jaxtyping import Float
from scipy import integrate, linalg, optimize  # pyright: ignore[reportMissingTypeStubs]

from carnotlab.core.errors import OutOfReachError, require, require_positive

Matrix = Float[np.ndarray, "d d"]


def stationary_covariance(
    hessian: Matrix, noise: Matrix, rate: float, momentum: float = 0.0
) -> Matrix:
    r"""Return the covariance of the weights at any stable rate, exactly.

    Solves :math:`\Sigma = A\Sigma A^\top + \eta^2 C`, :math:`A = 1 - \eta H`, or its like for
    weights and buffer together. Where H and C commute each direction has
    :math:`\frac{\eta c}{h}\frac{1+\beta}{(1-\beta)(2(1+\beta) - \eta h)}`.

    Raises:
        OutOfReachError: if the steps do not settle.

    >>> stationary_covariance(np.eye(1), np.eye(1), 0.5).round(4).tolist()
    [[0.3333]]
    """
    d, one = len(hessian), np.eye(len(hessian))
    H, C = np.asarray(hessian, np.float64), np.asarray(noise, np.float64)
    _require_rate(rate, momentum)
    step = np.block([[one - rate * H, -rate * momentum * one], [H, momentum * one]])
    growth = float(np.abs(np.linalg.eigvals(step)).max())
    if growth >= 1.0:
        raise OutOfReachError(
            f"rate = {rate!r}, at which steps grow by {growth:.3g}",
            "a stable rate",
            "use one below 2(1 + momentum) over the largest curvature",
        )
    entering = np.vstack([-rate * one, one])
    return np.asarray(cast("Any", linalg).solve_discrete_lyapunov(step, entering @ C @ entering.T))[
        :d, :d
    ]


def diffusion_covariance(
    hessian: Matrix, noise: Matrix, rate: float, momentum: float = 0.0
) -> Matrix:
    r"""Return what the diffusion settles at: :math:`H\Sigma + \Sigma H = \frac{\eta}{1-\beta} C`.

    Per direction :math:`\eta c/2h(1-\beta)`: too small by the factor
    :math:`1 - \eta h/2(1+\beta)`. With C = H (times a constant) it is isotropic. Source: mandt2017.

    >>> diffusion_covariance(np.eye(1), np.eye(1), 0.5).tolist()
    [[0.25]]
    """
    _require_rate(rate, momentum)
    scaled = rate / (1.0 - momentum) * np.asarray(noise, np.float64)
    return np.asarray(
        cast("Any", linalg).solve_continuous_lyapunov(np.asarray(hessian, np.float64), scaled)
    )


def reshuffled_variance(rate: float, curvature: float, variance: float, samples: int) -> float:
    r"""Return the stationary variance at the ends of epochs in which each sample comes once.

    One direction, one sample a step in a new random order each epoch, gradients :math:`h w - \xi_k`
    of n samples whose :math:`\xi` have mean 0 and mean square c. With :math:`a = 1 - \eta h`,

    .. math:: \frac{\eta^2 c\,n}{n-1}\,\frac{S_2 - S_1^2/n}{1 - a^{2n}}, \quad
              S_p = \sum_{k<n} a^{pk}.

    The noise of an epoch adds up to nothing, so slow directions (:math:`\eta h n \ll 1`) keep the
    share :math:`(\eta h n)^2/12` of what independent steps leave: a diffusion with independent
    steps is wrong there however small the rate. Exact; derived from the covariance of a random
    order, :math:`-c/(n-1)`.

    >>> reshuffled_variance(0.5, 1.0, 1.0, 2) < 1.0 / 3.0
    True
    """
    require(samples >= 2, f"samples = {samples}", "at least 2", "give the size of the data")
    require_positive("curvature", curvature)
    _require_rate(rate, 0.0)
    a = 1.0 - rate * curvature
    require(abs(a) < 1.0, f"rate = {rate!r}", f"below {2.0 / curvature:g}", "use a smaller one")
    powers = a ** np.arange(samples)
    spread = float(np.sum(powers**2) - np.sum(powers) ** 2 / samples)
    return rate**2 * variance * samples / (samples - 1.0) * spread / (1.0 - a ** (2 * samples))


def stationary_excess_kurtosis(rate: float, curvature: float, noise_kurtosis: float) -> float:
    r"""Return the excess kurtosis of the weight under independent noise of a given one.

    :math:`\kappa\,\frac{1-a^2}{1+a^2}`, :math:`a = 1 - \eta h`, exact: about :math:`\kappa\eta h`
    at small rates, where weights become Gaussian whatever the noise; all of it at
    :math:`\eta h = 1`. The diffusion has none.

    >>> round(stationary_excess_kurtosis(1.0, 1.0, 3.0), 6)
    3.0
    """
    a = 1.0 - rate * curvature
    require(abs(a) < 1.0, f"rate = {rate!r}", f"below {2.0 / curvature:g}", "use a smaller one")
    return noise_kurtosis * (1.0 - a**2) / (1.0 + a**2)


def tail_index(rate: float, curvature: float = 1.0, batch: int = 1) -> float:
    r"""Return the power of the tail that least squares in one direction settles with.

    With Gaussian inputs a step multiplies the weight by :math:`1 - \eta h\chi^2_B/B`, so moments
    of order p exist iff p is below the root of :math:`E\,|1 - \eta h\chi^2_B/B|^p = 1`: power laws
    at every rate, heavier at larger rates and smaller batches, while the diffusion with constant
    noise is Gaussian. Below 2 the variance is infinite. Source: gurbuzbalaban2021.

    Raises:
        OutOfReachError: if the weight does not settle at all.

    >>> round(tail_index(2.0 / 3.0), 4)
    2.0
    """
    require_positive("rate", rate)
    require_positive("batch", batch)
    from scipy import stats  # here: it takes long to load

    chi = cast("Any", stats).chi2(batch)
    size = rate * curvature / batch

    def mean(power: float) -> float:
        def part(z: float) -> float:
            return abs(1.0 - size * z) ** power * float(chi.pdf(z))

        turn = 1.0 / size
        halves = ((0.0, turn), (turn, turn + 20.0 * batch + 80.0 * (1.0 + power)))
        quad = cast("Any", integrate).quad
        return float(sum(quad(part, *half, limit=200)[0] for half in halves))

    slope = (mean(1e-3) - 1.0) / 1e-3
    if slope >= 0.0:
        raise OutOfReachError(
            f"rate = {rate!r}, at which the weight grows without end",
            "a rate at which it settles",
            "use a smaller one",
        )
    above = 1.0
    while mean(above) < 1.0 and above < 512.0:
        above *= 2.0
    return float(cast("Any", optimize).brentq(lambda p: mean(p) - 1.0, 1e-3, above))


def _require_rate(rate: float, momentum: float) -> None:
    require_positive("rate", rate)
    require(0.0 <= momentum < 1.0, f"momentum = {momentum!r}", "0 <= momentum < 1", "try 0.9")
