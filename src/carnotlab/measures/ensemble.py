"""Statistics over the members of an ensemble: the seed dimension of a labelled result."""

from collections.abc import Callable
from typing import Any, TypeVar

import xarray as xr

from carnotlab.core.errors import require

X = TypeVar("X", xr.Dataset, xr.DataArray)

SEED = "seed"


def mean_over_seeds(result: X) -> X:
    r"""Average over the seed dimension, :math:`\langle z \rangle`; units and attributes are kept.

    Variables without that dimension stay as they are. A member that diverged (nan) makes the mean
    nan: it is not left out in silence.

    Raises:
        InputError: if there is no seed dimension.

    >>> losses = xr.DataArray([1.0, 3.0], dims="seed", attrs={"units": "loss"})
    >>> mean_over_seeds(losses).item(), mean_over_seeds(losses).attrs["units"]
    (2.0, 'loss')
    """
    _require_seeds(result, 1)
    return _reduce(result, _mean)


def variance_over_seeds(result: X) -> X:
    r"""Unbiased variance over the seed dimension, in squared units.

    :math:`\tfrac{1}{m-1} \sum_{i=1}^m (z_i - \langle z \rangle)^2` over :math:`m` seeds. Of
    predictions it is the prediction variance, the part of the test error due to the random start
    (geiger2020). Its ``units`` are the square of the variable's, "1" and "fraction" staying as
    they are. Variables of a data set without the seed dimension are left out; nan stays nan.

    Raises:
        InputError: if there is no seed dimension, or only one seed.

    >>> losses = xr.DataArray([1.0, 3.0], dims="seed", attrs={"units": "loss"})
    >>> variance_over_seeds(losses).item(), variance_over_seeds(losses).attrs["units"]
    (2.0, '(loss)^2')
    """
    _require_seeds(result, 2)
    if isinstance(result, xr.Dataset):
        with_seeds = [name for name, array in result.data_vars.items() if SEED in array.dims]
        return _reduce(result[with_seeds], _variance)
    return _reduce(result, _variance)


def _reduce(result: X, statistic: Callable[[xr.DataArray], xr.DataArray]) -> X:
    if isinstance(result, xr.Dataset):
        arrays = {name: statistic(array) for name, array in result.data_vars.items()}
        return xr.Dataset(arrays, attrs=result.attrs)
    return statistic(result)


def _mean(array: xr.DataArray) -> xr.DataArray:
    if SEED not in array.dims:
        return array
    return array.mean(SEED, skipna=False, keep_attrs=True)


def _variance(array: xr.DataArray) -> xr.DataArray:
    variance = array.var(SEED, ddof=1, skipna=False, keep_attrs=True)
    return variance.assign_attrs(_squared(array.attrs))


def _squared(attrs: dict[Any, Any]) -> dict[str, str]:
    changed: dict[str, str] = {}
    unit = str(attrs.get("units", "1"))
    if unit not in ("1", "fraction"):
        changed["units"] = f"({unit})^2"
    if "long_name" in attrs:
        changed["long_name"] = f"variance over seeds of the {attrs['long_name']}"
    return changed


def _require_seeds(result: xr.Dataset | xr.DataArray, least: int) -> None:
    require(
        SEED in result.dims,
        f"a result with dimensions {[str(dim) for dim in result.dims]}",
        "a seed dimension",
        "train an ensemble with several seeds",
    )
    seeds = result.sizes[SEED]
    require(
        seeds >= least,
        f"{seeds} seed" + ("" if seeds == 1 else "s"),
        f"at least {least}",
        "train with more seeds",
    )
