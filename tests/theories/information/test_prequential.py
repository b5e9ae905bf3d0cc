import math

import numpy as np
import pytest

from carnotlab.core.data import Batch
from carnotlab.core.errors import InputError
from carnotlab.theories.information.prequential import (
    class_nats,
    doubling_blocks,
    prequential_codelength,
)

RANDOM = np.random.default_rng(0)


def laplace(seen):
    """The rule of succession for two classes, one sample after the other within a block."""

    def cost(new):
        counts, total = seen.y.sum(axis=0) + 1.0, 0.0
        for row in new.y:
            total -= math.log(counts @ row / counts.sum())
            counts = counts + row
        return total

    return cost


@pytest.mark.parametrize("ends", [(40,), (8, 16, 40), (1, 39, 40)])
def test_the_rule_of_succession_against_its_closed_form(ends):
    """Whatever the blocks: one over (n + 1) times the binomial coefficient."""
    y = np.eye(2)[(RANDOM.random(40) < 0.2).astype(int)]
    ones = int(y[:, 1].sum())
    found = prequential_codelength(laplace, Batch(np.zeros((40, 1)), y), ends)
    assert found.sum() == pytest.approx(math.log(41 * math.comb(40, ones)), rel=1e-12)
    assert len(found) == len(ends)


def test_the_first_block_can_be_given():
    batch = Batch(np.zeros((4, 1)), np.eye(2)[[0, 1, 0, 1]])
    assert prequential_codelength(laplace, batch, (2, 4), first=7.0)[0] == 7.0


def test_classes_cost_minus_the_log_of_the_softmax():
    outputs = np.array([[1000.0, 0.0, 0.0], [0.3, -0.2, 1.0]])
    found = class_nats(outputs, np.eye(3)[[1, 2]])
    assert found[0] == pytest.approx(1000.0)
    assert found[1] == pytest.approx(-1.0 + math.log(np.exp(outputs[1]).sum()))


def test_blocks_that_do_not_fit_are_refused():
    assert doubling_blocks(8) == (8,)
    with pytest.raises(InputError, match="use 64 of them"):
        doubling_blocks(100)
    with pytest.raises(InputError, match="power of two"):
        doubling_blocks(4)
    batch = Batch(np.zeros((4, 1)), np.zeros((4, 1)))
    for ends in ((), (0, 4), (2, 2, 4), (2,)):
        with pytest.raises(InputError, match="rising ends"):
            prequential_codelength(laplace, batch, ends)
