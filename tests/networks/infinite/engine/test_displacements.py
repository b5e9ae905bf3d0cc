"""Displacements: nothing is lost and nothing counted twice."""

import numpy as np
import pytest

from carnotlab.networks.infinite.engine.displacements import pooled, possible
from carnotlab.networks.infinite.engine.loops.codes import Operation
from carnotlab.networks.infinite.engine.program import Level, Stage, Step
from carnotlab.networks.layers import AveragePool, SumPool
from carnotlab.networks.windows import window


@pytest.mark.parametrize(
    "pool", [SumPool(2), SumPool(3, 2), SumPool(3, 2, "same"), SumPool(4, 3, "circular")]
)
def test_a_pool_takes_every_pair_of_places_in_every_pair_of_windows(pool):
    stages = _stages(7, pool)
    n = stages[1].levels[0].lengths[1]
    found = pooled(*stages, 1, possible(n, n))
    pairs = sum(len(_covered(pool, p, 7)) for p in range(n)) ** 2
    assert found.position.size == pairs
    assert np.unique(np.stack(found[:4]), axis=1).shape[1] == pairs


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_mean_has_weights_of_one_in_all(padding):
    stages = _stages(8, AveragePool(3, 2, padding))
    n = stages[1].levels[0].lengths[1]
    found = pooled(*stages, 1, possible(n, n))
    assert np.isclose(found.weight.sum(), n**2, rtol=1e-14)


def _stages(length, pool):
    load = Step(Operation.LOAD_INPUT, 0, 0, 0, 0)
    behind = window(pool, (length,)).positions[0]
    return Stage([load], [Level((1, length))], 1, pool), Stage([load], [Level((1, behind))], 1)


def _covered(pool, place, length):
    its = window(pool, (length,))
    start = place * its.stride[0] - its.pads[0][0]
    offsets = range(start, start + its.size[0])
    return [at for at in offsets if its.circular or 0 <= at < length]
