"""What gradient flow conserves, exactly, and what one step of descent does to it."""

import jax
import numpy as np
import pytest

from carnotlab.core.precision import precision
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent, GradientFlow
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.balance import balance, balance_drift
from carnotlab.measures.layer_matrices import end_to_end_matrix, every_weight
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Gaussian
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import PowerLaw
from carnotlab.training.objective import loss_and_gradient
from carnotlab.training.train import train

TASK = LinearMap(5, 3, (2.0, 1.0), input_spectrum=PowerLaw(1.0), held_out=2)


def described(rule, duration):
    network = deep_linear(5, (6, 4), 3, initialisation=Gaussian(0.8))
    return Experiment(
        TASK, network, Training(rule, duration, record=At((0.0, duration)), precision="float64")
    )


def drift(rule, duration):
    experiment = described(rule, duration)
    return train(experiment, [balance_drift], (0, 1))["balance_drift"].values[:, -1]


def test_flow_conserves_the_balance_of_any_start_and_descent_breaks_it_by_the_step():
    assert drift(GradientFlow(1e-11, 1e-13), 4.0).max() < 1e-8
    coarse, middle, fine = (drift(GradientDescent(rate), 4.0 / rate) for rate in (0.04, 0.02, 0.01))
    assert (fine > 1e-4).all()
    np.testing.assert_allclose(coarse / middle, 2.0, rtol=0.15)
    np.testing.assert_allclose(middle / fine, 2.0, rtol=0.07)


def test_one_step_changes_it_by_the_squared_step_times_gradients():
    rate = 0.05
    experiment = described(GradientDescent(rate), 1)
    with precision("float64"):
        weights = jax.tree.map(lambda leaf: leaf[0], experiment.start((0,)))
        slope = loss_and_gradient(experiment.model, experiment.training)(
            weights, weights, TASK.data().train
        )[1]
        moved = jax.tree.map(lambda w, g: w - rate * g, weights, slope)
        old, new, gradients = (
            [np.asarray(layer["weight"]) for layer in each] for each in (weights, moved, slope)
        )
        for before, after, change in zip(
            balance(old), balance(new), balance(gradients), strict=True
        ):
            np.testing.assert_allclose(after - before, rate**2 * change, atol=1e-14)
            assert np.abs(change).max() > 1e-3


def test_matrices_are_recorded_row_by_row():
    experiment = described(GradientDescent(0.1), 1)
    found = train(experiment, [every_weight, end_to_end_matrix], (0,))
    flat = found["every_weight"].values[0, 0]
    shapes, parts = [(6, 5), (4, 6), (3, 4)], []
    for rows, columns in shapes:
        parts.append(flat[: rows * columns].reshape(rows, columns))
        flat = flat[rows * columns :]
    assert flat.size == 0
    np.testing.assert_allclose(
        parts[2] @ parts[1] @ parts[0], found["end_to_end_map"].values[0, 0], atol=1e-14
    )
    assert found["end_to_end_map"].attrs["units"] == "1"


def test_a_single_layer_has_nothing_to_balance():
    network = deep_linear(5, (), 3)
    experiment = Experiment(TASK, network, Training(duration=1, record=At((1.0,))))
    assert train(experiment, [balance_drift], (0,))["balance_drift"].values.item() == 0.0
    assert balance([np.eye(2)]) == ()
    assert pytest.approx(0.0) == np.abs(balance([np.eye(2), np.eye(2)])[0]).max()
