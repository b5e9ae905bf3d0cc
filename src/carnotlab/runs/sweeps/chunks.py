"""Chunks of Zarr arrays as bytes: little-endian numbers, then their CRC-32C.

Written and read here rather than by Zarr, because a pack is some five small files, and what is
damaged has to be told from what is missing. Any reader of Zarr 3 opens the same files.
"""

from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

from carnotlab.runs.atomic import appearing

CRC_BYTES = 4


def encoded(values: np.ndarray[Any, Any], length: int) -> bytes:
    """Return a chunk of ``length`` rows that begins with ``values``; the rest is filled up.

    >>> len(encoded(np.zeros(3, np.float32), 5))
    24
    """
    whole = np.full((length, *values.shape[1:]), fill_of(values.dtype), values.dtype)
    whole[: len(values)] = values
    content = np.ascontiguousarray(whole, whole.dtype.newbyteorder("<")).tobytes()
    return content + google_crc32c.value(content).to_bytes(CRC_BYTES, "little")


def decoded(
    content: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> np.ndarray[Any, Any] | None:
    """Return the chunk that some bytes hold; None where they are not what was written.

    >>> chunk = encoded(np.arange(3), 3)
    >>> decoded(chunk, np.dtype(int), (3,)).tolist(), decoded(chunk[:-1], np.dtype(int), (3,))
    ([0, 1, 2], None)
    """
    body, crc = content[:-CRC_BYTES], content[-CRC_BYTES:]
    kind = dtype.newbyteorder("<")
    if len(body) != kind.itemsize * int(np.prod(shape)):
        return None
    if google_crc32c.value(body).to_bytes(CRC_BYTES, "little") != crc:
        return None
    return np.frombuffer(body, kind).reshape(shape).astype(dtype)


def read(file: Path) -> bytes:
    """Return what is in a plain file; nothing where there is none, or a link to elsewhere."""
    try:
        return b"" if file.is_symlink() else file.read_bytes()
    except OSError:
        return b""


def put(file: Path, content: bytes) -> None:
    """Put a file in place whole or not at all.

    Raises:
        InputError: if the folder cannot be written or the disk is full.
    """
    with appearing(file) as temporary:
        temporary.write_bytes(content)


def fill_of(dtype: np.dtype[Any]) -> float | int:
    """Return what stands where nothing was written: not a number, or -1, or 0 without signs."""
    return float("nan") if dtype.kind == "f" else -1 if dtype.kind == "i" else 0
