"""Descriptions as plain data: what is hashed, stored and shown of a frozen object."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np

from carnotlab.core.errors import InputError

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"

PART_BYTES = 2**24


def describe(thing: Any) -> Plain:
    """Return a frozen description as JSON data: class names, fields, and digests for arrays.

    A class may define ``__describe__`` to replace its fields by what identifies its content (a
    file task names the digest of the file, not only its path).

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Dense:
    ...     units: int
    >>> describe(Dense(3))
    {'kind': 'Dense', 'units': 3}
    """
    if thing is None or isinstance(thing, bool | int | str):
        return thing
    if isinstance(thing, float):
        if not math.isfinite(thing):
            raise InputError(f"the number {thing}", "finite numbers", "leave it out or use None")
        # 100 and 100.0 are equal, and so must be the keys of what holds them.
        return int(thing) if thing.is_integer() and abs(thing) < 2.0**53 else thing
    if hasattr(thing, "__describe__"):
        return describe(thing.__describe__())
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {f.name: describe(getattr(thing, f.name)) for f in dataclasses.fields(thing)}
        return {"kind": type(thing).__name__, **fields}
    if isinstance(thing, np.ndarray):
        array = cast("np.ndarray[Any, Any]", thing)
        return {"kind": "array", "shape": list(array.shape), "sha256": array_digest(array)}
    if isinstance(thing, Mapping):
        mapping = cast("Mapping[Any, Any]", thing)
        return {str(name): describe(value) for name, value in mapping.items()}
    if isinstance(thing, tuple | list):
        return [describe(item) for item in cast("list[Any]", thing)]
    if isinstance(thing, Path):
        return str(thing)
    if isinstance(thing, Callable):
        function = cast("Any", thing)
        return f"{function.__module__}.{function.__qualname__}"
    raise InputError(
        f"a {type(thing).__name__} inside a description",
        "numbers, strings, tuples and frozen dataclasses",
        "put the data into a task instead",
    )


def array_digest(array: np.ndarray[Any, Any]) -> str:
    """Return a SHA-256 of dtype, shape and bytes, so that equal arrays have equal digests.

    It is taken a part at a time: an array that is mapped from a file is never in memory whole.

    >>> array_digest(np.eye(2)) == array_digest(np.eye(2)) != array_digest(np.eye(3))
    True
    """
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    for part in parts_of(array):
        digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def parts_of(array: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Yield an array some rows at a time, 16 MiB or one row."""
    if array.ndim == 0:
        yield array
        return
    rows = max(1, PART_BYTES // max(1, array[:1].nbytes))
    yield from (array[start : start + rows] for start in range(0, len(array), rows))


def content_key(*things: Any) -> str:
    """Return the SHA-256 of the canonical JSON of some descriptions.

    >>> content_key(1, "a") == content_key(1, "a") != content_key(1, "b")
    True
    """
    plain = [describe(thing) for thing in things]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
