"""What a sweep's folder says of itself: settings, seeds, times, variables, programs, packs."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np

from carnotlab.core.errors import InputError, require
from carnotlab.runs.entries import damaged, newer
from carnotlab.runs.sweeps.chunks import fill_of

FORMAT = 1
"""Version of the layout; see `carnotlab.runs.sweeps.archive`."""

DIGEST = "sha256"
FILLS: dict[str, Any] = {"f": "NaN", "b": False}
"""Fill values that JSON writes in a way of its own, by kind of number."""

FILE = "zarr.json"

Pack: TypeAlias = tuple[int, int]
"""A program, and which of its packs."""


class Variable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One quantity of every member: dimensions and sizes behind ``member``, and its numbers."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    unit: str
    meaning: str

    @property
    def kind(self) -> np.dtype[Any]:
        """Its numbers as NumPy's."""
        return np.dtype(self.dtype)


class ProgramSize(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many members share a program, and how many of them make a pack."""

    members: int
    pack: int

    @property
    def packs(self) -> int:
        """How many packs."""
        return ceil(self.members / self.pack)

    def rows_of(self, pack: int) -> slice:
        """Return which of the members a pack holds.

        >>> [ProgramSize(5, 2).rows_of(pack) for pack in range(3)]
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
        """
        return slice(pack * self.pack, min((pack + 1) * self.pack, self.members))


def packs_of(programs: Sequence[ProgramSize]) -> tuple[Pack, ...]:
    """Return all packs of some programs.

    >>> packs_of([ProgramSize(5, 2), ProgramSize(1, 1)])
    ((0, 0), (0, 1), (0, 2), (1, 0))
    """
    return tuple((at, pack) for at, each in enumerate(programs) for pack in range(each.packs))


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A setting: its kind of numbers; for words the list that its numbers count in."""

    dtype: str
    categories: tuple[str, ...] | None = None


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A sweep's description as plain data; equal sweeps have equal ones.

    ``grid`` is the shape of the settings, one axis a column, where they are a grid.
    ``refused`` says by row why a setting is no experiment.
    """

    name: str
    key: str
    settings: int
    columns: dict[str, Column]
    grid: tuple[int, ...] | None
    seeds: tuple[int, ...]
    times: tuple[float, ...]
    time_unit: str
    variables: dict[str, Variable]
    programs: tuple[ProgramSize, ...]
    refused: dict[str, str]
    provenance: dict[str, Any]

    @property
    def packs(self) -> tuple[Pack, ...]:
        """All packs."""
        return packs_of(self.programs)

    def rows_of(self, program: int, pack: int) -> slice:
        """Return which of a program's members a pack holds."""
        return self.programs[program].rows_of(pack)

    @property
    def members(self) -> int:
        """How many members the sweep has."""
        return sum(each.members for each in self.programs)

    def nodes(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield place and Zarr metadata of every group and array."""
        content = msgspec.to_builtins(self)
        attributes = {"carnot_format": FORMAT, "carnot_kind": "sweep", "sweep": content}
        yield "", _group({**attributes, DIGEST: _digest(attributes)})
        yield "settings", _group({})
        yield "programs", _group({})
        for name, column in self.columns.items():
            words = {} if column.categories is None else {"categories": list(column.categories)}
            size = (self.settings,)
            yield (
                f"settings/{name}",
                _array(np.dtype(column.dtype), size, size, ("setting",), words),
            )
        for at, size in enumerate(self.programs):
            place, whole = f"programs/{at:04d}", (size.members,)
            yield place, _group({})
            yield f"{place}/member", _array(np.dtype("int64"), whole, whole, ("member",), {})
            finished = _array(np.dtype("uint8"), whole, (size.pack,), ("member",), {})
            yield f"{place}/finished", finished
            for name, each in self.variables.items():
                yield (
                    f"{place}/{name}",
                    _array(
                        each.kind,
                        (size.members, *each.shape),
                        (size.pack, *each.shape),
                        ("member", *each.dims),
                        {"units": each.unit, "long_name": each.meaning},
                    ),
                )


def read_layout(root: Path) -> Layout:
    """Read the description in a sweep's folder.

    Raises:
        DamagedError: if it is missing or not as it was written.
        InputError: if a newer version wrote it.
    """
    try:
        attributes = json.loads((root / FILE).read_bytes())["attributes"]
        version = attributes["carnot_format"]
        if isinstance(version, int) and version > FORMAT:
            raise newer(root, version, FORMAT)
        digest = attributes.pop(DIGEST)
        if version != FORMAT or digest != _digest(attributes):
            raise ValueError("its description is not the one that was written")
        layout = msgspec.convert(attributes["sweep"], Layout, strict=False)
    except InputError:
        raise
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise damaged(root, error) from error
    for name in (*layout.columns, *layout.variables):
        # Names become folders.
        require(name.isidentifier(), f"a variable '{name}'", "a name", "do not read this folder")
    return layout


def _digest(attributes: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(attributes, sort_keys=True).encode()).hexdigest()


def _group(attributes: dict[str, Any]) -> dict[str, Any]:
    return {"zarr_format": 3, "node_type": "group", "attributes": attributes}


def _array(
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    chunk: tuple[int, ...],
    dims: tuple[str, ...],
    attributes: dict[str, Any],
) -> dict[str, Any]:
    fill = fill_of(dtype)
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": FILLS.get(dtype.kind, fill),
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
        "attributes": attributes,
        "dimension_names": list(dims),
        "storage_transformers": [],
    }
