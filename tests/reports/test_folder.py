import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from toy_study import ToyStudy

from carnotlab.core.errors import InputError
from carnotlab.reports.figures import exhibit
from carnotlab.reports.folder import folder_of, write_page, write_results, write_settings
from carnotlab.reports.recall import IncompleteError, recall, result_folders
from carnotlab.runs.store import Store
from carnotlab.studies.linear_baselines import BaselineRow


def find(name):
    assert name == "toy-modes"
    return ToyStudy()


@pytest.fixture
def folder(result, out, tmp_path):
    shutil.copytree(out / "arrays", tmp_path / "arrays")
    folder = folder_of(tmp_path, result.study, result.size, result.settings)
    write_results(result, folder)
    return folder


def test_everything_is_written(folder, result):
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    figures = {f"figures/toy-modes.{kind}" for kind in ("svg", "pdf", "png")}
    records = {"settings.json", "verdicts.json", "provenance.json", "report.html"}
    assert files == figures | records
    verdicts = json.loads((folder / "verdicts.json").read_text())
    assert verdicts == [verdict.to_dict() for verdict in result.verdicts]
    arms = json.loads((folder / "settings.json").read_text())["arms"]
    assert [arm["arm"] for arm in arms] == list(result.results)


def test_drawing_again_gives_the_same_bytes(shown, result):
    again = exhibit(result)
    assert again.light == shown.light
    assert again.dark == shown.dark != shown.light["svg"]


def test_it_is_judged_again_from_the_folder_alone(folder, result, monkeypatch):
    monkeypatch.setattr("carnotlab.runs.run.train", None)
    page = (folder / "report.html").read_bytes()
    again = recall(folder, find)
    assert again.verdicts == result.verdicts
    assert again.provenance == result.provenance
    assert again.skipped == result.skipped
    write_results(again, folder)
    assert (folder / "report.html").read_bytes() == page


def test_a_tolerance_changed_in_the_settings_changes_the_verdict(folder):
    path = folder / "settings.json"
    record = json.loads(path.read_text())
    record["settings"]["error"] = 1e-9
    path.write_text(json.dumps(record))
    assert not recall(folder, find).as_expected


def test_missing_arrays_are_refused_with_the_command(folder, result):
    store = Store(folder.parent / "arrays")
    shutil.rmtree(store.path(result.keys["aligned"]))
    with pytest.raises(IncompleteError, match="1 of 2 arms are missing") as caught:
        recall(folder, find)
    command = f"carnot run toy-modes --size smoke --seeds 3 --out {folder.parent}"
    assert str(caught.value).endswith(f"resume with: {command}")


def test_settings_alone_are_a_run_cut_short(tmp_path, result):
    folder = folder_of(tmp_path, result.study, result.size, result.settings)
    write_settings(result.study, result.size, result.settings, result.keys, (), folder)
    with pytest.raises(IncompleteError, match="2 of 2"):
        recall(folder, find)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"key": "', '"key": "../../'),
        ('"size": "smoke"', '"size": "huge"'),
        ('"steps"', '"stairs"'),
        ("{", "[", ),
    ],
)  # fmt: skip
def test_tampered_settings_are_refused_in_one_line(folder, old, new):
    path = folder / "settings.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        recall(folder, find)
    assert "\n" not in str(caught.value)


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="without results"):
        result_folders(tmp_path)


def test_a_page_shows_no_result_twice(shown, tmp_path):
    with pytest.raises(InputError):
        write_page([shown, shown], tmp_path / "report.html")


def test_a_full_disk_leaves_nothing_half_written(result, tmp_path, monkeypatch):
    def full(path, data):
        with path.open("wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No space left"):
        write_results(result, tmp_path / "study")
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.rglob("*.svg"))


def test_linear_baselines_are_written_and_read_again(folder, result):
    row = BaselineRow("digits", 10, 5, "share wrong", 0.25, None, 0.2, 0.3, "aligned")
    beside = replace(result, baselines=(row,))
    write_results(beside, folder)
    assert recall(folder, find).baselines == (row,)
    page = (folder / "report.html").read_text()
    assert "Linear baseline" in page
    assert "0.2 to 0.3" in page
    assert "0.2 to 0.3" in (folder / "tables.txt").read_text()
    write_results(result, folder)
    assert "Linear baseline" not in (folder / "report.html").read_text()
