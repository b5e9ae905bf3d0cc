"""Blocks of numbers on disk, each a file that is whole and as it was written, or none at all.

A file is the SHA-256 of what follows it, then one array in NumPy's ``.npy`` format; nothing in it
is ever unpickled.
"""

import hashlib
import io
import os
import struct
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from carnotlab.runs.atomic import appearing

DIGEST_BYTES = 32
HEADER_BYTES = 1024
"""More than the header of a plain array takes."""

WORD_BYTES = 8
BYTES_AT_A_TIME = 2**20

Values = np.ndarray[Any, Any]


def write_block(file: Path, values: Values) -> None:
    """Write a block whole or not at all, and down to the disk before it is said to be there.

    Raises:
        InputError: if the folder cannot be written or its disk is full.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "0.block"
    >>> write_block(file, np.eye(2))
    >>> read_block(file).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    values = np.ascontiguousarray(values)
    opening = io.BytesIO()
    np.lib.format.write_array_header_1_0(opening, np.lib.format.header_data_from_array_1_0(values))
    header, numbers = opening.getvalue(), values.reshape(-1).view(np.uint8).data
    digest = hashlib.sha256(header)
    digest.update(numbers)
    with appearing(file) as temporary, temporary.open("wb") as opened:
        opened.write(digest.digest() + header)
        opened.write(numbers)
        opened.flush()
        os.fsync(opened.fileno())


def read_block(file: Path) -> Values | None:
    """Return a block as it was written, read-only; None where it is missing or damaged."""
    content = _content(file)
    return None if content is None or not _sound(content) else _array(content)


def is_sound(file: Path) -> bool:
    """Whether a block is there as it was written; read a part at a time, whatever its size."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            expected = opened.read(DIGEST_BYTES)
            while part := opened.read(BYTES_AT_A_TIME):
                digest.update(part)
    except OSError:
        return False
    return digest.digest() == expected


class BlockReader:
    """Reads the same blocks over and over, and notices damage each time.

    A block's digest is computed when it is first read. From then on the sum of its 64-bit words is
    compared, which takes a tenth of the time and which any changed bit changes; where it differs,
    the digest decides.
    """

    def __init__(self) -> None:
        self._sums: dict[Path, int] = {}
        self._lock = Lock()

    def read(self, file: Path) -> Values | None:
        """Return a block as it was written, read-only; None where it is missing or damaged."""
        content = _content(file)
        if content is None:
            return None
        found = _sum_of_words(content)
        with self._lock:
            known = self._sums.get(file)
        if found != known:
            if not _sound(content):
                return None
            with self._lock:
                self._sums[file] = found
        return _array(content)


def _content(file: Path) -> bytes | None:
    try:
        content = file.read_bytes()
    except OSError:
        return None
    return content if len(content) > DIGEST_BYTES else None


def _sound(content: bytes) -> bool:
    payload = memoryview(content)[DIGEST_BYTES:]
    return hashlib.sha256(payload).digest() == content[:DIGEST_BYTES]


def _sum_of_words(content: bytes) -> int:
    whole = len(content) // WORD_BYTES * WORD_BYTES
    words = np.frombuffer(content, np.uint64, whole // WORD_BYTES)
    (last,) = struct.unpack("<Q", content[whole:].ljust(WORD_BYTES, b"\0"))
    return int(words.sum(dtype=np.uint64)) + last


def _array(content: bytes) -> Values | None:
    """Return the numbers in place, without a copy; None where they are no plain array."""
    header = io.BytesIO(content[DIGEST_BYTES : DIGEST_BYTES + HEADER_BYTES])
    try:
        np.lib.format.read_magic(header)
        shape, transposed, dtype = np.lib.format.read_array_header_1_0(header)
        values = np.frombuffer(content, dtype, offset=DIGEST_BYTES + header.tell())
        return None if transposed else values.reshape(shape)
    except ValueError:
        return None
