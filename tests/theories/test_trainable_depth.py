import math

import numpy as np
import pytest

from carnotlab.core.errors import OutOfReachError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.activations import Relu, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.layers import Dense
from carnotlab.networks.parameterization import Standard
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.theories.trainable_depth import TrainableDepth, phase_of, relative_depth


def network(depth, activation, variance, bias):
    return mlp(
        3,
        (8,) * depth,
        1,
        activation=activation,
        weight_variance=variance,
        bias_variance=bias,
        parameterization=Standard(),
    )


def test_a_rectifiers_depth_scale_is_known():
    # Half of the variance is kept by a layer: variance 1 forgets in 1 / log 2 layers.
    found = relative_depth(network(7, Relu(), 1.0, 0.1))
    assert math.isclose(found, 7 * math.log(2), rel_tol=1e-9)


@pytest.mark.parametrize(("depth", "share"), [(8, 1.0), (9, 0.0)])
def test_the_prediction_turns_at_so_many_scales(depth, share):
    task = GaussianRegression(3, samples=4, held_out=1)
    training = Training(GradientDescent(0.1), 5, record=At((0, 5)))
    experiment = Experiment(task, network(depth, Relu(), 1.0, 0.1), training)
    # 6 / log 2 = 8.66 layers.
    found = TrainableDepth().predict(experiment)["learned_share"].values
    np.testing.assert_array_equal(found, [0.0, share])
    other = TrainableDepth(scales=20.0).predict(experiment)["learned_share"].values
    np.testing.assert_array_equal(other, [0.0, 1.0])


def test_layers_of_different_kinds_have_no_one_scale():
    layers = (Dense(4, 1.0), Tanh(), Dense(4, 2.0), Tanh(), Dense(1))
    with pytest.raises(OutOfReachError, match="2 kinds"):
        phase_of(Network(3, layers, Standard()))
