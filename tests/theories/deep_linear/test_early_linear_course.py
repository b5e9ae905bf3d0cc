"""The early linear course of tanh and rectifiers, against layers integrated unit by unit."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientFlow
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.activations import Erf, Linear, Relu, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.initialisation import Gaussian
from carnotlab.networks.parameterization import NTK, Standard
from carnotlab.tasks.arrays import from_arrays
from carnotlab.theories.deep_linear.early_linear_course import (
    DEPARTED,
    EarlyLinearCourse,
    departure_strengths,
    linear_gain,
)
from carnotlab.theories.deep_linear.mode_dynamics import strength_at
from carnotlab.theories.deep_linear.modes import DeepLinearModes

STRENGTH = 3.0
Z = np.random.default_rng(0).standard_normal(150)
Z = np.concatenate([Z, -Z]) / np.sqrt(np.mean(Z**2))
TASK = from_arrays(
    Z[:, None], STRENGTH * Z[:, None], x_test=Z[:, None], y_test=Z[:, None], kind="regression"
)


def experiment(activation, units=12, duration=1.6, start=0.02, **changes):
    fields = {
        "activation": activation,
        "weight_variance": 1.0,
        "parameterization": Standard(),
        "initialisation": Gaussian(start),
        **changes,
    }
    training = Training(GradientFlow(), duration, record=Evenly(60), precision="float64")
    return Experiment(TASK, mlp(1, (units,), 1, **fields), training)


def by_units(activation, slope, first, second, times):
    """Gradient flow of every unit's two weights on the samples, written out."""

    def velocity(_t, flat):
        a, b = flat.reshape(2, -1)
        h = np.outer(Z, a)
        error = STRENGTH * Z - activation(h) @ b
        return np.concatenate(
            [
                np.mean(error[:, None] * b * slope(h) * Z[:, None], 0),
                np.mean(error[:, None] * activation(h), 0),
            ]
        )

    solved = solve_ivp(
        velocity,
        (0, times[-1]),
        np.concatenate([first, second]),
        "DOP853",
        times,
        rtol=1e-9,
        atol=1e-12,
    )
    a, b = solved.y.reshape(2, len(first), -1)
    return np.array(
        [np.mean(Z * (activation(np.outer(Z, a[:, k])) @ b[:, k])) for k in range(len(times))]
    )


def parts(one, seed=0):
    start = one.start((seed,))
    first, second = (np.asarray(layer["weight"], np.float64)[0] for layer in start)
    found = EarlyLinearCourse().predict(one, start)
    return (
        first[:, 0],
        second[0],
        found["mode_strength"].values[0, :, 0],
        float(found["departure_strength"][0]),
        one.training.flow_times,
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_tanh_leaves_the_linear_course_where_predicted(seed):
    one = experiment(Tanh(), units=8)
    first, second, linear, departure, times = parts(one, seed)
    seen = by_units(np.tanh, lambda h: 1.0 / np.cosh(h) ** 2, first, second, times)
    settled = linear > 20.0 * linear[0]
    gap = 1.0 - seen / linear
    # A tenth of the departure, a tenth of the deviation: the formula is linear in the strength.
    early = settled & (linear < departure)
    np.testing.assert_allclose(
        gap[early], DEPARTED * linear[early] / departure, atol=0.3 * DEPARTED
    )
    at = np.interp(np.log(departure), np.log(linear), gap)
    assert at == pytest.approx(DEPARTED, rel=0.3)


def test_tanh_deviation_is_of_first_order_with_the_coefficient_given():
    """Without the decaying part of a start: what is measured tends to what is predicted."""
    one = experiment(Tanh(), units=5)
    both = 0.003 * np.array([0.5, -0.2, 0.7, 0.1, -0.4])
    departure = departure_strengths(one, [(both[:, None], both[None])])[0]
    times = np.linspace(0.0, 1.7, 80)
    start = np.array([np.sum(both**2)])
    linear = strength_at(times, 2, np.array([STRENGTH]), start, np.ones(1))[:, 0]
    seen = by_units(np.tanh, lambda h: 1.0 / np.cosh(h) ** 2, both, both, times)
    slope = (1.0 - seen / linear) * departure / (DEPARTED * linear)
    ratio = linear / departure
    # Corrections are of the order of the strength itself: half of it where it is half departed.
    for most, error in ((0.5, 0.15), (0.1, 0.04)):
        at = (ratio > 0.5 * most) & (ratio < most)
        assert at.sum() >= 3
        np.testing.assert_allclose(slope[at], 1.0, atol=error)


def test_rectifiers_follow_half_the_gain_and_wide_ones_to_the_end():
    one = experiment(Relu(), units=400, duration=3.2)
    first, second, linear, departure, times = parts(one)
    assert departure == np.inf
    seen = by_units(lambda h: np.maximum(h, 0), lambda h: (h > 0) * 1.0, first, second, times)
    settled = linear > 20.0 * linear[0]
    np.testing.assert_allclose(seen[settled], linear[settled], rtol=0.03)
    assert linear[-1] > 0.9 * STRENGTH


def test_rectifiers_all_of_one_sign_depart():
    one = experiment(Relu(), units=3)
    layers = [(np.array([[0.1], [0.2], [0.1]]), np.array([[0.1, 0.2, 0.1]]))]
    assert departure_strengths(one, layers)[0] == pytest.approx(DEPARTED * STRENGTH)
    mixed = [(np.array([[0.1], [-0.1]]), np.array([[0.1, -0.1]]))]
    assert departure_strengths(one, mixed)[0] == np.inf


def test_without_an_activation_it_is_the_theory_of_linear_modes():
    one = experiment(Linear())
    start = one.start((0, 1))
    found = EarlyLinearCourse().predict(one, start)
    np.testing.assert_allclose(
        found["mode_strength"].values,
        DeepLinearModes().predict(one, start)["mode_strength"].values,
        rtol=1e-12,
    )
    assert np.isinf(found["departure_strength"].values).all()


def test_assumptions_see_a_large_start_and_inputs_of_one_sign():
    held = {
        c.name: c.holds
        for c in EarlyLinearCourse().check(experiment(Tanh()), experiment(Tanh()).start((0,)))
    }
    assert all(held.values())
    large = experiment(Tanh(), start=2.0)
    checks = {c.name: c.holds for c in EarlyLinearCourse().check(large, large.start((0,)))}
    assert not checks["small start"]
    x = np.abs(Z)[:, None]
    one_sign = from_arrays(x, x, x_test=x, y_test=x, kind="regression")
    lopsided = Experiment(one_sign, experiment(Relu()).network, experiment(Relu()).training)
    checks = {c.name: c.holds for c in EarlyLinearCourse().check(lopsided, lopsided.start((0,)))}
    assert not checks["inputs of both signs"]


def test_refusals_say_what_to_use():
    with pytest.raises(OutOfReachError, match="Erf in the early"):
        linear_gain(experiment(Erf()))
    with pytest.raises(OutOfReachError, match="use parameterization=Standard"):
        linear_gain(experiment(Tanh(), parameterization=NTK()))
    with pytest.raises(OutOfReachError, match="without biases"):
        linear_gain(experiment(Tanh(), bias_variance=0.1))
    with pytest.raises(InputError, match="without its weights"):
        EarlyLinearCourse().predict(experiment(Tanh()))
    assert jnp.asarray(linear_gain(experiment(Relu()))) == 0.5
