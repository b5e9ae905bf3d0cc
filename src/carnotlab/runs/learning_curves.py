"""What curves of accuracy over the number of training images share: names, keys, rough times."""

from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.quantities import Quantity
from carnotlab.runs.run import RunResult
from carnotlab.tasks.cifar10 import ImageSubset
from carnotlab.tasks.moved_digits import MovedDigits

Images: TypeAlias = ImageSubset | MovedDigits
"""Tasks whose ``seed`` draws a class-balanced sample, smaller samples being prefixes of it."""

ACCURACY = Quantity(
    "accuracy_by_samples", ("samples",), "fraction", "held-out images classified right"
)
CHANCE = "chance"
"""Variable that holds one over the number of classes."""

COMPILING = 5.0
"""Rough seconds of one compilation: curves weigh their arms by rough times, see ``remaining``."""


Accuracies: TypeAlias = Float[np.ndarray, "seed samples"]


def accuracies(result: RunResult, quantity: Quantity = ACCURACY) -> Accuracies:
    """Return the accuracies of a curve, one row a draw."""
    array = result.observation[quantity.name].transpose("seed", *quantity.dims)
    return np.asarray(array.values, dtype=np.float64)
