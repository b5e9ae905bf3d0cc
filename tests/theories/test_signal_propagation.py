import numpy as np
import pytest

from carnotlab.core.errors import OutOfReachError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.activations import Linear, Relu, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.initialisation import Balanced, Orthogonal
from carnotlab.networks.layers import Dense, Residual
from carnotlab.networks.parameterization import NTK, Standard
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.theories.signal_propagation import SignalPropagation, weight_variances

TASK = GaussianRegression(5, samples=4, held_out=1)
START = Training(duration=1, record=At((0.0,)))


def experiment(hidden=(7, 9, 11), **changes):
    settings = {"activation": Tanh(), "weight_variance": 1.4, "parameterization": Standard()}
    return Experiment(TASK, mlp(5, hidden, 1, **{**settings, **changes}), START)


def predicted(case, **settings):
    found = SignalPropagation(4, **settings).predict(case)
    return {name: array.values[0] for name, array in found.data_vars.items()}


@pytest.mark.parametrize("activation", [Tanh(), Relu()])
@pytest.mark.parametrize("bias", [None, 0.3])
def test_activity_is_the_kernel_of_infinite_width(activation, bias):
    case = experiment(activation=activation, bias_variance=bias, output_variance=1.0)
    nngp = kernels(case.network, TASK.data().train.x).nngp - (bias or 0.0)
    found = predicted(case)
    scale = np.sqrt(np.diag(nngp))
    np.testing.assert_allclose(found["activity_length"][-1], np.diag(nngp), rtol=1e-9)
    cosines = (nngp / np.outer(scale, scale))[np.triu_indices(4, k=1)]
    np.testing.assert_allclose(found["activity_correlation"][-1], cosines, rtol=1e-9)


@pytest.mark.parametrize("activation", [Tanh(), Relu()])
def test_squared_gradients_add_up_to_the_tangent_kernel(activation):
    case = experiment(activation=activation, output_variance=0.7)
    ntk = kernels(case.network, TASK.data().train.x).ntk
    total = predicted(case)["gradient_length"].sum()
    np.testing.assert_allclose(total, np.trace(ntk) / 4, rtol=1e-9)


def test_a_linear_network_multiplies_lengths_and_keeps_correlations():
    case = experiment(activation=Linear(), hidden=(6, 6))
    found, x = predicted(case), TASK.data().train.x
    np.testing.assert_allclose(found["activity_length"][1], 1.4**2 * np.mean(x**2, axis=1))
    np.testing.assert_allclose(found["activity_correlation"][1], found["activity_correlation"][0])


def test_a_wide_network_is_what_is_predicted_on_average():
    case = experiment(hidden=(200, 200), bias_variance=0.1)
    theory, seeds = SignalPropagation(4), tuple(range(12))
    from carnotlab.training.train import train

    seen = train(case, theory.measures(case), seeds)
    for name, expected in predicted(case).items():
        members = seen[name].values[:, 0]
        error = members.std(axis=0) / np.sqrt(len(seeds)) + 0.01 * np.abs(expected)
        assert np.all(np.abs(members.mean(axis=0) - expected) < 5 * error), name


def test_leaving_biases_out_is_the_theory_of_a_network_without_them():
    ignored = predicted(experiment(bias_variance=0.4), biases=False)
    without = predicted(experiment(bias_variance=None))
    for name, values in ignored.items():
        np.testing.assert_allclose(values, without[name])


def test_orthogonal_layers_that_widen_give_each_output_less():
    network = mlp(
        4, (8, 8), 2, parameterization=Standard(), initialisation=Orthogonal(np.sqrt(3.0))
    )
    np.testing.assert_allclose(weight_variances(network), (1.5, 3.0, 3.0))


@pytest.mark.parametrize(
    "network",
    [
        Network(5, (Dense(1),), Standard()),
        Network(5, (Dense(4), Dense(1)), Standard()),
        Network(5, (Dense(4), Residual((Dense(4), Tanh())), Dense(1)), Standard()),
        mlp(5, (4,), 1, parameterization=NTK()),
        mlp(5, (4,), 1, parameterization=Standard(), initialisation=Balanced()),
    ],
    ids=["no hidden layer", "no activation", "residual", "NTK", "balanced"],
)
def test_what_it_says_nothing_about_is_refused(network):
    with pytest.raises(OutOfReachError) as caught:
        SignalPropagation(4).predict(Experiment(TASK, network, START))
    assert "use" in str(caught.value)
