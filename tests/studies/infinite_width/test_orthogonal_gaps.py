import math

import numpy as np
import pytest

from carnotlab.measures.jacobian import JACOBIAN_MEAN, JACOBIAN_SPREAD
from carnotlab.measures.kernel_change import TANGENT_KERNEL
from carnotlab.measures.learned_share import LEARNED_SHARE
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.initialisation import Gaussian, Orthogonal
from carnotlab.studies.infinite_width.orthogonal_arms import wide_network
from carnotlab.studies.infinite_width.orthogonal_gaps import (
    best_learning_time,
    course_difference,
    kernel_difference,
    learning_time,
    spread,
    spread_gap,
    time_growth,
)
from carnotlab.theories.orthogonal_kernel_limit import gaussian_counterpart

BOTH = np.array([0, 1])


def test_the_ensembles_spread_is_that_of_all_singular_values_together(make):
    values = np.array([[1.0, 3.0, 5.0], [2.0, 2.0, 11.0]])
    means = values.mean(axis=1)
    spreads = values.var(axis=1) / means**2
    result = make.result(JACOBIAN_SPREAD, spreads[:, None], np.array([0.5]))
    result.observation["jacobian_mean"] = JACOBIAN_MEAN.label(means[:, None], ("seed", "time"))
    expected = values.var() / values.mean() ** 2
    assert spread(result)(BOTH) == pytest.approx(expected)
    assert spread_gap(result)(BOTH) == pytest.approx(abs(expected - 0.5) / 1.5)


def test_mean_kernels_are_compared(make):
    limit = 2.0 * np.eye(2)[None]
    one = make.result(TANGENT_KERNEL, np.stack([1.1 * limit, 0.9 * limit]), limit)
    other = make.result(TANGENT_KERNEL, np.stack([1.5 * limit, 0.9 * limit]), limit)
    assert kernel_difference(one, one)(BOTH) == 0.0
    assert kernel_difference(one, other)(BOTH) == pytest.approx(0.2)


def test_mean_courses_differ_where_they_are_farthest_apart(make):
    zero = np.zeros(3)
    one = make.result(LEARNED_SHARE, np.array([[0.0, 0.5, 1.0], [0.0, 0.1, 1.0]]), zero)
    other = make.result(LEARNED_SHARE, np.array([[0.0, 0.0, 1.0], [0.0, 0.2, 0.9]]), zero)
    assert course_difference(one, other)(BOTH) == pytest.approx(0.2)


def test_learning_times_and_their_growth(make):
    def run(steps):
        times = np.arange(101.0)
        share = np.minimum(times / (2.0 * steps), 1.0)
        return make.result(LEARNED_SHARE, np.stack([share, share]), np.zeros(101))

    assert learning_time(np.arange(3.0), np.array([0.6, 0.7, 0.8])) == 0.0
    assert learning_time(np.arange(3.0), np.array([0.1, 0.2, 0.3])) == math.inf
    assert best_learning_time([run(40.0), run(10.0)])(BOTH) == pytest.approx(10.0)
    growing = [[run(5.0), run(90.0)], [run(10.0)], [run(20.0)]]
    assert time_growth(growing, (4, 8, 16))(BOTH) == pytest.approx(1.0)
    assert time_growth(growing[::-1], (4, 8, 16))(BOTH) == 0.0
    assert time_growth([[run(5.0)], [run(500.0)]], (4, 8))(BOTH) == math.inf


def test_both_starts_of_the_wide_networks_share_one_kernel_at_any_width():
    x = np.random.default_rng(0).standard_normal((3, 16))
    limits = [
        kernels(gaussian_counterpart(wide_network(16, width, Orthogonal())), x).ntk
        for width in (32, 256)
    ]
    np.testing.assert_allclose(limits[0], limits[1], rtol=1e-10)
    gaussian = kernels(wide_network(16, 256, Gaussian()), x).ntk
    np.testing.assert_allclose(gaussian, limits[0], rtol=1e-10)
