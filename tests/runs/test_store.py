"""The store: entries whole, verified, and refused in one line where they cannot be."""

import contextlib
import errno
import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from old_entries import write_version_1

from carnotlab.core.errors import InputError
from carnotlab.core.provenance import code_digest
from carnotlab.runs.entries import FORMAT, DamagedError, check, read_root
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


@pytest.fixture
def lose_an_array(monkeypatch):
    """Take one array's description away after an entry was found sound, before it is opened."""

    def lose(file, *, exchanged):
        def checked(entry):
            root = check(entry)
            lost.append(file.read_bytes())
            file.unlink()
            if exchanged:
                os.utime(entry)  # as a folder that took its place would have another time
                monkeypatch.setattr("carnotlab.runs.store.check", restored)
            return root

        def restored(entry):
            file.write_bytes(lost[0])
            return check(entry)

        lost: list[bytes] = []
        monkeypatch.setattr("carnotlab.runs.store.check", checked)

    return lose


def test_an_entry_exchanged_while_it_is_opened_is_read_once_more(store, tree, lose_an_array):
    store.save("k", tree)
    lose_an_array(store.path("k") / "prediction" / "u" / "zarr.json", exchanged=True)
    xr.testing.assert_identical(store.load("k"), tree)


def test_an_array_lost_while_an_entry_is_opened_is_damage(store, tree, lose_an_array):
    store.save("k", tree)
    lose_an_array(store.path("k") / "prediction" / "u" / "zarr.json", exchanged=False)
    # Zarr itself would leave the array out with no more than a warning.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DamagedError, match="not recognized as a component"):
            store.load("k")


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


def root_of(store, key="k"):
    return store.path(key) / "zarr.json"


def change_root(store, change):
    content = json.loads(root_of(store).read_text())
    change(content["attributes"])
    root_of(store).write_text(json.dumps(content))


def test_an_entry_says_its_version_and_its_origin(store, tree):
    store.save("k", tree)
    root = read_root(store.path("k"))
    assert (root.version, root.origin.kind, root.origin.code) == (FORMAT, "part", code_digest())
    arm = xr.DataTree.from_dict(
        {name: xr.Dataset() for name in ("prediction", "observation", "checks")}
    )
    store.save("arm", arm)
    assert read_root(store.path("arm")).origin.kind == "arm"
    # None of it is part of what is read back.
    assert store.load("k").attrs == {}


def test_an_entry_of_version_1_is_read_as_it_was(store, tree):
    write_version_1(store.path("k"), tree)
    before = {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    assert "carnot_format" not in root_of(store).read_text()
    xr.testing.assert_identical(store.load("k"), tree)
    root = check(store.path("k"))
    assert (root.version, root.origin.kind, root.origin.code) == (1, "part", "")
    # Read as it is: the migration is in memory.
    assert before == {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    damage(store.path("k"), "altered")
    with pytest.raises(DamagedError):
        store.load("k")


def test_an_entry_of_version_1_does_not_pass_for_one_of_version_2_or_the_reverse(store, tree):
    """Whoever changes the number changes which digest has to fit."""
    store.save("k", tree)
    digest = read_root(store.path("k")).digest

    def as_version_1(attributes):
        attributes.clear()
        attributes["sha256"] = digest

    change_root(store, as_version_1)
    with pytest.raises(DamagedError, match="not those that were written"):
        store.load("k")
    write_version_1(store.path("old"), tree)
    shutil.rmtree(store.path("k"))
    store.path("old").rename(store.path("k"))
    change_root(store, lambda attributes: attributes.update(carnot_format=2, carnot_origin={}))
    with pytest.raises(DamagedError, match="not those that were written"):
        store.load("k")


def test_a_newer_version_is_refused_with_what_to_do(store, tree):
    store.save("k", tree)
    change_root(store, lambda attributes: attributes.update(carnot_format=FORMAT + 1))
    with pytest.raises(InputError, match=rf"version {FORMAT + 1}; .*update Carnot") as error:
        store.load("k")
    assert "\n" not in str(error.value)
    assert not isinstance(error.value, DamagedError)


@pytest.mark.parametrize("version", ["2", 0, -1, 1.5, None, [2]])
def test_a_version_that_is_no_number_is_damage(store, tree, version):
    store.save("k", tree)
    change_root(store, lambda attributes: attributes.update(carnot_format=version))
    with pytest.raises(DamagedError):
        store.load("k")


@pytest.mark.parametrize("word", ["kind", "version", "code", "written"])
def test_an_altered_origin_is_seen(store, tree, word):
    store.save("k", tree)
    change_root(store, lambda attributes: attributes["carnot_origin"].update({word: "other"}))
    with pytest.raises(DamagedError, match="not those that were written"):
        store.load("k")


def layout(entry):
    """What lies where, and in which types: all that another program has to know."""
    described = {}
    for path in sorted(entry.rglob("*")):
        name = path.relative_to(entry).as_posix()
        if path.name != "zarr.json":
            if path.is_file():
                described[name] = "chunk"
            continue
        content = json.loads(path.read_text())
        own = sorted(content["attributes"])
        if content["node_type"] == "group":
            described[name] = ("group", own)
        else:
            codecs = [codec["name"] for codec in content["codecs"]]
            kind = content["data_type"]
            kind = kind if isinstance(kind, str) else kind["name"]
            key = content["chunk_key_encoding"]
            described[name] = (kind, content["dimension_names"], codecs, key["name"], own)
    return described


def test_a_changed_layout_needs_a_new_number(store, tree):
    """Fails when the layout changes: then raise FORMAT, and read what was written before."""
    store.save("k", tree)
    codecs = ["bytes", "zstd"]
    assert (FORMAT, layout(store.path("k"))) == (
        2,
        {
            "zarr.json": ("group", ["carnot_format", "carnot_origin", "sha256"]),
            "prediction/zarr.json": ("group", ["a"]),
            "prediction/u/zarr.json": ("float64", ["time"], codecs, "default", ["_FillValue"]),
            "prediction/u/c/0": "chunk",
            "checks/zarr.json": ("group", []),
            "checks/statement/zarr.json": (
                "fixed_length_utf32", ["check"], codecs, "default", [],
            ),
            "checks/statement/c/0": "chunk",
        },
    )  # fmt: skip
    origin = json.loads(root_of(store).read_text())["attributes"]["carnot_origin"]
    assert sorted(origin) == ["code", "kind", "version", "written"]


def test_the_clock_decides_nothing(store, tree, monkeypatch):
    """Entries written an hour ago, in the future, or at no time at all are the same to a reader."""
    import carnotlab.runs.store as module

    class Clock:
        now = staticmethod(lambda: Clock)
        astimezone = staticmethod(lambda: Clock)
        isoformat = staticmethod(lambda timespec: "1970-01-01T00:00:00+00:00")

    store.save("now", tree)
    monkeypatch.setattr(module, "datetime", Clock)
    store.save("then", tree)
    xr.testing.assert_identical(store.load("now"), store.load("then"))
    os.utime(store.path("now"), (0, 0))
    assert read_root(store.path("then")).origin.written.startswith("1970")
    xr.testing.assert_identical(store.load("now"), tree)


def test_a_sound_entry_stays_where_it_is_saved_again(store, tree):
    store.save("k", tree)
    before = store.path("k").stat().st_ino
    store.save("k", xr.DataTree.from_dict({"other": xr.Dataset()}))
    assert store.path("k").stat().st_ino == before
    xr.testing.assert_identical(store.load("k"), tree)
    assert os.listdir(store.root) == ["k.zarr"]


@pytest.mark.parametrize("name", ["sha256", "carnot_format", "carnot_origin"])
def test_a_tree_may_not_use_the_names_of_the_store(store, name):
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs={name: 1}), "a": xr.Dataset()})
    with pytest.raises(InputError, match=f"attributes .*{name}.*rename them"):
        store.save("k", tree)


def test_attributes_of_the_root_come_back(store):
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs={"seconds": 1.5}), "a": xr.Dataset()})
    store.save("k", tree)
    assert store.load("k").attrs == {"seconds": 1.5}
    change_root(store, lambda attributes: attributes.update(seconds=2.5))
    with pytest.raises(DamagedError):
        store.load("k")


def test_a_disk_that_fills_up_is_refused_on_any_machine(store, tree, monkeypatch):
    store.save("k", tree)
    opened = Path.open
    count = [0]

    def full(self, mode="r", *args, **kwargs):
        if "w" in mode or "x" in mode:
            count[0] += 1
            if count[0] > 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(InputError, match=r"No space left on device.*free some space") as error:
        store.save("new", tree)
    monkeypatch.undo()
    assert count[0] > 3
    assert "\n" not in str(error.value)
    assert os.listdir(store.root) == ["k.zarr"]
    xr.testing.assert_identical(store.load("k"), tree)


def test_numbers_of_all_types_that_studies_use_come_back(store):
    kinds = ["bool", "int8", "int32", "int64", "uint8", "uint32", "float32", "float64", "complex64"]
    values = {f"v{i}": ("n", np.arange(3).astype(kind)) for i, kind in enumerate(kinds)}
    values["text"] = ("n", np.array(["a", "é", ""]))
    tree = xr.DataTree.from_dict({"a": xr.Dataset({**values, "scalar": 3.5})})
    store.save("k", tree)
    xr.testing.assert_identical(store.load("k"), tree)
