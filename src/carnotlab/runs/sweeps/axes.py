"""Settings as dimensions of labelled arrays: one for each name of a grid, or one for them all."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Axes(NamedTuple):
    """Dimensions that settings take in an `xarray.Dataset`, their sizes and coordinates."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coords: dict[str, Any]

    def variable(self, values: Array, dims: tuple[str, ...] = ()) -> tuple[tuple[str, ...], Array]:
        """Return values ``[setting, *dims]`` as a variable ``[*settings, *dims]``."""
        return (*self.dims, *dims), values.reshape(*self.shape, *values.shape[1:])


def axes_of(columns: Mapping[str, Array], size: int, grid: tuple[int, ...] | None) -> Axes:
    """Return the axes of ``size`` settings.

    Args:
        columns: Values ``[size]`` of each name, in order of rows.
        size: How many settings.
        grid: The shape of a grid, one axis a name, rows in C order; None for lists and samples,
            whose names are coordinates along ``setting``.

    >>> columns = {"lr": np.array([0.1, 0.1, 0.3, 0.3]), "width": np.array([8, 9, 8, 9])}
    >>> axes = axes_of(columns, 4, (2, 2))
    >>> axes.dims, axes.coords["width"].tolist(), axes.variable(np.zeros((4, 5)), ("time",))[0]
    (('lr', 'width'), [8, 9], ('lr', 'width', 'time'))
    """
    if grid is None:
        return Axes(("setting",), (size,), {name: ("setting", v) for name, v in columns.items()})
    coords = {
        name: np.moveaxis(values.reshape(grid), at, 0).reshape(grid[at], -1)[:, 0]
        for at, (name, values) in enumerate(columns.items())
    }
    return Axes(tuple(columns), grid, coords)
