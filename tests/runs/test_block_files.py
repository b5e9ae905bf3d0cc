"""Blocks on disk: as they were written, or not at all."""

import hashlib
import io

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.runs.block_files import BlockReader, read_block, write_block

ARRAYS = [
    np.arange(12.0).reshape(3, 4),
    np.arange(15, dtype=np.float32).reshape(5, 3),
    np.arange(8.0).reshape(2, 2, 2).transpose(2, 0, 1),
]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a" / "0.block"


@pytest.mark.parametrize("values", ARRAYS)
def test_what_is_written_is_read(file, values):
    write_block(file, values)
    for read in (read_block, BlockReader().read):
        found = read(file)
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)


def test_a_file_is_a_digest_and_then_what_numpy_saves(file):
    """Blocks of earlier versions, which were written by `numpy.save`, are read as well."""
    saved = io.BytesIO()
    np.save(saved, ARRAYS[0])
    write_block(file, ARRAYS[0])
    payload = saved.getvalue()
    assert file.read_bytes() == hashlib.sha256(payload).digest() + payload


def readers(file):
    """Return a reader that sees the file for the first time, and one that read it when whole."""
    again = BlockReader()
    again.read(file)
    return read_block, BlockReader().read, again.read


@pytest.mark.parametrize("values", ARRAYS[:2])
def test_a_flip_of_any_bit_is_noticed_each_time(file, values):
    write_block(file, values)
    every, content = readers(file), file.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        file.write_bytes(bytes(changed))
        assert [read(file) for read in every] == [None] * 3, place
    file.write_bytes(content)
    for read in every:
        np.testing.assert_array_equal(read(file), values)


def test_a_file_of_any_other_length_is_noticed(file):
    # Zeros at the end, which add nothing to a sum.
    write_block(file, np.zeros(9, np.float32))
    every, content = readers(file), file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        assert [read(file) for read in every] == [None] * 3, length
    file.write_bytes(content + b"\0")
    assert [read(file) for read in every] == [None] * 3


def test_words_that_change_places_are_noticed_by_a_digest(file):
    """What a sum alone does not see."""
    write_block(file, np.array([1.0, 2.0]))
    content = file.read_bytes()
    file.write_bytes(content[:-16] + content[-8:] + content[-16:-8])
    assert read_block(file) is None
    assert BlockReader().read(file) is None


def test_a_missing_file_and_a_folder_are_no_blocks(tmp_path):
    assert read_block(tmp_path / "none") is None
    assert read_block(tmp_path) is None


def sealed(payload):
    return hashlib.sha256(payload).digest() + payload


def test_a_file_made_by_others_is_never_unpickled(file):
    """Its digest may be right: anyone can compute one."""
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    opening = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        opening, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**9)}
    )
    file.parent.mkdir()
    for payload in (pickled.getvalue(), opening.getvalue() + bytes(64), b"no array" * 9):
        file.write_bytes(sealed(payload))
        assert read_block(file) is None


def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(small_disk):
    with pytest.raises(InputError, match="room on its disk"):
        write_block(small_disk / "0.block", np.zeros(10**5))
    assert not list(small_disk.iterdir())
