"""Files that appear whole or not at all, and temporaries of processes that are gone."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from carnotlab.core.errors import InputError
from carnotlab.runs.atomic import appearing, clear_leftovers, write_json, write_text


def test_text_and_json_are_written_and_replaced(tmp_path):
    target = tmp_path / "new" / "a.json"
    write_json(target, {"b": 1, "a": [None, "é"]})
    first = target.read_text(encoding="utf-8")
    assert first.index('"a"') < first.index('"b"')
    assert first.endswith("}\n")
    write_text(target, "other")
    assert target.read_text(encoding="utf-8") == "other"
    assert os.listdir(target.parent) == ["a.json"]


def test_numbers_that_are_not_finite_are_refused_and_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert os.listdir(tmp_path) == []


def test_a_failing_body_leaves_what_was_there(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def fail():
        with appearing(target) as temporary:
            temporary.write_text("half", encoding="utf-8")
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    assert target.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "entry"
    for content in ("one", "two"):
        with appearing(target) as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content, encoding="utf-8")
            assert temporary.parent == tmp_path
        assert os.listdir(target) == [content]
    assert os.listdir(tmp_path) == ["entry"]


def test_a_target_is_never_half_there_while_it_is_replaced(tmp_path, monkeypatch):
    """Where the process dies in the middle of the exchange, the entry is whole or missing."""
    target = tmp_path / "entry"
    with appearing(target) as temporary:
        temporary.mkdir()
        for name in "abc":
            (temporary / name).write_text(name, encoding="utf-8")
    seen = []
    replace = Path.replace

    def watched(self, goal):
        seen.append(sorted(os.listdir(target)) if target.exists() else None)
        return replace(self, goal)

    monkeypatch.setattr(Path, "replace", watched)
    with appearing(target) as temporary:
        temporary.mkdir()
    assert seen == [None]


def test_a_folder_under_a_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"output folder .*file.*choose another with --out"):
        write_text(tmp_path / "file" / "a.txt", "x")
    with pytest.raises(InputError, match=r"Not a directory"):
        write_text(tmp_path / "file" / "deeper" / "a.txt", "x")
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk_is_refused_in_one_line_and_nothing_is_half_written(small_disk):
    write_text(small_disk / "a.txt", "old")
    with pytest.raises(InputError, match=r"No space left on device.*free some space") as caught:
        write_text(small_disk / "a.txt", "x" * 200_000)
    assert "\n" not in str(caught.value)
    assert (small_disk / "a.txt").read_text(encoding="utf-8") == "old"
    assert os.listdir(small_disk) == ["a.txt"]


def test_a_disk_that_fills_up_is_refused_on_any_machine(tmp_path, monkeypatch):
    def full(self, *args, **kwargs):
        self.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match=r"No space left on device"):
        write_text(tmp_path / "a.txt", "x")
    assert os.listdir(tmp_path) == []


def test_leftovers_of_dead_processes_are_cleared_and_those_of_living_ones_kept(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    )
    dead = int(done.stdout)
    folder, file = tmp_path / f".k.zarr.{dead}-abc.part", tmp_path / f".a.txt.{dead}-abc.part"
    mine, foreign = tmp_path / f".k.zarr.{os.getpid()}-abc.part", tmp_path / ".odd.part"
    for each in (folder, mine):
        (each / "inside").mkdir(parents=True)
    for each in (file, foreign):
        each.write_text("", encoding="utf-8")
    (tmp_path / "k.zarr").mkdir()
    clear_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([mine.name, foreign.name, "k.zarr"])
    clear_leftovers(tmp_path / "missing")
