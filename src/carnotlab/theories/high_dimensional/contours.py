r"""Quadrature of functions of matrices over time: contours around the spectrum.

.. math:: F_t(A)\,h(A) = \frac{1}{2\pi i}\oint F_t(\zeta)\,h(\zeta)\,(\zeta - A)^{-1} d\zeta

for :math:`F_t(\zeta) = e^{-t\zeta}`, or :math:`(1-\eta\zeta)^k` at k steps of gradient descent. The
trapezoidal rule converges as :math:`2.85^{-m}` with m nodes on a parabola that opens along the
spectrum and scales as 1/t. Source: weideman2007.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex

NODES = 28
"""Nodes of one parabola: 2.85 to this power is 5e12."""

FEW_STEPS = 40
"""Up to so many steps a circle needs few nodes and the parabola would leave its strip."""


class Contour(NamedTuple):
    r"""Nodes in one half plane, and weights that hold :math:`F_t\,d\zeta/2\pi i`.

    A real function's integral is twice the real part of the sum over these nodes.
    """

    nodes: Complex[np.ndarray, " m"]
    weights: Complex[np.ndarray, " m"]


def flow_contour(time: float) -> Contour:
    r"""Return the contour for :math:`e^{-t\zeta}` around any spectrum that is not negative, t > 0.

    >>> parabola = flow_contour(2.0)
    >>> value = 2.0 * np.sum(parabola.weights / (parabola.nodes - 0.3)).real
    >>> bool(abs(value - np.exp(-0.6)) < 1e-11)
    True
    """
    w, weights = _parabola()
    # ζ = −w/t turns the contour of e^w around the negative axis into ours.
    return Contour(-w / time, -np.exp(w) * weights / time)


def descent_contour(steps: int, rate: float) -> Contour:
    r"""Return the contour for :math:`(1-\eta\zeta)^k` around a spectrum below :math:`2/\eta`.

    With few steps a circle. With many, two parabolas in the logarithm of :math:`u = 1-\eta\zeta`,
    one around u > 0 and one around u < 0, which meet at u = 0, where :math:`u^k` is nothing.

    >>> both = descent_contour(100, 0.5)
    >>> value = 2.0 * np.sum(both.weights / (both.nodes - 0.02)).real
    >>> bool(abs(value - 0.99**100) < 1e-11)
    True
    """
    if steps <= FEW_STEPS:
        count = 16 * steps + 64
        angle = np.pi * (np.arange(count) + 0.5) / count
        u = (1.0 + 1.5 / max(steps, 1)) * np.exp(1j * angle)
        # Half of the circle: dζ/(2πi) = −du/(2πiη), du = iu dθ.
        return Contour((1.0 - u) / rate, -(u ** (steps + 1)) / (2.0 * count * rate))
    w, weights = _parabola()
    u = np.exp(w / steps)
    once = -np.exp(w) * u * weights / (steps * rate)
    # The parabola around u < 0 is the mirror image, taken at the conjugate points to lie in the
    # same half plane; (−1)^k is the sign that powers have there.
    mirrored = np.conj(-((-1.0) ** steps) * once)
    return Contour(
        np.concatenate([-np.expm1(w / steps) / rate, np.conj((1.0 + u) / rate)]),
        np.concatenate([once, mirrored]),
    )


def _parabola() -> tuple[Complex[np.ndarray, " m"], Complex[np.ndarray, " m"]]:
    """Return half of a parabola around the negative axis, and dw/(2πi) on it."""
    theta = np.pi * (2.0 * np.arange(NODES // 2) + 1.0) / NODES
    w = NODES * (0.1309 - 0.1194 * theta**2 + 0.25j * theta)
    slope = NODES * (-0.2388 * theta + 0.25j)
    return w, slope / (1j * NODES)
