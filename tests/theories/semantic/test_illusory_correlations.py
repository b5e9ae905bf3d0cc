import numpy as np
import pytest
from scipy.integrate import solve_ivp

from carnotlab.core.errors import InputError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent, GradientFlow
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TRAIN_PREDICTION, train_prediction
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned, Gaussian
from carnotlab.tasks.arrays import from_arrays
from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
from carnotlab.theories.semantic.illusory_correlations import (
    IllusoryCorrelations,
    illusion_times,
    wrong_way,
)
from carnotlab.training.train import train

TREE = FeatureHierarchy((2, 2, 2), 0.15, 200, whiten=True)
THEORY = IllusoryCorrelations()


def course(one, start=None):
    return THEORY.predict(one, start)[TRAIN_PREDICTION.name].values


def deep(start, steps=800):
    strongest = 17.7 * np.sqrt(0.2)
    training = Training(
        GradientDescent(0.02 / strongest), steps, record=Evenly(41), precision="float64"
    )
    return Experiment(TREE, deep_linear(8, (12,), 200, initialisation=start), training)


def test_beliefs_of_an_aligned_network_follow_the_prediction_cell_by_cell():
    one = deep(Aligned(0.01))
    seen = train(one, (train_prediction,), (0,))[TRAIN_PREDICTION.name].values[0]
    wanted = course(one)
    assert np.abs(seen - wanted).max() < 1e-3
    targets = TREE.data().train.y
    peaks = wrong_way(wanted, targets)
    np.testing.assert_allclose(wrong_way(seen, targets), peaks, atol=1e-3)
    # A reference computation on another tree of eight finds 16 % of the cells on the wrong side.
    assert 0.05 < np.mean(peaks > 0.05) < 0.3
    assert 0.2 < peaks.max() < 1.0
    # An illusion is of the family: it happens before the item is known, and it passes.
    times = illusion_times(one.training.flow_times, wanted, targets)
    strong = peaks > 0.1
    assert (times[strong] > 0).all()
    assert (times[strong] < one.training.flow_times[-1] / 2).all()
    assert (np.sign(wanted[-1]) == targets).all()


def test_a_shallow_network_with_white_inputs_has_none():
    training = Training(GradientDescent(0.05), 100, record=Evenly(21), precision="float64")
    one = Experiment(TREE, deep_linear(8, (), 200, initialisation=Gaussian(1e-9)), training)
    wanted = course(one, one.start((0,)))
    seen = train(one, (train_prediction,), (0,))[TRAIN_PREDICTION.name].values
    np.testing.assert_allclose(seen, wanted, atol=1e-9)
    assert wrong_way(seen, TREE.data().train.y).max() < 1e-8


@pytest.mark.parametrize("rule", [GradientDescent(0.02), GradientFlow()])
def test_a_shallow_network_with_correlated_inputs_has_some_exactly_as_predicted(rule):
    inputs = np.linalg.cholesky(0.05 * np.eye(8) + 0.95).T * np.sqrt(8)
    task = from_arrays(inputs.T, TREE.data().train.y, kind="regression", test_fraction=0.125)
    n = task.data().train.size
    duration = 4000 if isinstance(rule, GradientDescent) else 80.0
    training = Training(rule, duration, record=Evenly(41), precision="float64")
    network = deep_linear(8, (), 200, initialisation=Gaussian(0.3))
    one = Experiment(task, network, training)
    start = one.start((0, 1))
    wanted = course(one, start)
    seen = train(one, (train_prediction,), (0, 1))[TRAIN_PREDICTION.name].values
    np.testing.assert_allclose(seen, wanted, atol=1e-6)
    assert wrong_way(seen, task.data().train.y).max() > 0.3
    assert n == 7


def test_the_flow_of_a_shallow_network_with_fewer_samples_than_inputs():
    rng = np.random.default_rng(1)
    task = from_arrays(rng.normal(size=(4, 6)), rng.normal(size=(4, 2)), test_fraction=0.25)
    training = Training(GradientFlow(), 3.0, record=Evenly(4), precision="float64")
    one = Experiment(task, deep_linear(6, (), 2), training)
    start = one.start((0,))
    x, y = task.data().train
    first = np.asarray(start[0]["weight"][0], dtype=np.float64)

    def velocity(_, w):
        return ((y - x @ w.reshape(2, 6).T).T @ x / len(x)).ravel()

    end = solve_ivp(velocity, (0, 3.0), first.ravel(), rtol=1e-10, atol=1e-12).y[:, -1]
    np.testing.assert_allclose(course(one, start)[0, -1], x @ end.reshape(2, 6).T, atol=1e-6)


def test_the_wrong_way_is_measured_from_zero_and_has_a_side_for_every_target():
    courses = np.array([[0.0, 0.0, 0.0], [-0.2, 0.4, -0.1], [1.5, -1.0, 0.0]])[:, None]
    targets = np.array([[1.0, -1.0, 0.0]])
    np.testing.assert_allclose(wrong_way(courses, targets), [[0.2, 0.4, 0.1]])
    np.testing.assert_allclose(illusion_times(np.arange(3.0), courses, targets), 1.0)
    # More than the target, on its own side, is no illusion.
    assert wrong_way(courses[[0, 2]], targets).max() == 0.0


def test_a_shallow_network_needs_its_start():
    one = Experiment(TREE, deep_linear(8, (), 200), Training())
    with pytest.raises(InputError, match="start"):
        THEORY.predict(one)
