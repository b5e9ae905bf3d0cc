"""How many arithmetic operations a pair of images costs, to compare with what a machine can do."""

from math import prod

import numpy as np

from carnotlab.networks.description import Network
from carnotlab.networks.infinite.engine.convolutional import covered
from carnotlab.networks.infinite.engine.displacements import Wanted, moduli, pooled, wanted
from carnotlab.networks.infinite.engine.loops.codes import Operation
from carnotlab.networks.infinite.engine.program import Program, Stage, Step
from carnotlab.networks.infinite.gains import Gain
from carnotlab.networks.layers import AveragePool, SumPool

RECTIFIER = 62
"""Of one activation: 40 for a polynomial of degree 20, 22 for all else, a square root being one."""

GAINS = 7
"""Of a convolution's gains: both kernels scaled, the first added to the second, two biases."""


def operations(network: Network) -> int:
    """Return how many additions, multiplications and square roots one pair takes in float64.

    Both kernels count, the variances of single images do not: each is noted once for all pairs.

    Raises:
        NotCoveredError: if the engine does not cover the network.

    >>> from carnotlab.networks.activations import Relu
    >>> from carnotlab.networks.layers import Convolution, Dense, Flatten
    >>> one, two = (Network((8, 8, 3), (*((Convolution(16), Relu()) * depth), Flatten(), Dense(1)))
    ...             for depth in (1, 2))
    >>> operations(two) - operations(one) == 64 * (8 + GAINS + RECTIFIER)
    True
    """
    its = covered(network, (Gain(1.0, 0.0, 1.0, 0.0),) * network.depth)
    ends = wanted(its, len(its.stages) - 1, complete=True)
    channels = network.shape[-1]
    return sum(
        _of_steps(stage, at_end, channels) + _of_ending(its, index, ends)
        for index, (stage, at_end) in enumerate(zip(its.stages, ends, strict=True))
    )


def _of_steps(stage: Stage, ends: Wanted, channels: int) -> int:
    return sum(
        _of_step(step, channels) * _pairs_of_positions(stage, step.behind, ends)
        for step in stage.steps
    )


def _of_step(step: Step, channels: int) -> int:
    match step.operation:
        case Operation.LOAD_INPUT:
            return 2 * channels
        case Operation.CONVOLVE:
            kernels = 1 if step.no_tangent else 2
            sums = kernels * sum(size - 1 for size in step.size)
            return sums + GAINS + (RECTIFIER if step.together else 0)
        case Operation.ACTIVATE:
            return RECTIFIER
        case Operation.NORMALIZE:
            return 3
        case Operation.ADD:
            return 2
        case Operation.LOAD_STORED | Operation.COPY | Operation.DROP:
            return 0


def _pairs_of_positions(stage: Stage, level: int, ends: Wanted) -> int:
    """Return how many pairs of positions the displacements have at a level."""
    found = 1
    for axis, its_ends in enumerate(ends):
        its = moduli(stage, axis)
        length, modulus = its.lengths[level], its.moduli[level]
        d = np.array(its_ends) * its.factors[level]
        found *= int(np.sum(np.maximum(length - d, 0) + np.maximum(length - modulus + d, 0)))
    return found


def _of_ending(its: Program, index: int, ends: list[Wanted]) -> int:
    stage = its.stages[index]
    if not isinstance(stage.ending, AveragePool | SumPool):
        return 2 * _pairs_of_positions(stage, stage.end, ends[index])
    following = its.stages[index + 1]
    entries = (pooled(stage, following, axis, ends[index + 1][axis]) for axis in (0, 1))
    return 4 * prod(part.position.size for part in entries)
