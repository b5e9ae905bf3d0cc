"""Quantities with units: the shared names that let a prediction be laid over an observation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

# It takes as long to import as JAX, and descriptions and plans need it not.
if TYPE_CHECKING:
    import xarray as xr

Unit: TypeAlias = Literal["1", "steps", "epochs", "flow time", "loss", "fraction", "1/flow time"]
"""Units in use. ``steps``, ``epochs`` and ``flow time`` are different clocks and never mix."""


@dataclass(frozen=True)
class Quantity:
    """One observable: its name, its own dimensions, its unit and what it means.

    ``dims`` excludes the ensemble dimensions ``seed`` and ``time``, which training and theory
    put in front. Prediction and observation of one quantity share this object, hence name,
    dimensions and unit.

    >>> loss = Quantity("test_loss", (), "loss", "loss on held-out samples")
    >>> loss.label(np.zeros(3), ("time",)).attrs["units"]
    'loss'
    """

    name: str
    dims: tuple[str, ...]
    unit: Unit
    meaning: str

    def label(
        self,
        values: Any,
        leading: tuple[str, ...] = (),
        coords: Mapping[str, Any] | None = None,
    ) -> "xr.DataArray":
        """Return ``values`` of shape ``[*leading, *dims]`` as a labelled array."""
        import xarray as xr

        return xr.DataArray(
            np.asarray(values),
            dims=(*leading, *self.dims),
            coords=coords,
            name=self.name,
            attrs={"units": self.unit, "long_name": self.meaning},
        )


def labelled(
    values: Mapping[Quantity, Any],
    leading: tuple[str, ...] = (),
    coords: Mapping[Any, Any] | None = None,
) -> "xr.Dataset":
    """Return a dataset of one variable a quantity, its values ``[*leading, *dims]``.

    Values may lack the last of ``leading``: one number a seed beside a course over time.

    >>> loss = Quantity("test_loss", (), "loss", "loss on held-out samples")
    >>> rate = Quantity("learning_rate", (), "1/flow time", "rate that was chosen")
    >>> found = labelled({loss: np.zeros((2, 3)), rate: [0.1, 0.2]}, ("seed", "time"))
    >>> found["test_loss"].dims, found["learning_rate"].dims
    (('seed', 'time'), ('seed',))
    """
    import xarray as xr

    arrays = {
        quantity.name: quantity.label(each, leading[: np.ndim(each) - len(quantity.dims)])
        for quantity, each in values.items()
    }
    return xr.Dataset(arrays, coords)
