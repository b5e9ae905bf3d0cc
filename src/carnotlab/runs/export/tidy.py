"""Labelled arrays as one tidy table: a row for each index, a column for each quantity."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import xarray as xr

from carnotlab.core.errors import InputError

Part: TypeAlias = tuple[Mapping[str, str], xr.Dataset]

# PyArrow has no annotations, so that its classes are unknown to a type checker.
Schema: TypeAlias = Any
Field: TypeAlias = Any
Type: TypeAlias = Any
Batch: TypeAlias = Any

LABELS = ("arm", "side")
ROWS = 1 << 18
"""Rows of a table that are made at a time."""


def tidy_schema(parts: Iterable[Part]) -> Schema:
    """Return the columns of all parts: labels, coordinates, then quantities.

    A column has the widest type of its name; units and meanings are metadata of the fields.

    Raises:
        InputError: if a name stands for text in one part and for numbers in another.
    """
    labels: dict[str, Field] = {}
    coords: dict[str, Field] = {}
    values: dict[str, Field] = {}
    for own, dataset in parts:
        for name in own:
            labels[name] = pa.field(name, pa.string())
        for names, fields in ((_coords(dataset), coords), (list(dataset.data_vars), values)):
            for name in names:
                _widen(fields, own, str(name), dataset.get(name))
    quantities = {name: field for name, field in values.items() if name not in coords}
    return pa.schema([*labels.values(), *coords.values(), *quantities.values()])


def tidy_batches(parts: Iterable[Part], schema: Schema) -> Iterator[Batch]:
    """Yield rows part by part; quantities that share their dimensions share rows.

    A cell that does not apply is null; a number that diverged is NaN, which is not the same.
    """
    for own, dataset in parts:
        groups: dict[tuple[str, ...], list[str]] = {}
        for name, array in dataset.data_vars.items():
            groups.setdefault(tuple(map(str, array.dims)), []).append(str(name))
        for dims, names in groups.items():
            yield from _rows(own, dataset, dims, names, schema)


def _rows(
    own: Mapping[str, str],
    dataset: xr.Dataset,
    dims: tuple[str, ...],
    names: list[str],
    schema: Schema,
) -> Iterator[Batch]:
    shape = tuple(dataset.sizes[dim] for dim in dims)
    total = int(np.prod(shape, dtype=np.int64))
    beside = [n for n in _coords(dataset) if n in dataset and set(dataset[n].dims) <= set(dims)]
    for begin in range(0, total, ROWS):
        flat = np.arange(begin, min(begin + ROWS, total))
        index = dict(zip(dims, np.unravel_index(flat, shape) if dims else (), strict=True))
        columns: dict[str, Any] = {name: pa.repeat(text, len(flat)) for name, text in own.items()}
        for dim in dims:
            columns[dim] = index[dim]
        for name in (*beside, *names):
            array = dataset[name]
            places = tuple(index[str(dim)] for dim in array.dims)
            values = np.asarray(array.values)
            columns[name] = values[places] if places else np.repeat(values, len(flat))
        arrays = [
            _column(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(len(flat), field.type)
            for field in schema
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(values: Any, kind: Type) -> Any:
    if isinstance(values, pa.Array):
        return values
    if values.dtype.kind in "UOT":
        return pa.array([str(value) for value in values], kind)
    return pa.array(values).cast(kind, safe=False)


def _coords(dataset: xr.Dataset) -> list[str]:
    """Return dimensions, which are columns with or without labels, then other coordinates."""
    dims = [str(dim) for dim in dataset.sizes]
    return [*dims, *(str(name) for name in dataset.coords if name not in dims)]


def _widen(
    fields: dict[str, Field], own: Mapping[str, str], name: str, array: xr.DataArray | None
) -> None:
    if name in own:
        raise InputError(
            f"a dimension or quantity named '{name}'",
            f"names other than {', '.join(own)} in a table",
            "export to .nc",
        )
    kind = _type(name, array)
    before = fields.get(name)
    if before is not None and before.type != kind:
        kind = _wider(name, before.type, kind)
    metadata = dict(before.metadata or {}) if before is not None else {}
    attributes: Mapping[Any, Any] = {} if array is None else array.attrs
    for word in ("units", "long_name"):
        if word in attributes:
            metadata[word.encode()] = str(attributes[word]).encode()
    fields[name] = pa.field(name, kind, metadata=metadata or None)


def _type(name: str, array: xr.DataArray | None) -> Type:
    if array is None:
        return pa.int64()
    if array.dtype.kind in "UOT":
        return pa.string()
    if array.dtype.kind == "c":
        raise InputError(
            f"complex numbers in '{name}'", "real ones in a table", "export to .nc, as two parts"
        )
    return pa.from_numpy_dtype(array.dtype)


def _wider(name: str, one: Type, other: Type) -> Type:
    kinds = {pa.types.is_string(kind) for kind in (one, other)}
    if len(kinds) == 2:
        raise InputError(
            f"'{name}', which is text in one part and a number in another",
            "one kind in a column",
            "export one entry at a time",
        )
    return pa.from_numpy_dtype(np.promote_types(one.to_pandas_dtype(), other.to_pandas_dtype()))
