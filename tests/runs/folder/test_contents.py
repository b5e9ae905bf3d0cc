"""What a folder holds, seen without reading arrays."""

import json
import shutil
from pathlib import Path

import pytest
import xarray as xr
from folder_by_hand import KEYS, result, write_study

from carnotlab.core.errors import InputError
from carnotlab.runs.entries import FORMAT
from carnotlab.runs.folder import present_code
from carnotlab.runs.folder.contents import contents_of
from carnotlab.runs.folder.quantities import quantities_in
from carnotlab.runs.kernel_blocks import KernelBlocks
from carnotlab.runs.store import Store


def row(out, wanted):
    return contents_of(out).pick(wanted)[1]


def test_a_folder_is_listed_without_jax_or_xarray(python, out):
    code = (
        "import sys; from pathlib import Path;"
        "from carnotlab.runs.folder.contents import contents_of;"
        f"print(len(contents_of(Path({str(out)!r})).rows));"
        "print({'jax', 'xarray', 'zarr', 'pandas', 'matplotlib'} & set(sys.modules))"
    )
    assert python(code).splitlines() == ["3", "set()"]


def test_rows_are_studies_and_what_no_study_needs(out):
    contents = contents_of(out)
    assert [held.name for _, held in contents.rows] == [
        f"waves-{'0' * 12}", f"waves-{'1' * 12}", KEYS["d"],
    ]  # fmt: skip
    first = contents.rows[0][1]
    assert (first.done, first.total, first.state, first.code) == (2, 2, "whole", "same")
    assert first.settings == {"size": "smoke", "seeds": 3, "width": 8}
    assert contents.unknown == ()


def test_sizes_are_those_on_disk_and_shared_arms_count_once(out):
    contents = contents_of(out)
    own = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert contents.size == own - (out / "report.html").stat().st_size
    studies = sum(held.size for held in contents.studies)
    shared = sum(p.stat().st_size for p in Store(out / "arrays").path(KEYS["a"]).rglob("*")
                 if p.is_file())  # fmt: skip
    loose = contents.loose[0].size
    assert studies + loose == contents.size + shared


def test_a_missing_arm_or_record_makes_a_study_partial(out):
    shutil.rmtree(Store(out / "arrays").path(KEYS["b"]))
    assert (row(out, "0000").state, row(out, "0000").done) == ("partial", 1)
    assert row(out, "1111").state == "whole"
    (out / f"waves-{'1' * 12}" / "provenance.json").unlink()
    assert row(out, "1111").state == "partial"


def test_the_age_of_code_is_that_of_the_arms_else_of_the_record(out, monkeypatch):
    assert row(out, "0000").code == "same"
    monkeypatch.setattr(present_code, "code_digest", lambda: "another")
    assert row(out, "0000").code == "other"
    assert row(out, KEYS["d"]).code == "other"


def test_what_other_code_left_unsaid_is_read_from_the_record(out):
    write_study(out, "old", "2" * 12, {}, "other")
    write_study(out, "older", "3" * 12, {}, "other", finished=False)
    assert (row(out, "2222").code, row(out, "3333").code) == ("other", "unknown")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("0000", f"waves-{'0' * 12}"),
        (f"waves-{'1' * 3}", f"waves-{'1' * 12}"),
        (KEYS["b"][:2], KEYS["b"]),
        (KEYS["b"], KEYS["b"]),
    ],
)
def test_the_beginning_of_a_name_or_key_is_an_id(out, wanted, found):
    assert row(out, wanted).name == found


@pytest.mark.parametrize("wanted", ["", "x", "../waves", "*", "waves-2"])
def test_an_unknown_id_is_refused(out, wanted):
    with pytest.raises(InputError, match=r"the beginning of one in .*runs list"):
        row(out, wanted)


def test_an_ambiguous_id_is_refused_with_what_it_stands_for(out):
    with pytest.raises(InputError, match=r"waves-0{12}, waves-1{12}.*give more of it") as error:
        row(out, "waves")
    assert "\n" not in str(error.value)


def test_a_whole_name_is_no_beginning_of_another(out):
    store = Store(out / "arrays")
    store.save("short", result(1.0))
    store.save("shorter", result(1.0))
    assert row(out, "short").name == "short"


def test_what_carnot_did_not_write_is_unknown_and_links_are_not_followed(out, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    Store(elsewhere).save("k", result(1.0))
    (out / "notes.txt").write_text("mine")
    (out / "arrays" / "mine").mkdir()
    (out / "arrays" / "link.zarr").symlink_to(elsewhere / "k.zarr")
    (out / f"linked-{'4' * 12}").symlink_to(out / f"waves-{'0' * 12}")
    contents = contents_of(out)
    assert {path.name for path in contents.unknown} == {
        "notes.txt", "mine", "link.zarr", f"linked-{'4' * 12}",
    }  # fmt: skip
    assert "link" not in {held.name for held in contents.entries}


def test_a_store_that_is_a_link_is_not_followed(out, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (out / "arrays").rename(elsewhere / "arrays")
    (out / "arrays").symlink_to(elsewhere / "arrays")
    contents = contents_of(out)
    assert contents.entries == ()
    assert [path.name for path in contents.unknown] == ["arrays"]
    assert {held.state for held in contents.studies} == {"partial"}


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"study": 1}', '{"study": "waves", "size": "smoke", "settings": {}, "arms": '
     '[{"arm": "x", "key": "../../x"}]}'],
)  # fmt: skip
def test_a_record_that_cannot_be_read_is_damage_in_its_row(out, text):
    (out / f"waves-{'0' * 12}" / "settings.json").write_text(text)
    assert row(out, "0000").state == "damaged"
    assert "settings.json" in row(out, "0000").note
    assert row(out, "1111").state == "whole"


def test_an_entry_of_a_newer_version_is_not_called_damaged(out):
    root = Store(out / "arrays").path(KEYS["d"]) / "zarr.json"
    content = json.loads(root.read_text())
    content["attributes"]["carnot_format"] = FORMAT + 1
    root.write_text(json.dumps(content))
    assert row(out, KEYS["d"]).state == "newer"
    assert "update Carnot" in row(out, KEYS["d"]).note


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="--out"):
        contents_of(tmp_path / "missing")


def test_entries_of_comparisons_lie_in_the_folder_itself(tmp_path):
    Store(tmp_path).save("k", result(1.0))
    (row,) = contents_of(tmp_path).rows
    assert (row[1].name, row[1].kind) == ("k", "arm")


def test_blocks_of_kernel_matrices_are_listed(out):
    from carnotlab.networks.architectures import mlp

    x = xr.DataArray([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]).values
    KernelBlocks(mlp(2, (8,), 1), x, x[:1], out / "arrays" / "kernel-blocks", block=2).compute()
    rows = [(kind, held) for kind, held in contents_of(out).held if held.kind == "kernel blocks"]
    ((kind, held),) = rows
    assert (held.total, held.counted) == (5, "blocks")
    assert kind.faults(held) == []
    block = next(iter(sorted(Path(held.path).iterdir())))
    content = bytearray(block.read_bytes())
    content[-1] ^= 1
    block.write_bytes(bytes(content))
    assert [fault.path for fault in kind.faults(held)] == [block]


def test_quantities_are_described_as_they_were_saved(out):
    found = quantities_in(Store(out / "arrays").path(KEYS["a"]))
    assert {"group": "prediction", "name": "u", "dims": ["time"], "shape": [3], "dtype": "float64",
            "units": "loss", "meaning": "what u is"} in found  # fmt: skip
    assert {f"{each['group']}/{each['name']}" for each in found} == {
        "prediction/u", "prediction/time", "observation/u", "observation/time",
        "checks/value", "checks/check",
    }  # fmt: skip
