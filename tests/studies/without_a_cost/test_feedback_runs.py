"""Networks by each rule: gradient descent is that of automatic differentiation."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.studies.without_a_cost.feedback_runs import BATCH, RULES, train_by_rule
from carnotlab.tasks.digits import Digits


@pytest.mark.slow
def test_one_step_by_own_weights_is_a_gradient_step_that_automatic_differentiation_takes():
    task = Digits(60, 40)
    data = task.data()
    arrays = [jnp.asarray(part) for pair in (data.train, data.test) for part in pair]
    key = jax.random.key(3)
    train = jax.jit(partial(train_by_rule, 1, 1, tuple(arrays), jnp.ones(5), 0.1))
    outcome = train(key, jnp.asarray(RULES.index("gradient descent")))

    first, second, _, steps_key = jax.random.split(key, 4)
    weights = (
        jax.random.normal(first, (64, 5)) / 8.0,
        jnp.zeros(5),
        jax.random.normal(second, (5, 10)) / jnp.sqrt(5),
        jnp.zeros(10),
    )
    choice, _ = jax.random.split(jax.random.split(steps_key, (1, 1))[0, 0])
    rows = jax.random.randint(choice, (BATCH,), 0, 60)

    def loss(w):
        found = jnp.tanh(arrays[0][rows] @ w[0] + w[1]) @ w[2] + w[3]
        return 0.5 * jnp.sum((found - arrays[1][rows]) ** 2) / BATCH

    moved = jax.tree.map(lambda w, g: w - 0.1 * g, weights, jax.grad(loss)(weights))
    scores = jnp.tanh(arrays[2] @ moved[0] + moved[1]) @ moved[2] + moved[3]
    right = float(jnp.mean(scores.argmax(axis=1) == arrays[3].argmax(axis=1)))
    np.testing.assert_allclose(outcome[0][-1], right, atol=1e-6)
    same = train(key, jnp.asarray(RULES.index("last layer only")))
    assert float(same[1][0]) == float(outcome[1][0])
