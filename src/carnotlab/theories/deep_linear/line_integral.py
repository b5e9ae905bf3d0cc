r"""Around some closed paths the end-to-end flow does net work, so it descends no function.

For a single output the end-to-end flow of N balanced layers is :math:`\dot w = -F(w)`,

.. math:: F(w) = |w|^{2-2/N} \left(\nabla L + (N-1)\, \hat w \hat w^\top \nabla L\right),

:math:`\hat w = w/|w|`. Were F the gradient of a function, its integral around every closed path
would vanish. Source: arora2018.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require

Field = Callable[[Float[np.ndarray, "point 2"]], Float[np.ndarray, "point 2"]]
"""From points of the plane to the vectors there."""


class Contour(NamedTuple):
    """A closed path as a quadrature rule: ``points`` and the weighted tangents ``steps`` there."""

    points: Float[np.ndarray, "point 2"]
    steps: Float[np.ndarray, "point 2"]

    def integral(self, field: Field) -> float:
        r"""Return :math:`\oint F \cdot dw`."""
        return float(np.sum(field(self.points) * self.steps))

    def length_integral(self, field: Field) -> float:
        r"""Return :math:`\oint |F \cdot dw|`, against which the integral is small or large."""
        return float(np.sum(np.abs(np.sum(field(self.points) * self.steps, axis=1))))


def annulus_sector(angle: float, inner: float, outer: float, nodes: int = 48) -> Contour:
    r"""Return the boundary of the part of an annulus between angle 0 and ``angle``, anticlockwise.

    Out along angle 0, along the outer arc, back in, along the inner arc; Gauss–Legendre nodes on
    each piece, where the field is smooth, so that 48 give rounding. The origin, where the field
    has no derivative, stays outside. ``angle`` :math:`\pi` is the half-annulus.

    Raises:
        InputError: unless 0 < inner < outer and 0 < angle < 2π.

    >>> round(annulus_sector(np.pi, 1.0, 2.0).integral(lambda w: np.stack([-w[:, 1], w[:, 0]], 1)
    ...       ) / np.pi, 12)  # twice the area, 3 pi / 2
    3.0
    """
    require(0.0 < inner < outer, f"radii {inner} and {outer}", "0 < inner < outer", "swap them")
    require(0.0 < angle < 2 * np.pi, f"angle = {angle}", "an angle below 2 pi", "try np.pi")
    places, weights = np.polynomial.legendre.leggauss(nodes)

    def line(begin: float, end: float) -> tuple[np.ndarray, np.ndarray]:
        half = 0.5 * (end - begin)
        return 0.5 * (begin + end) + half * places, half * weights

    def ray(at: float, begin: float, end: float) -> tuple[np.ndarray, np.ndarray]:
        radius, weight = line(begin, end)
        along = np.array([np.cos(at), np.sin(at)])
        return radius[:, None] * along, weight[:, None] * along

    def arc(radius: float, begin: float, end: float) -> tuple[np.ndarray, np.ndarray]:
        at, weight = line(begin, end)
        outward = np.stack([np.cos(at), np.sin(at)], axis=1)
        forward = np.stack([-np.sin(at), np.cos(at)], axis=1)
        return radius * outward, radius * weight[:, None] * forward

    pieces = (
        ray(0.0, inner, outer),
        arc(outer, 0.0, angle),
        ray(angle, outer, inner),
        arc(inner, angle, 0.0),
    )
    return Contour(*(np.concatenate(part) for part in zip(*pieces, strict=True)))


def half_annulus_integral(layers: float, gradient: float, inner: float, outer: float) -> float:
    r"""Return :math:`\oint F\cdot dw` over the half-annulus whose diameter lies along the gradient.

    For a gradient of constant size g and direction (the first axis),
    :math:`2g\left[\frac{N^2}{3N-2} - 1\right](R^{3-2/N} - r^{3-2/N})`: zero at N = 1 and 2 only,
    positive beyond. Source: arora2018.

    >>> [round(half_annulus_integral(layers, 1.0, 0.5, 1.0), 4) for layers in (1, 2, 3, 4)]
    [0.0, 0.0, 0.458, 0.9879]
    """
    excess = layers**2 / (3.0 * layers - 2.0) - 1.0
    power = 3.0 - 2.0 / layers
    return 2.0 * gradient * excess * (outer**power - inner**power)


def quarter_annulus_integral(
    layers: float, curvatures: tuple[float, float], inner: float, outer: float
) -> float:
    r"""Return :math:`\oint F\cdot dw` over the quarter-annulus for a quadratic loss about zero.

    For :math:`L = \tfrac12(a_x w_x^2 + a_y w_y^2)`, contour from the x to the y axis,
    :math:`(a_x - a_y)\left[\frac{N^2}{4N-2} - \frac12\right](R^{4-2/N} - r^{4-2/N})`. At N = 2 it
    is :math:`(a_x - a_y)(R^3 - r^3)/6`: two layers follow a gradient where the curvature is the
    same in all directions, and not where inputs are correlated. Around the half-annulus this
    field does no net work at any N, so that contour alone misses it.

    >>> round(quarter_annulus_integral(2, (3.0, 1.0), 1.0, 2.0), 6)
    2.333333
    >>> quarter_annulus_integral(1, (3.0, 1.0), 1.0, 2.0)
    0.0
    """
    excess = layers**2 / (4.0 * layers - 2.0) - 0.5
    power = 4.0 - 2.0 / layers
    return (curvatures[0] - curvatures[1]) * excess * (outer**power - inner**power)


def single_output_field(layers: float, gradient: Field) -> Field:
    r"""Return :math:`F(w)`, minus the end-to-end velocity, for a single output and two inputs.

    ``gradient`` maps points to :math:`\nabla L` there.

    >>> field = single_output_field(2, lambda w: np.ones_like(w))
    >>> field(np.array([[4.0, 0.0]])).tolist()
    [[8.0, 4.0]]
    """

    def field(points: Float[np.ndarray, "point 2"]) -> Float[np.ndarray, "point 2"]:
        size = np.linalg.norm(points, axis=1, keepdims=True)
        along, slope = points / size, gradient(points)
        radial = np.sum(along * slope, axis=1, keepdims=True) * along
        return size ** (2.0 - 2.0 / layers) * (slope + (layers - 1.0) * radial)

    return field
