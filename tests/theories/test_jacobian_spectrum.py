import math
from functools import reduce

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.activations import Linear, Relu, Tanh
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.description import Network
from carnotlab.networks.initialisation import Gaussian, Orthogonal
from carnotlab.networks.layers import Dense
from carnotlab.networks.parameterization import NTK, Standard
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.theories.jacobian_spectrum import (
    JacobianSpectrum,
    derivative_moments,
    largest_squared_singular_value,
)
from carnotlab.training.train import train

START = Training(duration=1, record=At((0.0,)))


def square(size, layers, activation, variance, start=None):
    network = mlp(
        size,
        (size,) * (layers - 1),
        size,
        activation=activation,
        weight_variance=variance,
        output_variance=variance,
        parameterization=Standard(),
        initialisation=start,
    )
    return Experiment(GaussianRegression(size, 1, outputs=size, held_out=1), network, START)


def predicted(experiment):
    found = JacobianSpectrum().predict(experiment)
    return float(found["jacobian_mean"][0]), float(found["jacobian_spread"][0])


def exact_second_moment(size, layers):
    """E tr (J J')^2 / N of a product of square Gaussian matrices, by Wick's theorem.

    With M = J J' and one more factor W: E tr (W M W')^2 = (1 + 1/N) tr M^2 + (tr M)^2 / N, and
    E (tr W M W')^2 = (tr M)^2 + (2/N) tr M^2.
    """
    square_of_trace, trace_of_square = size**2, float(size)
    for _ in range(layers):
        square_of_trace, trace_of_square = (
            square_of_trace + 2.0 / size * trace_of_square,
            (1.0 + 1.0 / size) * trace_of_square + square_of_trace / size,
        )
    return trace_of_square / size


def test_the_exact_moment_is_that_of_sampled_products():
    rng = np.random.default_rng(0)
    moments = []
    for _ in range(4000):
        product = reduce(np.matmul, rng.standard_normal((3, 5, 5)) / math.sqrt(5))
        gram = product @ product.T
        moments.append(np.sum(gram**2) / 5)
    error = np.std(moments) / math.sqrt(len(moments))
    assert abs(np.mean(moments) - exact_second_moment(5, 3)) < 4 * error


@pytest.mark.parametrize("layers", [1, 2, 7])
def test_gaussian_layers_add_one_each_which_the_exact_moment_tends_to(layers):
    mean, spread = predicted(square(4, layers, Linear(), 1.0))
    assert math.isclose(mean, 1.0, rel_tol=1e-12)
    assert math.isclose(spread, layers, rel_tol=1e-12)
    gaps = [abs(exact_second_moment(n, layers) - (1 + layers)) for n in (1000, 10_000)]
    # Corrections fall as one over the width.
    assert math.isclose(gaps[0] / gaps[1], 10.0, rel_tol=0.02)


def test_orthogonal_linear_networks_are_isometries_at_any_depth():
    experiment = square(6, 9, Linear(), 1.0, Orthogonal())
    assert predicted(experiment) == pytest.approx((1.0, 0.0), abs=1e-10)
    seen = train(experiment, JacobianSpectrum().measures(experiment), (0, 1))
    np.testing.assert_allclose(seen["jacobian_mean"].values, 1.0, rtol=1e-5)
    np.testing.assert_allclose(seen["jacobian_spread"].values, 0.0, atol=1e-5)


def test_rectifiers_let_half_through_and_cannot_be_isometric():
    mean, spread = predicted(square(4, 6, Relu(), 2.0, Orthogonal(math.sqrt(2.0))))
    # Five layers of units, each keeps half the directions and drops the other half.
    assert (mean, spread) == pytest.approx((2.0, 5.0))


def test_a_finite_rectifier_network_is_what_is_predicted_on_average():
    experiment = square(96, 3, Relu(), 2.0)
    _, spread = predicted(experiment)
    assert spread == pytest.approx(2.0 + 3.0)
    seen = train(experiment, JacobianSpectrum().measures(experiment), range(8))
    members = seen["jacobian_spread"].values[:, 0]
    # Four standard errors, and the finite-width correction of depth squared over width.
    assert abs(members.mean() - spread) < 4 * members.std() / math.sqrt(8) + 9 / 96


@pytest.mark.parametrize("length", [0.001, 0.01])
def test_tanh_approaches_isometry_with_the_square_of_the_length(length):
    found = derivative_moments(Tanh(), length)
    # phi'^2 = 1 - 2 z^2 to leading order, whose variance is 4 * 2 q^2.
    spread = found.fourth / found.second**2 - 1.0
    assert math.isclose(spread, 8 * length**2, rel_tol=20 * length)


def test_the_largest_value_is_the_growth_of_the_fuss_catalan_moments():
    for depth in (1, 2, 5):
        k = 4000

        def log_moment(k, depth=depth):
            n = (depth + 1) * k
            log_binomial = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
            return log_binomial - math.log(depth * k + 1)

        ratio = math.exp(log_moment(k + 1) - log_moment(k))
        assert math.isclose(ratio, largest_squared_singular_value(depth), rel_tol=2.0 / k)
    with pytest.raises(InputError, match="weight layers"):
        largest_squared_singular_value(0)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (deep_linear(4, (5,), 4), "square"),
        (Network(4, (Dense(4, 1.0, 0.1), Tanh(), Dense(4)), Standard()), "bias"),
        (Network(4, (Dense(4), Tanh()), Standard()), "at the end"),
        (Network(4, (Tanh(), Dense(4)), Standard()), "between any two"),
        (Network(4, (Dense(4), Tanh(), Dense(4)), NTK(), Gaussian()), "Standard"),
    ],
)
def test_what_it_says_nothing_about_is_refused(network, message):
    task = GaussianRegression(4, samples=2, outputs=4, held_out=1)
    with pytest.raises(OutOfReachError, match=message):
        JacobianSpectrum().predict(Experiment(task, network, START))
