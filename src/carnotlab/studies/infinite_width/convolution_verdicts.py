"""What is judged of accuracies by number of images: leads, and what shuffling does to them."""

import numpy as np

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.runs.kernel_curves import FIRST_KERNEL
from carnotlab.runs.learning_curves import CHANCE, accuracies
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import largest_of
from carnotlab.studies.study import Judgement, Results, Rows, Statistic

POOLED = "convolution, pooling"
FLAT = "convolution, no pooling"
DENSE = "dense"
TRAINED = "trained residual net"
SHUFFLED = "pixels shuffled"

LEAD = Tolerance(
    Quantity(
        "rival_over_pooled",
        (),
        "1",
        "accuracy above chance at the largest size, over that of convolution with pooling",
    ),
    0.9,
    "kernels that are equally good have a quotient of 1, and its mean over five draws scatters by "
    "a few hundredths: a lead is a quotient that is further from 1 than that by a factor of two",
)
UNMOVED = Tolerance(
    Quantity(
        "kernel_difference",
        (),
        "1",
        "largest change of the tangent kernel by shuffling pixels, over its largest entry",
    ),
    1e-10,
    "inner products sum the same terms in another order: rounding of 1e-16, times the root of "
    "thousands of terms and the gain of a few layers near correlation 1",
)


def label_of(name: str, kind: str, change: str | None = None) -> str:
    """Return the label of an arm of one data set.

    >>> label_of("CIFAR-10", DENSE, SHUFFLED)
    'CIFAR-10: dense, pixels shuffled'
    """
    return f"{name}: {kind}" + (f", {change}" if change else "")


def small_data_judgements(name: str) -> tuple[Judgement, ...]:
    """Return what is judged of one data set, controls last."""
    pooled, flat, dense = (label_of(name, kind) for kind in (POOLED, FLAT, DENSE))
    pooled_shuffled, dense_shuffled = (label_of(name, kind, SHUFFLED) for kind in (POOLED, DENSE))

    def lead(label: str, role: Role, leader: str, rival: str) -> Judgement:
        arms = (leader, rival)
        return Judgement(label, role, LEAD, arms, lambda r: quotient(r[rival], r[leader]))

    def unmoved(label: str, role: Role, before: str, after: str) -> Judgement:
        def error(results: Results) -> Statistic:
            return kernel_difference(results[before], results[after])

        return Judgement(label, role, UNMOVED, (before, after), error)

    return (
        lead(f"{name}: dense against pooling", "test", pooled, dense),
        lead(f"{name}: no pooling against pooling", "test", pooled, flat),
        unmoved(f"{name}: dense, shuffled or not", "test", dense, dense_shuffled),
        unmoved(f"{name}: pooling, shuffled or not", "control", pooled, pooled_shuffled),
        lead(
            f"{name}: dense against pooling, {SHUFFLED}",
            "control",
            pooled_shuffled,
            dense_shuffled,
        ),
    )


def quotient(rival: RunResult, leader: RunResult) -> Statistic:
    """Return the statistic that is the rival's accuracy above chance over the leader's.

    Means over draws, at the largest size. Infinite where the leader is no better than chance.
    """
    chance = float(leader.observation[CHANCE])
    above = [accuracies(result)[:, -1] - chance for result in (rival, leader)]

    def statistic(rows: Rows) -> float:
        over, under = (float(np.mean(values[rows])) for values in above)
        return max(over, 0.0) / under if under > 0.0 else float("inf")

    return statistic


def kernel_difference(before: RunResult, after: RunResult) -> Statistic:
    """Return the statistic that is the largest relative difference of the first kernels."""
    one, other = (result.observation[FIRST_KERNEL.name].values for result in (before, after))
    gaps = np.abs(one - other).max(axis=(1, 2)) / np.abs(one).max(axis=(1, 2))
    return largest_of(gaps)
