"""The store: entries whole, verified, and refused in one line where they cannot be."""

import contextlib
import os
import shutil

import pytest
import xarray as xr

from carnotlab.core.errors import InputError
from carnotlab.runs.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "arrays")


def test_what_is_saved_is_loaded(store, tree):
    assert "k" not in store
    store.save("k", tree)
    assert "k" in store
    loaded = store.load("k")
    xr.testing.assert_identical(loaded, tree)
    assert loaded["checks/statement"].values.tolist() == ["one", "another"]
    assert os.listdir(store.root) == ["k.zarr"]


def test_nothing_is_pickled(store, tree):
    store.save("k", tree)
    for file in store.path("k").rglob("*"):
        assert not file.is_file() or b"pickle" not in file.read_bytes()


def test_a_missing_entry_is_refused(store):
    with pytest.raises(InputError, match=r"entry k; required: one that is in .*arrays"):
        store.load("k")


def damage(entry, how):
    chunk = entry / "prediction" / "u" / "c" / "0"
    match how:
        case "truncated":
            chunk.write_bytes(chunk.read_bytes()[:5])
        case "altered":
            data = bytearray(chunk.read_bytes())
            data[-1] ^= 1
            chunk.write_bytes(bytes(data))
        case "chunk gone":
            # Zarr itself would read this as an array of nan.
            chunk.unlink()
        case "variable gone":
            shutil.rmtree(entry / "prediction" / "u")
        case "group gone":
            shutil.rmtree(entry / "checks")
        case "root gone":
            (entry / "zarr.json").unlink()
        case "root empty":
            (entry / "zarr.json").write_text("", encoding="utf-8")
        case "root without digest":
            (entry / "zarr.json").write_text('{"attributes": {}}', encoding="utf-8")
        case "empty":
            shutil.rmtree(entry)
            entry.mkdir()


@pytest.mark.parametrize(
    "how",
    [
        "truncated",
        "altered",
        "chunk gone",
        "variable gone",
        "group gone",
        "root gone",
        "root empty",
        "root without digest",
        "empty",
    ],
)
def test_a_damaged_entry_is_refused_and_can_be_replaced(store, tree, how):
    store.save("k", tree)
    damage(store.path("k"), how)
    with pytest.raises(InputError, match=r"a damaged entry .*k\.zarr.*delete that folder") as error:
        store.load("k")
    assert "\n" not in str(error.value)
    store.save("k", tree)
    xr.testing.assert_identical(store.load("k"), tree)


def test_preparing_makes_the_folder_and_clears_it(store):
    store.prepare()
    (store.root / ".k.zarr.999999999-abc.part").mkdir()
    store.prepare()
    assert os.listdir(store.root) == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path, tree):
    (tmp_path / "file").write_text("", encoding="utf-8")
    for store in (Store(tmp_path / "file"), Store(tmp_path / "file" / "deeper")):
        for action in (store.prepare, lambda store=store: store.save("k", tree)):
            with pytest.raises(InputError, match=r"output folder .*choose another with --out"):
                action()
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_without_permission_is_refused(tmp_path, tree):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"Permission denied.*choose another with --out"):
        Store(tmp_path / "arrays").prepare()
    with pytest.raises(InputError, match=r"Permission denied"):
        Store(tmp_path).save("k", tree)
    tmp_path.chmod(0o700)
    assert os.listdir(tmp_path) == []


def fill(file):
    with contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 64)


def test_a_full_disk_leaves_no_half_entry(small_disk, tree):
    store = Store(small_disk)
    store.save("k", tree)
    (small_disk / "ballast").write_bytes(b"x" * 4096)

    def save_many():
        for number in range(100):
            store.save(f"n{number}", tree)

    with pytest.raises(InputError, match=r"No space left on device.*free some space") as error:
        save_many()
    assert "\n" not in str(error.value)
    assert not [name for name in os.listdir(small_disk) if name.startswith(".")]
    for entry in small_disk.glob("*.zarr"):
        xr.testing.assert_identical(store.load(entry.stem), tree)
    # Filled to the last byte, not even the probe fits.
    with (small_disk / "ballast").open("ab", buffering=0) as ballast:
        fill(ballast)
    with pytest.raises(InputError, match=r"No space left on device"):
        store.prepare()
    assert not (small_disk / ".writable").exists()
