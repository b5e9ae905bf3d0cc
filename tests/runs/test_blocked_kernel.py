"""A kernel in blocks on disk: the whole matrix's numbers, kept, found again, damaged, shared."""

import gc
import threading
from pathlib import Path

import numpy as np
import pytest
from slowed_kernels import finish, kill_after, start_slowed

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.networks.activations import Gelu
from carnotlab.networks.architectures import mlp
from carnotlab.networks.convolutional_architectures import convolutional
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.layers import Convolution, Dense, Flatten, MaxPool
from carnotlab.networks.parameterization import NTK
from carnotlab.runs import block_work
from carnotlab.runs.blocked_kernel import BlockedKernel
from carnotlab.runs.executors.in_process import InProcess
from carnotlab.runs.executors.processes import LocalProcesses

RECTIFIER = mlp(5, (8, 8), 2)
SMOOTH = mlp(5, (8, 8), 2, activation=Gelu())
"""One whose kernels are compiled loops, and one whose kernels JAX computes."""


def samples(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 5))


def kernel(folder, *, n=23, block=6, network=RECTIFIER, **options):
    return BlockedKernel(network, samples(n), folder, block=block, **options)


def files(folder):
    return sorted(Path(folder).rglob("*.block"))


def contents(folder):
    return {file.name: file.read_bytes() for file in files(folder)}


# ------------------------------------------------------------------ numbers
@pytest.mark.parametrize("kind", ["ntk", "nngp"])
@pytest.mark.parametrize(
    ("network", "n", "block"),
    [(RECTIFIER, 23, 6), (RECTIFIER, 12, 6), (RECTIFIER, 5, 6), (RECTIFIER, 3, 1), (SMOOTH, 12, 6)],
)
def test_products_are_those_of_the_whole_matrix(tmp_path, kind, network, n, block):
    whole = getattr(kernels(network, samples(n)), kind)
    made = kernel(tmp_path, n=n, block=block, kind=kind, network=network, dtype="float64")
    made.build()
    B = samples(n, 1)
    np.testing.assert_allclose(
        made.matmat(B), whole @ B, rtol=0, atol=1e-12 * np.abs(whole @ B).max()
    )
    np.testing.assert_allclose(made.matvec(B[:, 0]), (whole @ B)[:, 0], atol=1e-11)
    np.testing.assert_allclose(made.matmat(np.eye(n)), whole, rtol=1e-12)
    np.testing.assert_array_equal(made.matmat(np.eye(n)), made.matmat(np.eye(n)).T)


def test_single_precision_is_as_good_as_the_kernels_say_and_summed_in_double(tmp_path):
    whole = kernels(RECTIFIER, samples(23)).ntk
    made = kernel(tmp_path)
    entries = made.matmat(np.eye(23))
    np.testing.assert_allclose(entries, whole, rtol=1e-5)
    np.testing.assert_array_equal(entries, entries.astype(np.float32))
    assert np.abs(entries - whole).max() > 0.0
    # A sum in single precision would lose the small term entirely.
    vector = np.zeros(23)
    vector[:2] = 1e9, 1.0
    np.testing.assert_allclose(made.matvec(vector), entries @ vector, rtol=1e-15)


def test_columns_and_diagonal_are_those_of_the_products(tmp_path):
    made = kernel(tmp_path)
    whole = made.matmat(np.eye(23))
    chosen = np.array([22, 0, 7, 6, 11])
    np.testing.assert_array_equal(made.columns(chosen), whole[:, chosen])
    np.testing.assert_array_equal(made.diagonal(), np.diagonal(whole))


def test_a_kernel_with_others_is_the_whole_one_and_its_bands(tmp_path):
    x, others = samples(13), samples(8, 1)
    whole = kernels(RECTIFIER, x, others).ntk
    for folder in (None, tmp_path):
        made = BlockedKernel(RECTIFIER, x, folder, others=others, block=5, dtype="float64")
        assert made.shape == (13, 8)
        np.testing.assert_allclose(made.matmat(np.eye(8)), whole, rtol=1e-12)
        np.testing.assert_allclose(made.columns(np.array([7, 2])), whole[:, [7, 2]], rtol=1e-12)
        rows, parts = zip(*made.bands(), strict=True)
        assert [part.start for part in rows] == [0, 5, 10]
        np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-12)
    across = BlockedKernel(RECTIFIER, others, tmp_path, block=5, dtype="float64").across(x)
    assert across.folder is None
    np.testing.assert_allclose(across.matmat(np.eye(8)), whole, rtol=1e-12)


def test_images_are_taken_in_their_own_shape(tmp_path):
    network = convolutional((4, 4, 1), (3, 3), 2)
    x = np.random.default_rng(0).standard_normal((5, 4, 4, 1)).astype(np.float32)
    made = BlockedKernel(network, x, tmp_path, block=2, dtype="float64")
    made.build()
    np.testing.assert_allclose(made.matmat(np.eye(5)), kernels(network, x).ntk, rtol=1e-10)


# ------------------------------------------------------------------ resuming
def test_what_is_on_disk_is_read_and_not_computed_again(tmp_path, monkeypatch):
    first = kernel(tmp_path)
    assert first.missing() == 10
    built = first.build()
    assert (built.found, built.computed, built.damaged) == (0, 10, 0)
    B = samples(23, 1)
    product = first.matmat(B)
    monkeypatch.setattr(block_work, "kernels", None)
    again = kernel(tmp_path)
    assert again.missing() == 0
    assert again.build()[:3] == (10, 0, 0)
    np.testing.assert_array_equal(again.matmat(B), product)


def damaged(file, how):
    content = file.read_bytes()
    changed = bytearray(content)
    changed[-5] ^= 1
    file.write_bytes({"truncated": content[:-7], "flipped": bytes(changed), "empty": b""}[how])


@pytest.mark.parametrize("how", ["truncated", "flipped", "empty"])
def test_only_missing_and_damaged_blocks_are_computed_to_the_same_bits(tmp_path, how):
    kernel(tmp_path).build()
    whole, told = contents(tmp_path), []
    damaged(files(tmp_path)[3], how)
    files(tmp_path)[5].unlink()
    built = kernel(tmp_path).build(progress=told.append)
    assert built[:3] == (8, 2, 1)
    assert contents(tmp_path) == whole
    assert len(told) == 2
    assert told[-1] == 1.0
    assert 0.0 < told[0] < 1.0


def test_damage_between_two_products_is_noticed_and_mended(tmp_path):
    made = kernel(tmp_path)
    made.build()
    whole, B = contents(tmp_path), samples(23, 1)
    product = made.matmat(B)
    for how in ("truncated", "flipped", "empty"):
        damaged(files(tmp_path)[4], how)
        assert contents(tmp_path) != whole
        np.testing.assert_array_equal(made.matmat(B), product)
        assert contents(tmp_path) == whole


def test_a_whole_block_of_another_size_is_not_taken(tmp_path):
    """Its digest is right; it is not the matrix's."""
    made = kernel(tmp_path)
    made.build()
    whole, every = contents(tmp_path), files(tmp_path)
    every[0].write_bytes(every[-1].read_bytes())
    assert kernel(tmp_path).build()[:3] == (9, 1, 1)
    assert contents(tmp_path) == whole


def test_damaged_samples_are_written_again_before_they_are_used(tmp_path):
    made = kernel(tmp_path)
    made.build()
    whole = contents(tmp_path)
    for file in files(tmp_path)[:4]:
        file.unlink()
    kept = made.place / "rows.npy"
    for content in (kept.read_bytes()[:-9] + b"\1" * 9, b"", kept.read_bytes()[:-20]):
        kept.write_bytes(content)
        kernel(tmp_path).build()
        assert contents(tmp_path) == whole


def test_leftovers_of_a_killed_process_are_cleared(tmp_path):
    made = kernel(tmp_path)
    made.build()
    leftover = made.place / ".00000-00000.block.999999999-abc.part"
    leftover.write_bytes(b"half")
    made.build()
    assert not leftover.exists()


def test_other_matrices_have_other_folders(tmp_path):
    x = samples(9)
    some = [
        BlockedKernel(RECTIFIER, x, tmp_path),
        BlockedKernel(SMOOTH, x, tmp_path),
        BlockedKernel(RECTIFIER, x + 1e-15, tmp_path),
        BlockedKernel(RECTIFIER, x.astype(np.float32), tmp_path),
        BlockedKernel(RECTIFIER, x, tmp_path, others=x),
        BlockedKernel(RECTIFIER, x, tmp_path, kind="nngp"),
        BlockedKernel(RECTIFIER, x, tmp_path, dtype="float64"),
        BlockedKernel(RECTIFIER, x, tmp_path, block=4),
    ]
    assert len({made.place for made in some}) == len(some)
    assert BlockedKernel(RECTIFIER, x.copy(), tmp_path, threads=3).place == some[0].place


def test_once_stopped_no_block_is_begun_and_the_rest_follows(tmp_path):
    whole, made, stop = kernel(tmp_path / "whole"), kernel(tmp_path / "a"), threading.Event()
    whole.build()
    built = made.build(progress=lambda part: stop.set() if part > 0.3 else None, stop=stop)
    assert 0 < built.computed < 10
    assert made.missing() == 10 - built.computed
    rest = kernel(tmp_path / "a").build()
    assert rest[:3] == (built.computed, 10 - built.computed, 0)
    assert contents(tmp_path / "a") == contents(tmp_path / "whole")


# ------------------------------------------------------------------ executors
@pytest.mark.parametrize("network", [RECTIFIER, SMOOTH])
def test_threads_and_order_do_not_change_a_bit(tmp_path, network):
    for name, options in (("one", {"threads": 1}), ("three", {"threads": 3})):
        kernel(tmp_path / name, n=400, block=150, network=network, **options).build()
    # Read where nothing has been built: blocks are computed as products come to them.
    kernel(tmp_path / "read", n=400, block=150, network=network).columns(np.array([399, 3]))
    kernel(tmp_path / "read", n=400, block=150, network=network).build()
    first, *others = (contents(tmp_path / name) for name in ("one", "three", "read"))
    assert len(first) == 6
    assert all(other == first for other in others)


@pytest.mark.slow
def test_processes_compute_the_same_bits(tmp_path):
    for network, name in ((RECTIFIER, "rectifier"), (SMOOTH, "smooth")):
        here, there = tmp_path / name / "here", tmp_path / name / "there"
        kernel(here, n=300, block=100, network=network).build(InProcess(1))
        with LocalProcesses(2) as executor:
            built = kernel(there, n=300, block=100, network=network).build(executor)
        assert built.computed == 6
        assert contents(here) == contents(there)


class Unlucky(InProcess):
    """An executor that loses every third item."""

    def run(self, work, items, stop=None):
        from carnotlab.runs.executors.base import Failed

        for outcome in super().run(work, items, stop):
            lost = outcome.index % 3 == 2
            yield Failed(outcome.index, "its worker died") if lost else outcome


def test_blocks_that_cannot_be_computed_are_an_error_and_others_are_kept(tmp_path):
    made = kernel(tmp_path)
    with pytest.raises(InputError, match=r"3 of 10 blocks .* its worker died; .* repeat"):
        made.build(Unlucky(1))
    assert made.missing() < 10


WORK = """
x = np.random.default_rng(0).standard_normal((23, 5))
blocked_kernel.BlockedKernel(mlp(5, (8, 8), 2), x, folder, block=6).build()
"""


@pytest.mark.slow
def test_a_process_killed_in_the_middle_is_resumed_to_the_same_bits(tmp_path):
    assert finish(WORK, tmp_path / "a") == 10
    kill_after(start_slowed(WORK, tmp_path / "b", 0.05), announced=4)
    there = len(files(tmp_path / "b"))
    assert 3 <= there < 10
    assert finish(WORK, tmp_path / "b") == 10 - there
    assert contents(tmp_path / "b") == contents(tmp_path / "a")


# ------------------------------------------------------------------ mistakes
def test_mistakes_are_told_in_one_line(tmp_path):
    x = samples(4)
    cases = [
        (lambda: BlockedKernel(RECTIFIER, x, None, kind="both"), "'ntk' or 'nngp'"),
        (lambda: BlockedKernel(RECTIFIER, x, None, dtype="float16"), "'float32' or 'float64'"),
        (lambda: BlockedKernel(RECTIFIER, x, None, block=0), "at least 1"),
        (lambda: BlockedKernel(RECTIFIER, x[:, :3], None), "the 5 inputs"),
        (lambda: BlockedKernel(RECTIFIER, x[:0], None), "at least one sample"),
        (lambda: BlockedKernel(RECTIFIER, x.astype(object), None), "real numbers"),
        (lambda: BlockedKernel(RECTIFIER, x, None).build(), "a folder for the blocks"),
        (lambda: BlockedKernel(RECTIFIER, x, None).matmat(x[:3]), "one row a sample"),
        (lambda: BlockedKernel(RECTIFIER, x, None, others=x).diagonal(), "among x"),
        (lambda: list(BlockedKernel(RECTIFIER, x, None).bands()), "with others"),
        (lambda: BlockedKernel(RECTIFIER, np.full((4, 5), np.nan), tmp_path).build(), "finite"),
    ]
    for mistake, words in cases:
        with pytest.raises(InputError, match=words) as told:
            mistake()
        assert "\n" not in str(told.value)


def test_a_network_without_a_limit_is_refused_when_it_is_built(tmp_path):
    layers = (Convolution(3), MaxPool(2), Flatten(), Dense(1))
    network = Network((4, 4, 1), layers, NTK())
    with pytest.raises(OutOfReachError):
        BlockedKernel(network, np.ones((2, 4, 4, 1)), tmp_path).build()


def test_a_full_disk_is_said_and_what_was_computed_stays(small_disk):
    made = kernel(small_disk, n=200, block=60, dtype="float64")
    with pytest.raises(InputError, match="room on its disk"):
        made.build()
    assert 0 < len(files(small_disk)) < 10
    assert not list(small_disk.rglob("*.part"))
    # The error's frames have the samples mapped, which keeps the disk from being unmounted.
    gc.collect()
