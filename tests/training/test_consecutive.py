"""Training in phases against training at one go, and against steps written out."""

import numpy as np
import pytest

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import InputError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent, GradientFlow
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.layer_matrices import end_to_end_matrix
from carnotlab.measures.losses import train_loss
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.training.consecutive import train_consecutively
from carnotlab.training.train import train

TASK = LinearMap(4, 2, (2.0, 1.0))


def experiment(steps, network=None, record=None):
    training = Training(
        GradientDescent(0.1), steps, record=At(record or (steps,)), precision="float64"
    )
    return Experiment(TASK, network or deep_linear(4, (5,), 2), training)


def stacked(batches):
    """One member's phases from a list of batches."""
    batch = Batch(*(np.stack(parts)[None] for parts in zip(*batches, strict=True)))
    return Data(batch, batch)


@pytest.mark.parametrize(
    "network", [deep_linear(4, (5,), 2), mlp(4, (6,), 2)], ids=["deep", "relu"]
)
def test_phases_on_the_same_samples_are_one_training(network):
    whole = train(experiment(12, network, (4, 8, 12)), (train_loss,), (3,))["train_loss"].values[0]
    phases = stacked([TASK.data().train] * 3)
    found = train_consecutively(experiment(4, network), phases, (train_loss,), (3,))
    np.testing.assert_allclose(found["train_loss"][0, :, 0], whole, rtol=1e-12)


def test_each_member_and_phase_has_its_own_samples_and_rate():
    random = np.random.default_rng(0)
    x, y = random.standard_normal((2, 3, 5, 4)), random.standard_normal((2, 3, 5, 2))
    rates = np.array([0.1, 0.05, 0.2])
    single = experiment(2, deep_linear(4, (), 2), (0, 2))
    data = Data(Batch(x, y), Batch(x, y))
    found = train_consecutively(single, data, (end_to_end_matrix,), (0, 1), rates=rates)
    found = found["end_to_end_map"]
    assert found.shape == (2, 3, 2, 2, 4)
    for member in range(2):
        w = found[member, 0, 0]
        for phase in range(3):
            np.testing.assert_allclose(found[member, phase, 0], w, rtol=1e-12)
            for _ in range(2):
                a, b = x[member, phase], y[member, phase]
                w = w - rates[phase] * (a @ w.T - b).T @ a / 5
            np.testing.assert_allclose(found[member, phase, 1], w, rtol=1e-12)


def test_refusals():
    phases = stacked([TASK.data().train])
    flow = Experiment(TASK, deep_linear(4, (5,), 2), Training(GradientFlow(), 1.0))
    with pytest.raises(InputError, match="gradient flow"):
        train_consecutively(flow, phases, (train_loss,), (0,))
    with pytest.raises(InputError, match="for 2 members"):
        train_consecutively(experiment(2), phases, (train_loss,), (0, 1))
    with pytest.raises(InputError, match="rates for 1 phases"):
        train_consecutively(experiment(2), phases, (train_loss,), (0,), rates=np.ones(2))
