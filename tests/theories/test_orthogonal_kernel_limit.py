import math

import numpy as np
import pytest

from carnotlab.core.errors import OutOfReachError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.activations import Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.initialisation import Balanced, Gaussian, Orthogonal
from carnotlab.networks.layers import Dense
from carnotlab.networks.parameterization import NTK
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.theories.orthogonal_kernel_limit import OrthogonalKernelLimit, gaussian_counterpart

TASK = GaussianRegression(4, samples=3, held_out=1)
START = Training(duration=1, record=At((0.0,)))


def chain(first_variance, start):
    return Network(4, (Dense(16, first_variance), Tanh(), Dense(1, 2.0)), NTK(), start)


def test_the_limit_is_that_of_gaussian_weights_of_the_same_variance():
    with pytest.raises(OutOfReachError, match=r"use weight_variance=0\.5"):
        gaussian_counterpart(chain(2.0, Orthogonal(math.sqrt(2.0))))
    narrow = chain(0.5, Orthogonal(math.sqrt(2.0)))
    assert gaussian_counterpart(narrow) == chain(0.5, Gaussian())


def test_entries_of_both_starts_have_one_variance():
    gaussian = chain(0.5, Gaussian())
    orthogonal = chain(0.5, Orthogonal(math.sqrt(2.0)))
    for layer in (0, 1):
        spreads = []
        for network in (gaussian, orthogonal):
            starts = Experiment(TASK, network, START).start(range(300))
            entries = np.asarray(starts[layer]["weight"])
            spreads.append((np.mean(entries**2), np.std(entries**2) / math.sqrt(300)))
        (one, error), (other, _) = spreads
        assert abs(one - other) < 5 * error


def test_prediction_is_the_kernel_and_any_gain_asks_no_questions():
    network = mlp(4, (16,), 1, initialisation=Orthogonal())
    experiment = Experiment(TASK, network, START)
    with pytest.raises(OutOfReachError, match="gain 1 for a layer of 4 inputs, 16 outputs"):
        OrthogonalKernelLimit(3).predict(experiment)
    found = OrthogonalKernelLimit(3, any_gain=True).predict(experiment)["tangent_kernel"]
    limit = kernels(mlp(4, (16,), 1), TASK.data().train.x).ntk
    np.testing.assert_allclose(found.values[0], limit)


def test_other_starts_are_refused():
    with pytest.raises(OutOfReachError, match="Balanced"):
        gaussian_counterpart(mlp(4, (4,), 1, initialisation=Balanced()))
