"""Closed forms against quadrature of the matrix flow, and where a potential exists."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.core.precision import precision
from carnotlab.theories.deep_linear.end_to_end_flow import end_to_end_velocity
from carnotlab.theories.deep_linear.line_integral import (
    annulus_sector,
    half_annulus_integral,
    quarter_annulus_integral,
    single_output_field,
)


def matrix_field(layers, gradient):
    """The same field by singular values of the map as a matrix, point by point."""

    def field(points):
        with precision("float64"):
            return np.stack(
                [
                    -np.asarray(end_to_end_velocity(point[None], slope[None], layers))[0]
                    for point, slope in zip(points, gradient(points), strict=True)
                ]
            )

    return field


def constant(direction):
    return lambda points: np.broadcast_to(direction, points.shape)


def quadratic(curvatures, minimum=(0.0, 0.0)):
    return lambda points: (points - np.asarray(minimum)) * np.asarray(curvatures)


def test_the_field_is_that_of_the_matrix_flow():
    points = np.random.default_rng(0).standard_normal((6, 2))
    for layers in (1, 2, 3, 5):
        slope = quadratic((2.0, 0.5), (1.0, -1.0))
        np.testing.assert_allclose(
            single_output_field(layers, slope)(points),
            matrix_field(layers, slope)(points),
            rtol=1e-12,
            atol=1e-13,
        )


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 7])
def test_half_annulus(layers):
    contour = annulus_sector(np.pi, 0.4, 1.3)
    found = contour.integral(matrix_field(layers, constant([1.7, 0.0])))
    assert found == pytest.approx(half_annulus_integral(layers, 1.7, 0.4, 1.3), abs=1e-8)
    assert (abs(found) < 1e-12) == (layers <= 2)


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_quarter_annulus(layers):
    field = matrix_field(layers, quadratic((3.0, 1.0)))
    found = annulus_sector(np.pi / 2, 0.4, 1.3).integral(field)
    assert found == pytest.approx(quarter_annulus_integral(layers, (3.0, 1.0), 0.4, 1.3), abs=1e-8)
    assert (abs(found) < 1e-12) == (layers == 1)
    # Round the half-annulus the same field does no work: that contour alone would miss it.
    assert abs(annulus_sector(np.pi, 0.4, 1.3).integral(field)) < 1e-12


def test_two_layers_descend_a_potential_for_isotropic_curvature():
    r"""F is the gradient of 2 a |w|^3 / 3 - |w| (b.w) for L = a |w|^2 / 2 - b.w."""
    a, b = 1.4, np.array([0.6, -0.9])
    field = single_output_field(2, lambda points: a * points - b)
    points = np.random.default_rng(1).standard_normal((5, 2))

    def potential(w):
        size = np.linalg.norm(w, axis=1)
        return 2 * a * size**3 / 3 - size * (w @ b)

    step = 1e-6
    slopes = np.stack(
        [
            (potential(points + step * axis) - potential(points - step * axis)) / (2 * step)
            for axis in np.eye(2)
        ],
        axis=1,
    )
    np.testing.assert_allclose(field(points), slopes, rtol=1e-7, atol=1e-8)
    for angle in (0.3, np.pi / 2, 2.0, np.pi, 4.0):
        assert abs(annulus_sector(angle, 0.4, 1.3).integral(field)) < 1e-12
    assert abs(annulus_sector(2.0, 0.4, 1.3).integral(single_output_field(3, field))) > 0.01


def test_quadrature_has_converged():
    field = single_output_field(3, constant([1.0, 0.5]))
    coarse, fine = (annulus_sector(2.0, 0.1, 2.0, nodes).integral(field) for nodes in (48, 96))
    assert coarse == pytest.approx(fine, abs=1e-13)
    assert abs(annulus_sector(2.0, 0.1, 2.0, 3).integral(field) - fine) > 1e-8


def test_refusals():
    with pytest.raises(InputError, match="radii"):
        annulus_sector(1.0, 2.0, 1.0)
    with pytest.raises(InputError, match="angle"):
        annulus_sector(7.0, 1.0, 2.0)
