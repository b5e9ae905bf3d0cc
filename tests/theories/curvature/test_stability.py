"""Limits in closed form against roots of the recursions, and against the library's own steps."""

import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.precision import precision
from carnotlab.experiment.rules import Adam, GradientDescent
from carnotlab.theories.curvature.stability import (
    growth,
    largest_stable_curvature,
    largest_stable_rate,
)
from carnotlab.training.optimizers import optimizer

RULES = [
    GradientDescent(0.1),
    GradientDescent(0.1, momentum=0.9),
    GradientDescent(0.1, momentum=0.9, nesterov=True),
    GradientDescent(0.3, momentum=0.3, nesterov=True),
    Adam(0.01),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_roots_leave_the_unit_circle_at_the_limit(rule):
    edge = largest_stable_curvature(rule)
    assert growth(rule, edge) == pytest.approx(1.0, abs=1e-9)
    assert growth(rule, 0.999 * edge) < 1.0 < growth(rule, 1.001 * edge)
    assert largest_stable_rate(rule, edge) == pytest.approx(rule.learning_rate)


@pytest.mark.parametrize("rule", RULES[:4], ids=str)
def test_the_librarys_steps_grow_above_the_limit_only(rule):
    edge = largest_stable_curvature(rule)
    steps = optimizer(rule)
    with precision("float64"):
        for share, grows in ((0.98, False), (1.02, True)):
            weight = jnp.ones(1)
            memory, sizes = steps.init(weight), []
            for _ in range(400):
                update, memory = steps.update(share * edge * weight, memory, weight)
                weight = weight + update
                sizes.append(abs(float(weight[0])))
            assert (max(sizes[-50:]) > max(sizes[:50])) == grows
            # The other root fades as one over the steps in this logarithm.
            seen = np.log(max(sizes[-50:]) / max(sizes[-250:-200])) / 200
            assert seen == pytest.approx(np.log(growth(rule, share * edge)), abs=2e-3)


def test_adam_with_its_preconditioner_fixed_is_heavy_ball_of_another_rate():
    assert largest_stable_curvature(Adam(0.01)) == pytest.approx(38.0 / 0.01)
    # control: the limit is neither that of descent nor of heavy ball
    assert largest_stable_curvature(Adam(0.01)) > 5.0 * largest_stable_curvature(
        GradientDescent(0.01, momentum=0.9)
    )
    assert np.isclose(growth(Adam(0.01), 100.0), growth(GradientDescent(0.001, 0.9), 100.0))
