"""What curves of accuracy over the number of training images share: names, keys, rough times."""

from typing import Any, TypeAlias

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.quantities import Quantity
from carnotlab.runs.run import RunResult, result_key
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


def curve_key(curve: Any, *things: Any) -> str:
    """Return a digest of a kind of curve, what describes it, code, versions and devices."""
    return result_key(type(curve), *things)


def labelled(
    quantities: tuple[Quantity, ...],
    columns: Any,
    draws: tuple[int, ...],
    sizes: tuple[int, ...],
) -> xr.Dataset:
    """Return one variable a quantity from columns over draws."""
    coords: dict[str, Any] = {"seed": list(draws), "samples": list(sizes)}
    variables = {
        quantity.name: quantity.label(np.stack(list(column)), ("seed",))
        for quantity, column in zip(quantities, columns, strict=True)
    }
    return xr.Dataset(variables).assign_coords(coords)
