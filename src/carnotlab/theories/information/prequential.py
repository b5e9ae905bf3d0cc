r"""Prequential codelength: what labels cost if each block is coded by what the earlier ones taught.

A learner is trained on the first samples, codes the labels of the next block at
:math:`-\ln p(y\,|\,x)`, is trained on both, codes the next, and so on: sender and receiver need the
inputs, the learner and its random numbers, but no weights. The sum is the length of a code for all
labels; what it is shorter than the uniform code, :math:`n \ln k`, the learner has understood.
Random labels cannot be coded shorter than that on average, by any learner. For a Bayesian learner
the sum is minus the log of the evidence, whatever the blocks. Sources: dawid1984, blier2018.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Batch
from carnotlab.core.errors import require

Fit = Callable[[Batch], Callable[[Batch], float]]
"""From samples to a function from further samples to minus the log of their probability, nats."""


def doubling_blocks(samples: int, first: int = 8) -> tuple[int, ...]:
    """Return the ends of blocks, each as long as all before it together.

    Raises:
        InputError: unless ``samples`` is ``first`` times a power of two.

    >>> doubling_blocks(64)
    (8, 16, 32, 64)
    """
    doublings = round(math.log2(samples / first)) if samples >= first >= 1 else -1
    require(
        doublings >= 0 and first * 2**doublings == samples,
        f"{samples} samples in blocks that double from {first}",
        "first times a power of two",
        f"use {first * 2 ** max(int(math.log2(max(samples / first, 1))), 0)} of them",
    )
    return tuple(first * 2**k for k in range(doublings + 1))


def prequential_codelength(
    fit: Fit, batch: Batch, ends: Sequence[int], first: float | None = None
) -> Float[np.ndarray, " blocks"]:
    """Return the cost of each block in nats, the first of what is known without any sample.

    Args:
        fit: The learner, trained anew on each prefix of the samples.
        batch: Samples in the order they are coded.
        ends: Where blocks end, rising to the number of samples.
        first: Cost of the first block; by default the learner's own, fitted to no samples.

    Raises:
        InputError: for ends that do not rise to the number of samples.

    >>> coin = lambda seen: lambda new: new.size * math.log(2.0)
    >>> samples = Batch(np.zeros((4, 1)), np.zeros((4, 1)))
    >>> prequential_codelength(coin, samples, (2, 4)).round(4).tolist()
    [1.3863, 1.3863]
    """
    require(
        len(ends) > 0
        and ends[0] > 0
        and all(a < b for a, b in pairwise(ends))
        and ends[-1] == batch.size,
        f"blocks that end at {tuple(ends)} of {batch.size} samples",
        "rising ends, the last at the number of samples",
        "use doubling_blocks",
    )
    costs = [fit(_part(batch, 0, 0))(_part(batch, 0, ends[0])) if first is None else first]
    for begin, end in pairwise(ends):
        costs.append(fit(_part(batch, 0, begin))(_part(batch, begin, end)))
    return np.asarray(costs, dtype=np.float64)


def class_nats(
    outputs: Float[np.ndarray, "n k"], targets: Float[np.ndarray, "n k"]
) -> Float[np.ndarray, " n"]:
    r"""Return :math:`-\ln p` of each sample's class, p the softmax of the outputs.

    >>> class_nats(np.zeros((1, 4)), np.eye(4)[:1]).round(4).tolist()
    [1.3863]
    """
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.take_along_axis(logs, np.argmax(targets, axis=1)[:, None], axis=1)[:, 0]


def _part(batch: Batch, begin: int, end: int) -> Batch:
    return Batch(np.asarray(batch.x)[begin:end], np.asarray(batch.y)[begin:end])
