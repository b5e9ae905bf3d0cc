"""Entries from anyone: nothing in them is executed, and nothing outside them read or written."""

import hashlib
import json
import os
import pickle
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr
from old_entries import write_version_1

from carnotlab.core.errors import InputError
from carnotlab.runs.entries import DamagedError, check
from carnotlab.runs.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "arrays")


class Payload:
    """What leaves a mark where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (Path(self.mark),)


def seal(entry):
    """Give an entry the right digest of version 1, as whoever forges one would."""
    digest = hashlib.sha256()
    for name in sorted(path.relative_to(entry).as_posix() for path in entry.rglob("*")):
        path = entry / name
        if name != "zarr.json" and path.is_file():
            digest.update(f"{name}\n{path.stat().st_size}\n".encode() + path.read_bytes())
    root = json.loads((entry / "zarr.json").read_text())
    root["attributes"] = {"sha256": digest.hexdigest()}
    (entry / "zarr.json").write_text(json.dumps(root))


def change(path, **values):
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **values}))


@pytest.mark.parametrize("key", ["../k", "../../x", "/etc/x", "a/b", "", ".", "..", "k\n", "k\0"])
def test_a_key_that_leads_elsewhere_is_refused(store, tree, key):
    for action in (
        lambda: store.path(key),
        lambda: key in store,
        lambda: store.load(key),
        lambda: store.save(key, tree),
    ):
        with pytest.raises(InputError, match="letters, digits"):
            action()
    assert not store.root.exists()


def test_arrays_that_are_pickled_are_refused_and_not_read(store, tree, tmp_path):
    """An array of version 2 of Zarr in the entry, by the codec that unpickles."""
    mark = tmp_path / "executed"
    write_version_1(store.path("k"), tree)
    entry = store.path("k")
    objects = np.empty(1, dtype=object)
    objects[0] = Payload(mark)
    # Control: read without the store's checks, these bytes do execute something.
    pickle.loads(numcodecs.Pickle().encode(objects))
    assert mark.exists()
    mark.unlink()
    for name in ("prediction/v", "."):
        place = entry / name
        place.mkdir(exist_ok=True)
        array = {
            "zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "compressor": None,
            "fill_value": None, "order": "C", "filters": [{"id": "pickle", "protocol": 5}],
        }  # fmt: skip
        (place / ".zarray").write_text(json.dumps(array))
        (place / "0").write_bytes(numcodecs.Pickle().encode(objects))
        seal(entry)
        with pytest.raises(DamagedError, match="is nothing that Carnot writes"):
            store.load("k")
    assert not mark.exists()


@pytest.mark.parametrize(
    "codec", ["numcodecs.pickle", "pickle", "numcodecs.json2", "numcodecs.zlib", "../x", ""]
)
def test_codecs_that_carnot_does_not_write_are_refused_before_zarr_looks_for_them(
    store, tree, codec, monkeypatch
):
    write_version_1(store.path("k"), tree)
    array = store.path("k") / "prediction" / "u" / "zarr.json"
    codecs = json.loads(array.read_text())["codecs"]
    change(array, codecs=[*codecs, {"name": codec, "configuration": {}}])
    seal(store.path("k"))
    monkeypatch.setattr(xr, "open_datatree", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(DamagedError, match=r"codec .*does not write"):
        store.load("k")


@pytest.mark.parametrize(
    "values",
    [
        {"data_type": "object"},
        {"data_type": {"name": "numpy.void", "configuration": {}}},
        {"data_type": "variable_length_bytes"},
        {"storage_transformers": [{"name": "x"}]},
        {"node_type": "link"},
        {"zarr_format": 2},
        {"codecs": None},
        {"codecs": [3]},
    ],
)
def test_descriptions_that_carnot_does_not_write_are_refused(store, tree, values, monkeypatch):
    write_version_1(store.path("k"), tree)
    change(store.path("k") / "prediction" / "u" / "zarr.json", **values)
    seal(store.path("k"))
    monkeypatch.setattr(xr, "open_datatree", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(DamagedError):
        store.load("k")


def test_what_the_forger_only_seals_is_read(store, tree):
    """Control: the seal of these tests is a right one, so the refusals have other reasons."""
    write_version_1(store.path("k"), tree)
    seal(store.path("k"))
    xr.testing.assert_identical(store.load("k"), tree)


@pytest.mark.parametrize("place", ["prediction/u/c/0", "prediction", "extra"])
def test_links_out_of_an_entry_are_not_followed(store, tree, tmp_path, place):
    secret = tmp_path / "secret"
    write_version_1(store.path("k"), tree)
    target = store.path("k") / place
    if target.exists():
        target.rename(secret)  # the very bytes that belong there, so that the digest is right
    else:
        secret.write_text("private")
    target.symlink_to(secret)
    seal(store.path("k"))
    with pytest.raises(DamagedError, match="nothing that Carnot writes"):
        store.load("k")
    # Saving again replaces the entry; what the link led to stays.
    store.save("k", tree)
    assert secret.exists()
    assert secret.is_file() or sorted(os.listdir(secret)) == ["u", "zarr.json"]
    xr.testing.assert_identical(store.load("k"), tree)


def test_a_link_in_the_place_of_an_entry_is_neither_read_nor_emptied(store, tree, tmp_path):
    other = Store(tmp_path / "elsewhere")
    other.save("k", tree)
    store.prepare()
    store.path("k").symlink_to(other.path("k"))
    with pytest.raises(DamagedError, match="link"):
        store.load("k")
    store.save("k", tree)
    assert not store.path("k").is_symlink()
    xr.testing.assert_identical(other.load("k"), tree)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes of Unix")
def test_a_pipe_in_an_entry_does_not_hold_up_the_reader(store, tree):
    store.save("k", tree)
    os.mkfifo(store.path("k") / "prediction" / "u" / "c" / "1")
    with pytest.raises(DamagedError, match="nothing that Carnot writes"):
        store.load("k")


def test_arrays_larger_than_memory_are_refused_before_they_are_made(store, tree, monkeypatch):
    write_version_1(store.path("k"), tree)
    change(
        store.path("k") / "prediction" / "u" / "zarr.json",
        shape=[10**15],
        chunk_grid={"name": "regular", "configuration": {"chunk_shape": [10**15]}},
    )
    seal(store.path("k"))
    check(store.path("k"))  # as such it is sound: nothing is damaged
    with pytest.raises(InputError, match=r"8e\+06 GB of arrays; .*memory") as error:
        store.load("k")
    assert "\n" not in str(error.value)


def test_zarr_itself_would_have_followed_the_link(store, tree, tmp_path):
    """Control: without the store's checks the bytes behind a link are read."""
    write_version_1(store.path("k"), tree)
    chunk = store.path("k") / "prediction" / "u" / "c" / "0"
    chunk.rename(tmp_path / "secret")
    chunk.symlink_to(tmp_path / "secret")
    found = zarr.open_group(store.path("k"), mode="r")["prediction/u"][:]
    assert found.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
