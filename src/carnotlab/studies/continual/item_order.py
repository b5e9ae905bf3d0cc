"""Items met with different frequencies, and in which order they are learned."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import flow_time, mean_of, observed, predicted
from carnotlab.studies.semantic.taxonomy import half_times
from carnotlab.studies.study import Statistic
from carnotlab.tasks.arrays import ArrayTask, from_arrays
from carnotlab.tasks.statistics import input_output_modes


@lru_cache(maxsize=16)
def items_task(
    counts: tuple[int, ...], strengths: tuple[float, ...], shared: float = 0.0
) -> ArrayTask:
    """Return one-hot items, each as often in the set as it is met, and the property of each.

    Item i has a property of its own of strength ``strengths[i]``; with ``shared``, also that much
    of every other item's, so that items teach about each other.

    >>> items_task((2, 1), (1.0, 3.0)).data().train.y.tolist()
    [[1.0, 0.0], [1.0, 0.0], [0.0, 3.0]]
    """
    items = np.repeat(np.arange(len(counts)), counts)
    x = np.eye(len(counts))[items]
    properties = np.diag(strengths) + shared * (1.0 - np.eye(len(counts)))
    y = properties[items]
    return from_arrays(x, y, x_test=x, y_test=y, kind="regression", name="items")


def item_shares(
    result: RunResult, task: ArrayTask, strengths: tuple[float, ...], *, theory: bool = False
) -> Float[np.ndarray, "seed time items"]:
    """Return how much of each item's own property is answered, from the strengths of modes."""
    modes = input_output_modes(task)
    courses = (predicted if theory else observed)(result, MODE_STRENGTH)
    onto = np.asarray(modes.left) * np.asarray(modes.right)  # of item i on its own property
    return courses @ onto.T / np.asarray(strengths)


def frequency_violations(
    result: RunResult, task: ArrayTask, strengths: tuple[float, ...]
) -> Statistic:
    """Return the share of pairs of which the more frequent item is not half learned 2 % earlier.

    Items are in the order of their frequency. One half is chance.
    """
    time = flow_time(result)
    courses = item_shares(result, task, strengths)
    shares: list[float] = []
    for member in courses:
        half = half_times(time, member)
        pairs = [
            half[later] < 1.02 * half[first]
            for first in range(len(half))
            for later in range(first + 1, len(half))
        ]
        shares.append(float(np.mean(pairs)))

    return mean_of(np.array(shares))
