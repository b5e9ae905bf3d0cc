"""Kernel matrices by blocks: the same numbers, kept, found again, killed, damaged."""

from pathlib import Path

import jax
import numpy as np
import pytest
from slowed_kernels import finish, kill_after, start_slowed

from carnotlab.core.errors import InputError
from carnotlab.networks.architectures import mlp
from carnotlab.networks.convolutional_architectures import convolutional
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.runs.block_files import read_block
from carnotlab.runs.kernel_blocks import KernelBlocks

NETWORK = mlp(5, (8, 8), 2)


def images(n, seed):
    return np.random.default_rng(seed).standard_normal((n, 5))


def blocks(folder=None, *, n=7, m=4, block=3, **options):
    return KernelBlocks(NETWORK, images(n, 0), images(m, 1), folder, block, **options)


def files(folder):
    return sorted(Path(folder).rglob("*.block"))


def assert_same_bits(one, other):
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first.nngp, second.nngp)
        np.testing.assert_array_equal(first.ntk, second.ntk)


@pytest.mark.parametrize(("n", "m", "block"), [(7, 4, 3), (6, 3, 3), (2, 5, 4), (1, 1, 1)])
def test_blocks_put_together_are_the_whole_matrix(n, m, block):
    found = blocks(n=n, m=m, block=block).compute()
    train = kernels(NETWORK, images(n, 0))
    across = kernels(NETWORK, images(m, 1), images(n, 0))
    for part, whole in zip(found, (train, across), strict=True):
        np.testing.assert_allclose(part.nngp, whole.nngp, rtol=1e-12)
        np.testing.assert_allclose(part.ntk, whole.ntk, rtol=1e-12)
    np.testing.assert_array_equal(found.train.ntk, found.train.ntk.T)


def test_images_with_positions_agree_with_the_whole_in_both_precisions():
    network = convolutional((4, 4, 1), (3, 3), 2)
    x = np.random.default_rng(0).standard_normal((5, 4, 4, 1))
    whole = kernels(network, x[3:], x[:3], method="general")
    for dtype, relative in (("float64", 1e-10), ("float32", 1e-5)):
        found = KernelBlocks(network, x[:3], x[3:], block=2, dtype=dtype).compute()
        assert found.across.ntk.dtype == np.dtype(dtype)
        np.testing.assert_allclose(found.across.ntk, whole.ntk, rtol=relative)
        np.testing.assert_allclose(found.across.nngp, whole.nngp, rtol=relative)


def test_pairs_are_counted_once():
    """One triangle of 7 by 7 with its diagonal, and 4 by 7."""
    assert blocks().pairs == blocks().missing_pairs() == 28 + 28


def test_what_is_kept_is_read_and_not_computed_again(tmp_path, monkeypatch):
    first = blocks(tmp_path).compute()
    # Rows of 3, 3 and 1: six blocks in the triangle, and two rows of three across.
    assert len(files(tmp_path)) == 6 + 6
    assert blocks(tmp_path).missing_pairs() == 0
    monkeypatch.setattr("carnotlab.runs.kernel_blocks.kernels", None)
    assert_same_bits(blocks(tmp_path).compute(), first)
    assert_same_bits(first, blocks(tmp_path).compute())


def test_only_what_is_missing_is_computed_and_told(tmp_path, monkeypatch):
    whole = blocks(tmp_path).compute()
    lost = files(tmp_path)[1::5]
    for file in lost:
        file.unlink()
    missing = blocks(tmp_path).missing_pairs()
    assert 0 < missing < blocks().pairs
    calls, told = [], []

    def counted(*arguments, **options):
        calls.append(arguments)
        return kernels(*arguments, **options)

    monkeypatch.setattr("carnotlab.runs.kernel_blocks.kernels", counted)
    assert_same_bits(blocks(tmp_path).compute(told.append), whole)
    assert len(calls) == len(lost) == len(told)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert missing == sum(pairs_of(*arguments[1:]) for arguments in calls)


def pairs_of(x1, x2):
    return len(x1) * (len(x1) + 1) // 2 if x2 is None else len(x1) * len(x2)


@pytest.mark.parametrize("how", ["truncated", "altered", "empty", "nothing but a digest"])
def test_a_damaged_block_is_found_and_computed_again(tmp_path, how):
    whole = blocks(tmp_path).compute()
    file = files(tmp_path)[2]
    content = file.read_bytes()
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    damaged = {
        "truncated": content[:-7],
        "altered": bytes(changed),
        "empty": b"",
        "nothing but a digest": content[:32],
    }
    file.write_bytes(damaged[how])
    assert_same_bits(blocks(tmp_path).compute(), whole)
    assert file.read_bytes() == content


def test_a_flip_of_any_byte_is_noticed(tmp_path):
    made = blocks(tmp_path, n=2, m=1, block=2)
    made.compute()
    file = files(tmp_path)[0]
    content = file.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 4
        file.write_bytes(bytes(changed))
        assert read_block(file) is None, place


def test_other_images_networks_blocks_and_precisions_have_other_folders(tmp_path):
    x, y = images(3, 0), images(2, 1)
    places = {
        KernelBlocks(NETWORK, x, y, tmp_path, 3).place,
        KernelBlocks(NETWORK, x, y, tmp_path, 2).place,
        KernelBlocks(NETWORK, x, y, tmp_path, 3, "float32").place,
        KernelBlocks(NETWORK, y, x, tmp_path, 3).place,
        KernelBlocks(mlp(5, (8,), 2), x, y, tmp_path, 3).place,
        KernelBlocks(NETWORK, x + 1e-15, y, tmp_path, 3).place,
    }
    assert len(places) == 6


def test_another_kind_of_device_has_a_folder_of_its_own(tmp_path, monkeypatch):
    made = blocks(tmp_path)
    here = made.place
    monkeypatch.setattr(jax, "default_backend", lambda: "another kind")
    assert made.place != here


def test_leftovers_of_a_killed_process_are_cleared(tmp_path):
    made = blocks(tmp_path)
    made.compute()
    leftover = made.place / ".00000-00000.block.999999999-abc.part"
    leftover.write_bytes(b"half")
    made.compute()
    assert not leftover.exists()


def test_nothing_is_pickled(tmp_path):
    blocks(tmp_path).compute()
    for file in files(tmp_path):
        values = np.lib.format.read_magic((opened := file.open("rb"), opened.seek(32))[0])
        opened.close()
        assert values == (1, 0)


def test_a_block_of_nothing_is_refused():
    with pytest.raises(InputError, match="at least 1"):
        blocks(block=0)


WORK = """
x = np.random.default_rng(0).standard_normal((12, 5))
y = np.random.default_rng(1).standard_normal((6, 5))
found = kernel_blocks.KernelBlocks(mlp(5, (8, 8), 2), x, y, folder, 3).compute()
np.save(folder / "found.npy", np.concatenate([part for pair in found for part in pair]))
"""
TILES = 10 + 8


@pytest.mark.parametrize("moments", [[6], pytest.param([3, 5, 2], marks=pytest.mark.slow)])
def test_a_process_killed_in_the_middle_is_resumed_to_the_same_bits(tmp_path, moments):
    assert finish(WORK, tmp_path / "a") == TILES
    folder, there = tmp_path / "b", 0
    for announced in moments:
        kill_after(start_slowed(WORK, folder, 0.05), announced)
        now = len(files(folder))
        # All but the last that it announced must be on disk.
        assert now >= there + announced - 1
        there = now
    assert there < TILES
    assert finish(WORK, folder) == TILES - there
    undisturbed, resumed = (np.load(tmp_path / name / "found.npy") for name in "ab")
    np.testing.assert_array_equal(resumed, undisturbed)
    assert not list(folder.rglob("*.part"))
