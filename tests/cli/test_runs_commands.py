"""`carnot runs`: what its commands print, remove and write, and how they refuse."""

import csv
import json
import os
import shutil
import sys

import pytest
from folder_by_hand import KEYS, write_folder

FIRST, SECOND = f"waves-{'0' * 12}", f"waves-{'1' * 12}"


@pytest.fixture
def out(tmp_path):
    return write_folder(tmp_path / "out")


def chunk(out, name):
    return out / "arrays" / f"{KEYS[name]}.zarr" / "observation" / "u" / "c" / "0"


def files(out):
    return {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def refused(outcome):
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("carnot: ")
    assert outcome.err.count("\n") == 1
    return outcome.err


def test_list_shows_what_differs_and_loose_entries(carnot, out):
    found = carnot("runs", "list", "--out", out)
    assert (found.code, found.err) == (0, "")
    first, second = (line for line in found.out.splitlines() if "waves" in line)
    assert "width=8" in first
    assert "width=16" in second
    assert "seeds" not in found.out
    assert "2 of 2 arms" in first
    assert "this code" in first
    assert KEYS["d"][:8] in found.out
    assert KEYS["a"][:8] not in found.out


def test_list_as_json(carnot, out):
    (out / "notes.txt").write_text("mine")
    found = carnot("runs", "list", "--out", out, "--json").json
    assert [row["id"] for row in found["runs"]] == [FIRST, SECOND, KEYS["d"]]
    assert found["runs"][0] == {
        "kind": "study", "id": FIRST, "what": "waves", "done": 2, "total": 2, "counted": "arms",
        "settings": {"size": "smoke", "seeds": 3, "width": 8}, "state": "whole", "code": "same",
        "bytes": found["runs"][0]["bytes"], "path": str(out / FIRST),
    }  # fmt: skip
    assert found["unknown"] == [str(out / "notes.txt")]


def test_list_of_a_run_of_the_command_line(carnot, kept):
    rows = carnot("runs", "list", "--out", kept, "--json").json["runs"]
    studies = {row["what"]: row for row in rows if row["kind"] == "study"}
    assert set(studies) == {"toy-modes", "toy-contrary"}
    assert studies["toy-modes"]["state"] == "whole"
    assert studies["toy-modes"]["settings"]["steps"] == 60
    assert carnot("runs", "verify", "--out", kept).code == 0


def test_what_the_commands_need_to_start_is_light(python, out):
    code = (
        "import sys; from carnotlab.cli.entry import invoke;"
        f"invoke(['runs', 'list', '--out', {str(out)!r}]);"
        f"invoke(['runs', 'show', '0000', '--out', {str(out)!r}]);"
        "print({'jax', 'xarray', 'zarr', 'matplotlib', 'pyarrow'} & set(sys.modules))"
    )
    assert python(code).splitlines()[-1] == "set()"


def test_show_prints_settings_provenance_and_quantities(carnot, out):
    found = carnot("runs", "show", "0000", "--out", out).out
    for word in ("width = 8", "version = 0.1.0", "observation/u", "time 3", "loss", "what u is",
                 "one: whole", "not run: real data"):  # fmt: skip
        assert word in found
    record = carnot("runs", "show", "0000", "--out", out, "--json").json
    assert [arm["arm"] for arm in record["arms"]] == ["one", "two"]
    entry = carnot("runs", "show", KEYS["d"], "--out", out, "--json").json
    assert entry["format"] == 2
    assert entry["origin"]["kind"] == "arm"


def test_text_of_a_stranger_does_not_steer_the_terminal(carnot, out):
    record = json.loads((out / FIRST / "settings.json").read_text())
    record["arms"][0]["arm"] = record["settings"]["name"] = "\x1b[2J\x1b]0;owned\x07"
    (out / FIRST / "settings.json").write_text(json.dumps(record))
    for words in (("show", "0000"), ("list",), ("verify",), ("prune",)):
        found = carnot("runs", *words, "--out", out)
        assert "\x1b" not in found.out + found.err
        assert "\x07" not in found.out + found.err


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["show", "waves"], "give more of it"),
        (["show", "nothing"], "runs list"),
        (["show"], "Missing argument 'ID'"),
        (["verify", "0000", "nothing"], "runs list"),
        (["export", "0000"], "give one of them"),
        (["export", "0000", "--to", "x.xlsx"], ".csv, .parquet, .nc"),
        (["export", "0000", "--to", "."], "file"),
        (["export", "waves", "--to", "x.csv"], "give more of it"),
        (["lsit"], "Did you mean 'list'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(carnot, out, words, mend):
    assert mend in refused(carnot("runs", *words, "--out", out) if words != ["lsit"]
                           else carnot("runs", *words))  # fmt: skip


def test_a_folder_that_is_not_there_is_refused(carnot, tmp_path):
    for words in (
        ("list",),
        ("show", "x"),
        ("verify",),
        ("prune",),
        ("export", "x", "--to", "a.nc"),
    ):
        assert "--out" in refused(carnot("runs", *words, "--out", tmp_path / "none"))


def test_verify_names_what_is_damaged_and_the_mend_works(carnot, out):
    assert carnot("runs", "verify", "--out", out).code == 0
    chunk(out, "b").write_bytes(b"damaged")
    found = carnot("runs", "verify", "--out", out)
    assert found.code == 1
    assert FIRST in found.out
    assert f"{KEYS['b']}.zarr" in found.out
    assert "2 of 3 are sound" in found.out
    assert "runs prune --damaged" in found.out
    assert carnot("runs", "verify", "1111", "--out", out).code == 0
    record = carnot("runs", "verify", "--out", out, "--json")
    assert record.code == 1
    assert [each["id"] for each in record.json["damaged"]] == [FIRST]
    # The mend it names:
    assert carnot("runs", "prune", "--damaged", "--out", out).code == 0
    assert carnot("runs", "verify", "--out", out).code == 0
    assert carnot("runs", "list", "--out", out, "--json").json["runs"][0]["state"] == "partial"


def test_the_same_command_computes_again_what_was_pruned(carnot, kept):
    before = carnot("runs", "list", "--out", kept, "--json").json["runs"]
    entry = sorted((kept / "arrays").glob("*.zarr"))[0]
    (entry / "zarr.json").write_text("")
    assert carnot("runs", "verify", "--out", kept).code == 1
    assert carnot("runs", "prune", "--damaged", "--out", kept).code == 0
    assert not entry.exists()
    assert carnot("run", "toy-modes", "--out", kept).code == 0
    assert carnot("runs", "verify", "--out", kept).code == 0
    after = carnot("runs", "list", "--out", kept, "--json").json["runs"]
    assert [row["id"] for row in after] == [row["id"] for row in before]
    assert {row["state"] for row in after} == {"whole"}


def test_prune_without_a_reason_removes_nothing_and_says_what_would_go(carnot, out):
    chunk(out, "b").write_bytes(b"damaged")
    before = files(out)
    found = carnot("runs", "prune", "--out", out)
    assert found.code == 0
    assert "--damaged would remove 1" in found.out
    assert "--unused would remove 1" in found.out
    assert "--other-code would remove 0" in found.out
    assert files(out) == before
    for flag in ("--damaged", "--other-code", "--unused"):
        assert carnot("runs", "prune", flag, "--dry-run", "--out", out).code == 0
    assert files(out) == before


def test_prune_says_what_it_removed_and_what_it_left(carnot, out):
    (out / "arrays" / "notes.txt").write_text("mine")
    size = sum(p.stat().st_size for p in (out / "arrays" / f"{KEYS['d']}.zarr").rglob("*")
               if p.is_file())  # fmt: skip
    found = carnot("runs", "prune", "--unused", "--out", out, "--json").json
    assert [(each["id"], each["bytes"]) for each in found["removed"]] == [(KEYS["d"], size)]
    assert found["bytes"] == size
    assert found["left"] == [str(out / "arrays" / "notes.txt")]
    assert (out / "arrays" / "notes.txt").exists()
    again = carnot("runs", "prune", "--unused", "--out", out)
    assert "Removed 0" in again.out
    assert "notes.txt" in again.err


def test_export_writes_a_file_and_says_what_it_does_not_hold(carnot, out, tmp_path):
    file = tmp_path / "waves.csv"
    found = carnot("runs", "export", "0000", "--to", file, "--out", out)
    assert (found.code, found.out) == (0, f"Wrote {file}\n")
    assert "units" in found.err
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    times = [row["time"] for row in rows if (row["arm"], row["side"]) == ("two", "prediction")]
    assert times == ["0", "10", "20"]


def test_a_file_that_is_there_is_kept_unless_forced(carnot, out, tmp_path):
    file = tmp_path / "waves.csv"
    file.write_text("mine")
    words = ("runs", "export", "0000", "--to", file, "--out", out)
    assert "--force" in refused(carnot(*words))
    assert file.read_text() == "mine"
    assert carnot(*words, "--force").code == 0
    assert file.read_text() != "mine"
    assert sorted(os.listdir(tmp_path)) == ["out", "waves.csv"]


def test_a_damaged_arm_is_not_exported(carnot, out, tmp_path):
    chunk(out, "b").write_bytes(b"damaged")
    file = tmp_path / "waves.nc"
    assert "damaged" in refused(carnot("runs", "export", "0000", "--to", file, "--out", out))
    assert os.listdir(tmp_path) == ["out"]


def test_an_unfinished_study_is_exported_as_far_as_it_is(carnot, out, tmp_path):
    shutil.rmtree(out / "arrays" / f"{KEYS['b']}.zarr")
    found = carnot("runs", "export", "0000", "--to", tmp_path / "a.parquet", "--out", out)
    assert found.code == 0
    assert "1 of 2 arms" in found.err


@pytest.mark.parametrize(
    ("option", "module", "package"),
    [("--mlflow", "mlflow", "mlflow-skinny"), ("--tensorboard", "tensorboardX", "tensorboardX")],
)
def test_an_exporter_that_is_not_installed_is_named(
    carnot, out, tmp_path, monkeypatch, option, module, package
):
    monkeypatch.setitem(sys.modules, module, None)
    words = ("runs", "export", "0000", option, tmp_path / "there", "--out", out)
    assert f"pip install {package}" in refused(carnot(*words))
    assert not (tmp_path / "there").exists()
