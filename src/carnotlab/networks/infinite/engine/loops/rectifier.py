r"""Compiled loops over the kernels of a rectifier, in forms where nothing cancels.

With the correlation :math:`\rho = c / \sqrt{ab}`, :math:`t = 1 - |\rho|` and
:math:`\cos\theta = |\rho|`, so that :math:`\sin\theta = \sqrt{t(2 - t)}`, and with
:math:`\theta = \sin\theta\,(1 + t\,p(t))`, the arc-cosine kernels (cho2009) of slopes :math:`n`
below zero and :math:`m` above it are

.. math::
    E[\phi\phi] = f c + \beta \sqrt{ab}\; t \sin\theta\,(1 - (1 - t)\,p(t)), \qquad
    E[\phi'\phi'] = f \mp \beta\theta, \qquad \beta = \frac{(m - n)^2}{2\pi},

where :math:`f` is :math:`(m^2 + n^2)/2` and the sign minus for :math:`c \ge 0`, else :math:`mn`
and plus. Only :math:`t` can lose digits, so in single precision covariances and :math:`t` alone
stay in float64: an error :math:`\epsilon` in :math:`t` would be :math:`\sqrt\epsilon` in
:math:`\theta`.
"""

import numpy as np

from carnotlab.networks.infinite.engine.loops.codes import (
    AT_ZERO,
    BEND,
    BIAS,
    GAIN,
    GRADIENT_BIAS,
    GRADIENT_GAIN,
    MEAN,
    OPPOSITE,
    SAME,
    Numbers,
)
from carnotlab.networks.infinite.engine.loops.compilation import compiled
from carnotlab.networks.infinite.rectifier_angles import ANGLE, CLOSE

ANGLE_32 = tuple(
    np.float32(slope)
    for slope in (
        0.005381980214801952, -0.01574707684781099, 0.02459185104827352, -0.01629899420924802,
        0.014275146695682042, 0.009014792396712372, 0.025800378262564438, 0.057110587904944644,
        0.13333432331819872, 0.3333333283713902,
    )
)  # fmt: skip
"""`rectifier_angles.ANGLE`, of the degree that float32 needs here."""


@compiled
def slope_64(t: float) -> float:
    """Return :math:`p(t)`, written out since a loop over a tuple would not be unrolled."""
    s = ANGLE[0]
    s = (((s * t + ANGLE[1]) * t + ANGLE[2]) * t + ANGLE[3]) * t + ANGLE[4]
    s = (((s * t + ANGLE[5]) * t + ANGLE[6]) * t + ANGLE[7]) * t + ANGLE[8]
    s = (((s * t + ANGLE[9]) * t + ANGLE[10]) * t + ANGLE[11]) * t + ANGLE[12]
    s = (((s * t + ANGLE[13]) * t + ANGLE[14]) * t + ANGLE[15]) * t + ANGLE[16]
    return (((s * t + ANGLE[17]) * t + ANGLE[18]) * t + ANGLE[19]) * t + ANGLE[20]


@compiled
def slope_32(t: np.float32) -> np.float32:
    """As `slope_64`, for single precision, in a form whose parts need not wait for each other."""
    t2 = t * t
    t4 = t2 * t2
    low = (ANGLE_32[6] * t + ANGLE_32[7]) * t2 + (ANGLE_32[8] * t + ANGLE_32[9])
    middle = (ANGLE_32[2] * t + ANGLE_32[3]) * t2 + (ANGLE_32[4] * t + ANGLE_32[5])
    return ((ANGLE_32[0] * t + ANGLE_32[1]) * t4 + middle) * t4 + low


@compiled
def bend_64(
    k: Numbers, t: Numbers, inverse: Numbers, other_inverse: Numbers, deviation: Numbers,
    other_deviation: Numbers, k_out: Numbers, t_out: Numbers, numbers: Numbers,
) -> None:  # fmt: skip
    """Write both kernels behind an activation, for pairs with noted deviations and inverses."""
    same, opposite, bend = numbers[SAME], numbers[OPPOSITE], numbers[BEND]
    for i in range(k.size):
        c = k[i]
        apart = 1.0 - abs(c * inverse[i] * other_inverse[i])
        apart = apart if apart > CLOSE else 0.0
        slope = slope_64(apart)
        sine = np.sqrt(apart * (2.0 - apart))
        angle = bend * sine * (1.0 + apart * slope)
        factor = same if c >= 0 else opposite
        curved = apart * sine * (1.0 - (1.0 - apart) * slope)
        k_out[i] = factor * c + bend * (deviation[i] * other_deviation[i]) * curved
        t_out[i] = t[i] * (factor - (angle if c >= 0 else -angle))


@compiled
def bent_32(
    c: float, t: np.float32, inverse: float, other_inverse: float, deviations: np.float32,
    factors: tuple[float, float], factors_t: tuple[np.float32, np.float32, np.float32],
) -> tuple[float, np.float32]:  # fmt: skip
    """Return both kernels of one pair behind an activation; only what cancels is in float64."""
    same, opposite, bend = factors_t
    one, two = np.float32(1.0), np.float32(2.0)
    positive = c >= 0
    apart = 1.0 - abs(c * inverse * other_inverse)
    rest = np.float32(apart if apart > CLOSE else 0.0)
    slope = slope_32(rest)
    sine = np.sqrt(rest * (two - rest))
    angle = bend * sine * (one + rest * slope)
    factor = same if positive else opposite
    curved = rest * sine * (one - (one - rest) * slope)
    above = np.float64(bend * deviations * curved)
    k_out = (factors[0] if positive else factors[1]) * c + above
    return k_out, t * (factor - (angle if positive else -angle))


@compiled
def bend_32(
    k: Numbers, t: Numbers, inverse: Numbers, other_inverse: Numbers, deviation: Numbers,
    other_deviation: Numbers, k_out: Numbers, t_out: Numbers, numbers: Numbers,
    numbers_t: Numbers,
) -> None:  # fmt: skip
    """As `bend_64`, where only what cancels is in float64: covariance and distance from ±1."""
    factors = numbers[SAME], numbers[OPPOSITE]
    factors_t = numbers_t[SAME], numbers_t[OPPOSITE], numbers_t[BEND]
    for i in range(k.size):
        k_out[i], t_out[i] = bent_32(
            k[i], t[i], inverse[i], other_inverse[i], deviation[i] * other_deviation[i], factors,
            factors_t,
        )  # fmt: skip


@compiled
def bend_behind_three_32(
    k: Numbers, t: Numbers, lanes: int, inverse: Numbers, other_inverse: Numbers,
    deviation: Numbers, other_deviation: Numbers, k_out: Numbers, t_out: Numbers,
    numbers: Numbers, numbers_t: Numbers,
) -> None:  # fmt: skip
    """Do `filters.gains_of_three` and `bend_32` at once: what is between stays in registers."""
    size = k_out.size
    gain, bias, t_gain = numbers[GAIN], numbers[BIAS], numbers_t[GAIN]
    k_gradient, bias_gradient = numbers[GRADIENT_GAIN], numbers[GRADIENT_BIAS]
    factors = numbers[SAME], numbers[OPPOSITE]
    factors_t = numbers_t[SAME], numbers_t[OPPOSITE], numbers_t[BEND]
    k0, k1, k2 = k[:size], k[lanes : lanes + size], k[2 * lanes : 2 * lanes + size]
    t0, t1, t2 = t[:size], t[lanes : lanes + size], t[2 * lanes : 2 * lanes + size]
    for i in range(size):
        total = (k0[i] + k1[i]) + k2[i]
        c = gain * total + bias
        own = np.float32(k_gradient * total + bias_gradient)
        tangent = t_gain * ((t0[i] + t1[i]) + t2[i]) + own
        k_out[i], t_out[i] = bent_32(
            c, tangent, inverse[i], other_inverse[i], deviation[i] * other_deviation[i], factors,
            factors_t,
        )  # fmt: skip


@compiled
def flat_where_zero(
    t: Numbers, deviation: Numbers, other_deviation: Numbers, t_out: Numbers, numbers: Numbers
) -> None:
    """Take the slope at zero on every side whose deviation is zero."""
    at_zero, mean = numbers[AT_ZERO], numbers[MEAN]
    for i in range(t.size):
        if deviation[i] == 0 or other_deviation[i] == 0:
            slope = mean if deviation[i] > 0 else at_zero
            t_out[i] = t[i] * slope * (mean if other_deviation[i] > 0 else at_zero)


@compiled
def bend_itself(
    k: Numbers, t: Numbers, inverse: Numbers, deviation: Numbers, k_out: Numbers, t_out: Numbers,
    numbers: Numbers,
) -> bool:  # fmt: skip
    """Follow variances, whose correlation is 1, and note deviations; whether any was zero."""
    any_zero = False
    same = numbers[SAME]
    for i in range(k.size):
        variance = k[i]
        root = np.sqrt(variance)
        above = variance > 0
        deviation[i] = root
        inverse[i] = 1.0 / (root if above else 1.0) if above else 0.0
        any_zero = any_zero or not above
        k_out[i] = same * variance
        t_out[i] = t[i] * (same if above else numbers[AT_ZERO] ** 2)
    return any_zero
