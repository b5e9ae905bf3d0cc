"""NetCDF 3 through SciPy: one flat file of all arrays."""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from carnotlab.core.errors import InputError
from carnotlab.runs.export.tidy import Part

EXACT = 2**53
"""Whole numbers up to here are the same as double-precision numbers."""

INT32 = 2**31
NARROW = {"i1": "i1", "i2": "i2", "i4": "i4", "u1": "i2", "u2": "i4", "f2": "f4"}
"""Types of the format that hold those of NumPy exactly."""

Values = np.ndarray[Any, Any]


def write_netcdf(parts: Sequence[Part], file: Path) -> tuple[str, ...]:
    """Write a NetCDF 3 file; return in words what it cannot hold as it was.

    The format has neither groups nor 64-bit integers, booleans or complex numbers. Labels such as
    arm and side become the beginning of names, with ``__`` after them, and attributes; a dimension
    keeps its name where it has the same labels in every part.

    Raises:
        InputError: if whole numbers are too large for any of the format's types.
    """
    lost: dict[str, None] = {}
    shared = _shared_dims([dataset for _, dataset in parts])
    variables: dict[str, xr.Variable] = {}
    coords: set[str] = set()
    prefixes = _prefixes([labels for labels, _ in parts])
    for prefix, (labels, dataset) in zip(prefixes, parts, strict=True):
        if labels:
            lost["groups, which are the beginnings of names"] = None
        names = {str(d): str(d) if d in shared else f"{prefix}{_plain(d)}" for d in dataset.sizes}
        for name, array in dataset.variables.items():
            own = names.get(str(name), f"{prefix}{_plain(name)}")
            dims = [names[str(dim)] for dim in array.dims]
            if str(name) in names:
                coords.add(own)
            for end, values in _fitting(own, np.asarray(array.values), lost):
                attributes = {**_attributes(array.attrs), **(labels if own not in shared else {})}
                variables[own + end] = xr.Variable(dims, values, attributes)
        if dataset.attrs:
            lost["attributes of groups"] = None
    whole = xr.Dataset({name: each for name, each in variables.items() if name not in coords})
    whole = whole.assign_coords({name: variables[name] for name in coords})
    with warnings.catch_warnings():
        # Text has a length of its own in each array, which is what is wanted.
        warnings.simplefilter("ignore", category=xr.SerializationWarning)
        whole.to_netcdf(file, engine="scipy", format="NETCDF3_64BIT")
    return tuple(lost)


def _shared_dims(datasets: Sequence[xr.Dataset]) -> set[str]:
    """Return the dimensions that have the same size and labels wherever they are."""
    first: dict[str, Values] = {}
    differing: set[str] = set()
    for dataset in datasets:
        for dim in map(str, dataset.sizes):
            # Without labels xarray counts from zero.
            values = np.asarray(dataset[dim].values)
            named = dim in dataset.coords
            seen = first.setdefault(dim, values)
            same = seen.shape == values.shape and seen.dtype.kind == values.dtype.kind
            known = any(dim in each.coords for each in datasets if dim in each.sizes)
            if not same or bool((seen != values).any()) or named != known:
                differing.add(dim)
    return set(first) - differing


def _prefixes(labels: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the beginning of names for each part, no two alike."""
    found: list[str] = []
    for own in labels:
        plain = "".join(f"{_plain(text)}__" for text in own.values())
        count = 2
        prefix = plain
        while prefix and prefix in found:
            prefix = f"{plain}{count}__"
            count += 1
        found.append(prefix)
    return found


def _plain(name: Any) -> str:
    """Return a name with nothing but letters, digits and underscores."""
    return re.sub(r"\W+", "_", str(name), flags=re.ASCII).strip("_") or "unnamed"


def _fitting(name: str, values: Values, lost: dict[str, None]) -> Iterator[tuple[str, Values]]:
    """Yield the values in a type that the format has, with what to add to the name."""
    kind, code = values.dtype.kind, values.dtype.str[1:]
    if kind == "c":
        lost["complex numbers, which are two arrays, _real and _imag"] = None
        for end, part in (("_real", values.real), ("_imag", values.imag)):
            yield end, part.copy()
    elif kind == "b":
        lost["booleans, which are 0 and 1"] = None
        yield "", values.astype("i1")
    elif code in NARROW:
        if NARROW[code] != code:
            lost[f"the type {values.dtype.name}, which is {np.dtype(NARROW[code]).name}"] = None
        yield "", values.astype(NARROW[code])
    elif kind in "iu":
        largest = max(-int(values.min()), int(values.max())) if values.size else 0
        if largest > EXACT:
            raise InputError(
                f"whole numbers up to {largest} in '{name}'",
                f"at most {EXACT}, which NetCDF 3 can hold",
                "export to .parquet",
            )
        target = "int32" if largest < INT32 else "float64"
        lost[f"the type {values.dtype.name}, which is {target}"] = None
        yield "", values.astype(target)
    else:
        yield "", values


def _attributes(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Return attributes as text and plain numbers."""
    return {
        _plain(name): value if isinstance(value, str | float) else str(value)
        for name, value in attributes.items()
    }
