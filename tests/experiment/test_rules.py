"""Rules and batch sizes are refused where they make no sense."""

import optax
import pytest

from carnotlab.core.errors import InputError
from carnotlab.experiment.batching import Minibatch, Online
from carnotlab.experiment.rules import Adam, GradientDescent, GradientFlow, OptaxRule, rule_kind


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GradientDescent(0.0), r"learning_rate = 0.0.*above 0"),
        (lambda: GradientDescent(float("nan")), r"learning_rate = nan"),
        (lambda: GradientDescent(0.1, 1.0), r"momentum = 1.0; required: 0 <= momentum < 1"),
        (lambda: GradientDescent(0.1, -0.1), r"momentum = -0.1"),
        (lambda: Adam(-1.0), r"learning_rate = -1.0"),
        (lambda: OptaxRule(optax.lion, 0.0), r"learning_rate = 0.0"),
        (lambda: GradientFlow(rtol=0.0), r"rtol = 0.0"),
        (lambda: GradientFlow(atol=-1.0), r"atol = -1.0"),
        (lambda: GradientFlow(max_steps=0), r"max_steps = 0"),
        (lambda: Minibatch(0), r"size = 0"),
        (lambda: Online(0), r"size = 0"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_kinds_of_rules():
    assert rule_kind(GradientDescent(0.1)) == rule_kind(GradientFlow()) == "gradient"
    assert rule_kind(Adam()) == rule_kind(OptaxRule(optax.lion, 0.1)) == "adaptive"
    assert rule_kind(OptaxRule(optax.sgd, 0.1, kind="gradient")) == "gradient"
