"""Rules as optax carries them out."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from carnotlab.core.errors import OutOfReachError
from carnotlab.experiment.rules import Adam, GradientDescent, GradientFlow, OptaxRule
from carnotlab.training.optimizers import optimizer

GRADIENTS = [jnp.array([1.0, -2.0]), jnp.array([0.5, 3.0]), jnp.array([-1.0, 0.0])]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (GradientDescent(0.1), optax.sgd(0.1)),
        (GradientDescent(0.1, 0.9), optax.sgd(0.1, 0.9)),
        (GradientDescent(0.1, 0.9, nesterov=True), optax.sgd(0.1, 0.9, nesterov=True)),
        (Adam(0.1, 0.8, 0.9, 1e-3), optax.adam(0.1, 0.8, 0.9, 1e-3)),
        (Adam(), optax.adam(1e-3)),
        (OptaxRule(optax.lion, 0.1, (("b1", 0.7),)), optax.lion(0.1, b1=0.7)),
    ],
)
def test_rules_are_those_of_optax(rule, expected):
    weights = jnp.zeros(2)
    mine, theirs = optimizer(rule).init(weights), expected.init(weights)
    for gradient in GRADIENTS:
        update, mine = optimizer(rule).update(gradient, mine, weights)
        other, theirs = expected.update(gradient, theirs, weights)
        np.testing.assert_array_equal(update, other)


def test_no_momentum_needs_no_memory():
    def size(rule):
        return sum(jnp.size(leaf) for leaf in jnp.broadcast_arrays(*_leaves(rule)))

    def _leaves(rule):
        import jax

        return jax.tree.leaves(optimizer(rule).init(jnp.zeros(7))) or [jnp.zeros(0)]

    assert size(GradientDescent(0.1)) == 0
    assert size(GradientDescent(0.1, 0.9)) >= 7


def test_gradient_flow_has_no_steps():
    with pytest.raises(OutOfReachError, match=r"an optimizer for gradient flow"):
        optimizer(GradientFlow())
