"""The limiting kernel: constant in time, on the probe inputs, with its one assumption."""

import numpy as np
import pytest

from carnotlab.core.errors import OutOfReachError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import mlp
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.initialisation import Orthogonal
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.theories.tangent_kernel_limit import TangentKernelLimit
from carnotlab.training.train import train

TASK = GaussianRegression(4, samples=6, outputs=2, held_out=3)


def experiment(width, **network):
    return Experiment(
        TASK, mlp(4, (width,), 2, **network), Training(duration=2, record=At((0.0, 1.0, 2.0)))
    )


def test_the_prediction_is_the_limit_at_all_times():
    theory = TangentKernelLimit(probe=3)
    found = theory.predict(experiment(8))["tangent_kernel"]
    assert found.dims == ("time", "probe", "other_probe")
    x = TASK.data().train.x[:3]
    limit = kernels(mlp(4, (8,), 2), x).ntk
    for time in (0.0, 1.0, 2.0):
        np.testing.assert_array_equal(found.sel(time=time).values, limit)
    # Widths enter and leave as factors, up to rounding.
    other = theory.predict(experiment(9))["tangent_kernel"]
    np.testing.assert_allclose(other.values, found.values, rtol=1e-14)


def gap(width, seeds):
    theory = TangentKernelLimit(probe=4)
    described = experiment(width)
    limit = theory.predict(described)["tangent_kernel"].values[0]
    seen = train(described, theory.measures(described), seeds)["tangent_kernel"].values[:, 0]
    assert seen.shape[1:] == limit.shape
    return np.sqrt(np.mean(np.sum((seen - limit) ** 2, axis=(1, 2)))) / np.linalg.norm(limit)


def test_finite_networks_approach_it_as_one_over_the_root_of_the_width():
    """32 seeds: each gap is known to about 1 / sqrt(64) = 12 %; 0.12 sqrt(2) / ln 16 = 0.06."""
    gaps = [gap(width, range(32)) for width in (32, 512)]
    assert np.log(gaps[1] / gaps[0]) / np.log(16) == pytest.approx(-0.5, abs=0.15)


def test_the_assumption_is_about_the_narrowest_hidden_layer():
    def holds(*hidden):
        network = mlp(4, hidden, 2)
        described = Experiment(TASK, network, Training())
        (check,) = TangentKernelLimit().check(described, start=())
        return check.holds

    assert holds(32)
    assert holds(512, 64)
    assert not holds(512, 31)


def test_networks_without_a_limit_are_refused():
    with pytest.raises(OutOfReachError, match="the initialisation Orthogonal"):
        TangentKernelLimit().predict(experiment(8, initialisation=Orthogonal()))
