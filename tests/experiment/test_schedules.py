"""Schedules by their formulas, written out by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.core.precision import precision
from carnotlab.experiment.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    Piecewise,
    rate_factor,
)

STEPS = 20


def cosine(step, warmup, final):
    if step < warmup:
        return step / warmup
    share = min((step - warmup) / (STEPS - warmup), 1.0)
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * share))


FORMULAS = [
    (Constant(), lambda step: 1.0),
    (Cosine(), lambda step: cosine(step, 0, 0.0)),
    (Cosine(final=0.1), lambda step: cosine(step, 0, 0.1)),
    (Cosine(warmup=5, final=0.1), lambda step: cosine(step, 5, 0.1)),
    (Piecewise((5, 12), 0.1), lambda step: 0.1 ** ((step >= 5) + (step >= 12))),
    (Piecewise(()), lambda step: 1.0),
    (InverseTime(4.0), lambda step: 1 / (1 + step / 4)),
    (Exponential(0.9), lambda step: 0.9**step),
    (Exponential(1.1), lambda step: 1.1**step),
]


@pytest.mark.parametrize(("schedule", "formula"), FORMULAS, ids=[str(s) for s, _ in FORMULAS])
def test_schedules_by_hand(schedule, formula):
    with precision("float64"):
        factors = jax.jit(jax.vmap(lambda step: rate_factor(schedule, step, STEPS)))(
            jnp.arange(STEPS + 1, dtype=jnp.int32)
        )
    expected = [formula(step) for step in range(STEPS + 1)]
    np.testing.assert_allclose(factors, expected, rtol=1e-12, atol=1e-12)


def test_one_step_of_cosine_is_at_the_full_rate():
    assert float(rate_factor(Cosine(), 0, 1)) == 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Piecewise((3, 2)), r"drops = \(3, 2\).*increasing step numbers"),
        (lambda: Piecewise((2, 2)), r"drops"),
        (lambda: Piecewise((2,), 0.0), r"factor = 0.0"),
        (lambda: Exponential(-1.0), r"factor = -1.0"),
        (lambda: InverseTime(0.0), r"steps = 0.0"),
        (lambda: Cosine(-1), r"warmup = -1"),
        (lambda: Cosine(final=-0.1), r"final = -0.1"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()
