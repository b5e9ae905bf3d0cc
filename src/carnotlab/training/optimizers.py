"""From a rule's description to the optax transformation that carries it out."""

from typing import assert_never

import optax

from carnotlab.core.errors import OutOfReachError
from carnotlab.experiment.rules import Adam, GradientDescent, GradientFlow, OptaxRule, Rule


def optimizer(rule: Rule) -> optax.GradientTransformation:
    """Return the transformation of a discrete rule; its numbers may be traced by JAX.

    Raises:
        OutOfReachError: for gradient flow, which has no steps.

    >>> import jax.numpy as jnp
    >>> rule = optimizer(GradientDescent(0.5))
    >>> updates, _ = rule.update(jnp.ones(1), rule.init(jnp.ones(1)))
    >>> float(updates[0])
    -0.5
    """
    match rule:
        case GradientDescent(rate, momentum, nesterov):
            # A plain zero needs no buffer; a traced momentum (one value a member) does.
            still = isinstance(momentum, float) and momentum == 0.0
            return optax.sgd(rate, None if still else momentum, nesterov)
        case Adam(rate, b1, b2, eps):
            return optax.adam(rate, b1, b2, eps)
        case OptaxRule(make, rate, options):
            return make(rate, **dict(options))
        case GradientFlow():
            raise OutOfReachError(
                "an optimizer for gradient flow", "a discrete rule", "use GradientDescent"
            )
        case _:
            assert_never(rule)
