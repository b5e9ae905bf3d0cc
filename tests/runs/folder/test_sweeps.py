"""Sweeps in an output folder: listed, checked, pruned and exported like everything else."""

import pytest
from sweep_toys import experiment

import carnotlab as carnot
from carnotlab.runs.folder.contents import contents_of
from carnotlab.runs.folder.pruning import removable, remove


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    sweep = carnot.sweep_over(experiment, carnot.grid(lr=(0.05, 0.1), width=(8, 40)), seeds=3)
    result = carnot.run_sweep(sweep, out, name="toys")
    return out, sweep, result


@pytest.fixture
def held(whole):
    out, sweep, _ = whole
    kind, found = contents_of(out).pick(sweep.key[:6])
    return kind, found


def test_a_sweep_is_listed_with_its_members(whole, held):
    _, row = held
    assert (row.kind, row.title, row.state) == ("sweep", "sweep of toys", "whole")
    assert (row.done, row.total, row.counted) == (12, 12, "members")
    assert row.settings == {"lr": [0.05, 0.1], "width": [8, 40], "seeds": 3}
    assert row.code == "same"
    assert contents_of(whole[0]).unknown == ()


def test_details_name_quantities_with_units(held):
    kind, row = held
    found = {each["quantity"]: each for each in kind.details(row)["quantities"]}
    assert found["test_loss"]["units"] == "loss"
    assert found["test_loss"]["shape"] == [12, 3]
    assert found["diverged_at"]["units"] == "steps"


def test_its_table_is_the_labelled_array(whole, held):
    kind, row = held
    ((labels, table),) = kind.tables(row)
    assert labels == {"sweep": whole[1].key}
    assert table.identical(whole[2].dataset)


def test_nothing_foreign_lies_in_it(held):
    kind, row = held
    assert list(kind.foreign(row)) == []
    (row.path / "notes.txt").write_text("mine")
    (row.path / "programs/0000/link").symlink_to("/")
    assert set(kind.foreign(row)) == {"notes.txt", "programs/0000/link"}
    (row.path / "notes.txt").unlink()
    (row.path / "programs/0000/link").unlink()


def test_damaged_packs_are_named_pruned_and_made_again(whole):
    out, sweep, result = whole
    kind, row = contents_of(out).pick(sweep.key)
    assert kind.faults(row) == []
    chunk = row.path / "programs/0001/test_loss/c/0/0"
    content = chunk.read_bytes()
    chunk.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    faults = kind.faults(row)
    assert chunk in {fault.path for fault in faults}
    program = row.path / "programs/0001"
    assert all(program in fault.path.parents for fault in faults)
    found = removable(contents_of(out), ("damaged",))
    assert found
    for each in found:
        remove(each)
    assert not chunk.exists()
    _, row = contents_of(out).pick(sweep.key)
    assert (row.state, row.done) == ("partial", 6)
    assert carnot.run_sweep(sweep, out, name="toys").dataset.identical(result.dataset)


def test_a_sweep_of_a_newer_version_is_left_alone(whole, tmp_path):
    out, sweep, _ = whole
    root = out / "sweeps" / sweep.key / "zarr.json"
    text = root.read_text()
    root.write_text(text.replace('"carnot_format": 1', '"carnot_format": 99'))
    _, row = contents_of(out).pick(sweep.key)
    assert row.state == "newer"
    with pytest.raises(carnot.InputError, match="update Carnot"):
        carnot.run_sweep(sweep, out)
    root.write_text("{}")
    _, row = contents_of(out).pick(sweep.key)
    assert row.state == "damaged"
    root.write_text(text)
