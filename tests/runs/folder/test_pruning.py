"""Pruning removes what its reasons name, all of it, and nothing else."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from folder_by_hand import KEYS, result, write_study

from carnotlab.runs.folder import present_code, pruning
from carnotlab.runs.folder.contents import contents_of
from carnotlab.runs.store import Store


def names(out, *reasons):
    return sorted(each.held.name for each in pruning.removable(contents_of(out), reasons))


def prune(out, *reasons):
    found = pruning.distinct(pruning.removable(contents_of(out), reasons))
    return [pruning.remove(each) for each in found]


def files(out):
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}


def entry(out, name):
    return Store(out / "arrays").path(KEYS[name])


def damage(out, name):
    chunk = entry(out, name) / "observation" / "u" / "c" / "0"
    chunk.write_bytes(chunk.read_bytes()[:3])


def set_code(out, name, code):
    """Write an entry as other code would have."""
    import carnotlab.runs.store as module

    shutil.rmtree(entry(out, name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "code_digest", lambda: code)
        Store(out / "arrays").save(KEYS[name], result(1.0))


def test_a_sound_folder_of_this_code_has_only_what_is_unused(out):
    assert names(out, "damaged") == names(out, "other code") == []
    assert names(out, "unused") == [KEYS["d"]]


def test_sizes_are_what_is_really_freed(out):
    before = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    (each,) = pruning.removable(contents_of(out), ["unused"])
    assert prune(out, "unused") == [(each.frees, ())]
    after = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert before - after == each.frees > 0
    assert not entry(out, "d").exists()
    assert names(out, *pruning.REASONS) == []


def test_only_what_is_damaged_goes_and_the_same_command_finds_the_rest(out):
    damage(out, "a")
    damage(out, "d")
    before = files(out)
    assert names(out, "damaged") == sorted([KEYS["a"], KEYS["d"]])
    prune(out, "damaged")
    gone = before - files(out)
    assert {path.split("/")[1] for path in gone} == {f"{KEYS['a']}.zarr", f"{KEYS['d']}.zarr"}
    assert contents_of(out).studies[0].done == 1


def test_what_seems_unused_stays_while_a_study_is_unfinished(out):
    shutil.rmtree(entry(out, "b"))
    assert names(out, "unused") == []


def test_a_study_of_other_code_goes_with_its_arms_but_not_with_those_of_another(out):
    set_code(out, "b", "other")
    write_study(out, "old", "2" * 12, {"one": "b", "two": "a"}, "other")
    # The first run of the study needs b, which other code computed: mixed, so all of it stays.
    assert contents_of(out).studies[0].code == "mixed"
    assert names(out, "other code") == [] == names(out, "damaged")
    shutil.rmtree(out / f"waves-{'0' * 12}")
    shutil.rmtree(out / f"old-{'2' * 12}")
    write_study(out, "old", "2" * 12, {"one": "b"}, "other")
    assert names(out, "other code") == sorted([f"old-{'2' * 12}", KEYS["b"]])
    prune(out, "other code")
    assert not (out / f"old-{'2' * 12}").exists()
    assert not entry(out, "b").exists()
    assert contents_of(out).studies[0].state == "whole"


def test_an_entry_of_unsaid_code_goes_with_the_only_study_that_needs_it(out, tree):
    from old_entries import write_version_1

    shutil.rmtree(entry(out, "d"))
    write_version_1(entry(out, "d"), tree)
    assert names(out, "other code") == []
    write_study(out, "old", "2" * 12, {"one": "d"}, "other")
    assert names(out, "other code") == sorted([f"old-{'2' * 12}", KEYS["d"]])


def test_everything_goes_when_the_code_changes(out, monkeypatch):
    monkeypatch.setattr(present_code, "code_digest", lambda: "changed")
    prune(out, "other code")
    assert files(out) == {"report.html"}


def test_files_of_others_stay_and_are_named(out):
    foreign = [
        entry(out, "d") / "notes.txt",
        entry(out, "d") / "observation" / "mine.csv",
    ]
    for file in foreign:
        file.write_text("mine")
    freed = prune(out, "damaged")  # with foreign files in it, it is no longer as it was written
    assert [set(left) for _, left in freed] == [set(foreign)]
    assert {path for path in entry(out, "d").rglob("*") if path.is_file()} == set(foreign)
    assert all(file.read_text() == "mine" for file in foreign)


def test_files_of_others_in_the_folder_of_a_study_stay(out, monkeypatch):
    note = out / f"waves-{'0' * 12}" / "figures" / "note.md"
    note.write_text("mine")
    monkeypatch.setattr(present_code, "code_digest", lambda: "changed")
    prune(out, "other code")
    assert files(out) == {"report.html", note.relative_to(out).as_posix()}


@pytest.mark.parametrize("place", ["observation/u/c/0", "observation", "link"])
def test_links_are_never_followed(out, tmp_path_factory, place):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "zarr.json").write_text("{}")
    (elsewhere / "0").write_text("private")
    target = entry(out, "d") / place
    if target.is_dir():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    target.symlink_to(elsewhere / "0" if place.endswith("0") else elsewhere)
    ((_, left),) = prune(out, "damaged")
    assert list(left) == [target]
    assert target.is_symlink()
    assert sorted(os.listdir(elsewhere)) == ["0", "zarr.json"]


def test_an_entry_of_a_newer_version_is_never_removed(out):
    root = entry(out, "d") / "zarr.json"
    content = json.loads(root.read_text())
    content["attributes"]["carnot_format"] = 99
    root.write_text(json.dumps(content))
    assert names(out, *pruning.REASONS) == []


def test_a_study_whose_record_is_lost_is_damaged_and_its_arms_are_not(out):
    (out / f"waves-{'0' * 12}" / "settings.json").write_text("")
    assert names(out, "damaged") == [f"waves-{'0' * 12}"]
    prune(out, "damaged")
    assert not (out / f"waves-{'0' * 12}").exists()
    assert entry(out, "b").exists()


def test_damaged_blocks_go_and_the_others_stay(out):
    import numpy as np

    from carnotlab.networks.architectures import mlp
    from carnotlab.runs.kernel_blocks import KernelBlocks

    x = np.eye(3)
    blocks = KernelBlocks(mlp(3, (8,), 1), x, x, out / "arrays" / "kernel-blocks", block=1)
    whole = blocks.compute()
    first, *others = sorted(blocks.place.iterdir())
    first.write_bytes(b"damaged")
    assert names(out, "damaged") == [blocks.place.name]
    assert prune(out, "damaged") == [(7, ())]
    assert sorted(blocks.place.iterdir()) == others
    assert np.array_equal(blocks.compute().train.ntk, whole.train.ntk)
    assert names(out, "unused") == sorted([KEYS["d"], blocks.place.name])


def test_what_is_damaged_and_unused_is_counted_and_removed_once(out):
    damage(out, "d")
    set_code(out, "c", "other")
    found = pruning.removable(contents_of(out), pruning.REASONS)
    assert len(pruning.distinct(found)) == len({each.held.path for each in found})
    prune(out, *pruning.REASONS)
    assert not entry(out, "d").exists()


def test_temporaries_of_killed_processes_are_cleared_and_of_living_ones_not(out):
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    dead = out / "arrays" / f".k.zarr.{int(done.stdout)}-abc.part"
    living = out / "arrays" / f".k.zarr.{os.getpid()}-abc.part"
    for folder in (dead, living):
        folder.mkdir()
    assert contents_of(out).unknown == ()
    assert pruning.clear_temporaries(contents_of(out)) == 1
    assert not dead.exists()
    assert living.exists()


def test_what_another_process_removed_meanwhile_is_no_error(out):
    (each,) = pruning.removable(contents_of(out), ["unused"])
    shutil.rmtree(entry(out, "d"))
    assert pruning.remove(each) == (0, ())
