"""The training description: defaults, and combinations that are refused."""

import pytest

from carnotlab.core.errors import InputError
from carnotlab.experiment.batching import Minibatch, Online
from carnotlab.experiment.rules import GradientFlow
from carnotlab.experiment.schedules import Cosine
from carnotlab.experiment.training import EarlyStopping, Training


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Training(duration=0), r"duration = 0"),
        (lambda: Training(duration=2.5), r"duration = 2.5; required: a whole number of steps"),
        (lambda: Training(weight_decay=-1.0), r"weight_decay = -1.0"),
        (lambda: EarlyStopping(0), r"patience = 0"),
        (lambda: Training(GradientFlow(), batching=Minibatch(2)), r"gradient flow with minibatch"),
        (lambda: Training(GradientFlow(), batching=Online(2)), r"full batches at a constant rate"),
        (lambda: Training(GradientFlow(), schedule=Cosine()), r"use GradientDescent"),
        (lambda: Training(GradientFlow(), early_stopping=EarlyStopping()), r"early stopping"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_flow_time_may_be_any_number():
    training = Training(GradientFlow(), duration=2.5)
    assert training.is_flow
    assert training.times[-1] == 2.5
    assert not Training().is_flow
