"""Codelengths and bounds of trained networks against their parts computed here."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy, SquaredError
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.information_in_weights import (
    network_bound,
    network_codelength,
    start_scales,
    trained_on,
)
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.tasks.label_noise import RandomLabels

TASK = Digits(32, 50, standardise="per feature")


def experiment(task=TASK, loss=None, outputs=10, steps=60, **options):
    training = Training(
        GradientDescent(0.3), steps, loss=loss or CrossEntropy(), record=At((float(steps),))
    )
    return Experiment(task, mlp(task.input_size, (6,), outputs, **options), training)


def test_a_linear_classifier_by_descent_written_out():
    """One block after another, softmax regression trained in NumPy from the same start."""
    training = Training(GradientDescent(0.3), 60, loss=CrossEntropy(), record=At((60.0,)))
    ex = Experiment(TASK, mlp(64, (), 10, parameterization=Standard()), training)
    from carnotlab.runs.information_in_weights import in_order_of

    samples = in_order_of(TASK.data().train, 3)
    x, y = np.asarray(samples.x), np.asarray(samples.y)
    start = np.asarray(ex.start((3,))[0]["weight"], np.float64)[0]
    expected = [8 * np.log(10)]
    for begin in (8, 16):
        w = start.copy()
        for _ in range(60):
            z = x[:begin] @ w.T
            p = np.exp(z - z.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            w -= 0.3 * (p - y[:begin]).T @ x[:begin] / begin
        z = x[begin : 2 * begin] @ w.T
        logs = z - np.log(np.exp(z).sum(1, keepdims=True))
        expected.append(-np.sum(logs * y[begin : 2 * begin]))
    np.testing.assert_allclose(network_codelength(ex, (3,))[0], expected, rtol=2e-4)


def test_other_data_take_the_place_of_the_task_s():
    data = RandomLabels(TASK).data()
    other = network_codelength(experiment(RandomLabels(TASK)), (0,))
    np.testing.assert_allclose(network_codelength(experiment(), (0,), data=data), other, rtol=1e-5)


def test_the_bound_is_around_the_trained_weights():
    ex = experiment()
    (found,) = network_bound(ex, (1,), widths=(0.5,), draws=100)
    samples = TASK.data().train
    network = trained_on(ex, 1, samples, samples)
    moved = sum(
        float(np.sum((np.asarray(now["weight"]) - np.asarray(then["weight"])) ** 2))
        for now, then in zip(network.weights, network.start, strict=True)
    )
    assert found.kl == pytest.approx(moved / (2 * 0.25), rel=1e-5)  # stored weights start at N(0,1)
    assert found.samples == 32


def test_scales_are_those_of_the_start():
    standard = experiment(parameterization=Standard(), bias_variance=0.25)
    assert start_scales(standard)[0] == {"weight": pytest.approx((2 / 64) ** 0.5), "bias": 0.5}
    with pytest.raises(OutOfReachError, match="bias that starts at zero"):
        start_scales(experiment(parameterization=Standard(), bias_variance=0.0))


def test_what_has_no_codelength_is_refused():
    with pytest.raises(OutOfReachError, match=r"use CrossEntropy\(\)"):
        network_codelength(experiment(loss=SquaredError()))
    with pytest.raises(InputError, match="a regression"):
        network_bound(experiment(GaussianRegression(3, 8), SquaredError(), 1))
    with pytest.raises(InputError, match="power of two"):
        network_codelength(experiment(Digits(100, 50)))
