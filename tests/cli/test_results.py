"""What a run prints and writes."""

import json

import pytest

VERDICT = {
    "study", "arm", "role", "quantity", "agreement", "expected", "error", "interval", "tolerance",
    "in_regime", "checks", "seconds",
}  # fmt: skip
PROVENANCE = {"version", "commit", "jax", "device", "seeds", "precision", "settings"}


def test_a_run_prints_one_object_with_the_documented_keys(first):
    outcome = first[0]
    assert outcome.code == 0
    record = outcome.json
    assert set(record) == {"verdicts", "provenance", "skipped"}
    assert set(record["provenance"]) == PROVENANCE
    assert record["provenance"]["seeds"] == [0, 1, 2]
    assert record["provenance"]["settings"]["toy-modes"]["steps"] == 60
    assert record["skipped"] == ["toy-modes: real data: no file was given"]
    assert [verdict["arm"] for verdict in record["verdicts"]] == ["aligned", "control: large"]
    for verdict in record["verdicts"]:
        assert set(verdict) == VERDICT
        assert len(verdict["interval"]) == 2
        for check in verdict["checks"]:
            assert set(check) == {"name", "value", "limit", "holds"}


def test_several_studies_make_one_object(carnot, kept):
    outcome = carnot("run", "toy-modes", "toy-contrary", "toy-modes", "--out", kept, "--json")
    assert outcome.code == 1
    record = outcome.json
    studies = [verdict["study"] for verdict in record["verdicts"]]
    assert studies == ["toy-modes"] * 2 + ["toy-contrary"] * 2
    assert set(record["provenance"]["settings"]) == {"toy-modes", "toy-contrary"}
    assert record["provenance"]["seeds"] == [0, 1, 2]


def test_one_seed_has_no_interval_and_contradicts(carnot, kept):
    outcome = carnot("run", "toy-modes", "--seeds", 1, "--out", kept, "--json")
    assert outcome.code == 1
    for verdict in outcome.json["verdicts"]:
        assert verdict["interval"] == [None, None]
        assert verdict["agreement"] == "underpowered"


def test_a_repeated_run_computes_nothing_and_says_the_same(carnot, first, kept, monkeypatch):
    monkeypatch.setattr("carnotlab.runs.run.train", None)
    again = carnot("run", "toy-modes", "--out", kept, "--json")
    assert again.out == first[0].out
    told = carnot("run", "toy-modes", "--out", kept)
    assert told.code == 0
    assert "2 arms, 2 of them read from the output folder" in told.out
    assert "not run: real data: no file was given" in told.out
    assert "All 2 verdicts are as the studies expect." in told.out
    assert f"Report: {kept / 'report.html'}\n" in told.out
    for verdict in again.json["verdicts"]:
        assert verdict["arm"] in told.out
    assert "\x1b" not in told.out


def test_the_folder_holds_what_was_promised(first):
    out = first[1]
    names = {path.name for path in out.iterdir()}
    study = next(name for name in names if name.startswith("toy-modes-"))
    assert names == {"arrays", "report.html", study}
    assert len(study) == len("toy-modes-") + 12
    assert all(path.suffix == ".zarr" for path in (out / "arrays").iterdir())
    assert json.loads((out / study / "verdicts.json").read_text())


@pytest.mark.parametrize("columns", ["30", "200"])
def test_no_word_is_lost_in_a_narrow_terminal(carnot, kept, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    shown = carnot("report", kept).out
    letters = "".join(c for c in shown if c.isalnum())
    assert "disagrees" in letters or columns == "30"
    assert "…" not in shown
    assert max(len(line) for line in shown.splitlines() if "Report:" not in line) <= int(columns)


def test_a_tour_says_what_each_study_shows(carnot, kept):
    outcome = carnot("tour", "--out", kept)
    assert outcome.code == 1
    assert outcome.out.count("They do from an aligned start") == 2
    assert "toy-contrary: started" in outcome.err
    assert "1 of 4 verdicts contradict" in outcome.out


def test_a_dry_run_tells_what_is_stored_and_writes_nothing(carnot, kept, tmp_path):
    before = sorted(path for path in tmp_path.rglob("*"))
    outcome = carnot("run", "toy-modes", "--out", kept, "--dry-run", "--json")
    (plan,) = outcome.json["plan"]
    assert outcome.code == 0
    assert [arm["stored"] for arm in plan["arms"]] == [True, True]
    words = ("run", "toy-modes", "--out", kept, "--dry-run", "--set", "steps=7")
    told = carnot(*words).out
    assert "steps = 7" in told
    assert told.count("to run") == 2
    assert sorted(path for path in tmp_path.rglob("*")) == before
    carnot("run", "toy-modes", "--out", tmp_path / "new", "--dry-run")
    assert not (tmp_path / "new").exists()


def test_a_report_is_rebuilt_from_the_folder_alone(carnot, kept, monkeypatch):
    monkeypatch.setattr("carnotlab.runs.run.train", None)
    page = (kept / "report.html").read_text()
    (kept / "report.html").unlink()
    outcome = carnot("report", kept)
    assert outcome.code == 0
    assert (kept / "report.html").read_text() == page
    (study,) = kept.glob("toy-modes-*")
    assert carnot("report", study).code == 0


def test_an_unfinished_result_is_left_out_and_named(carnot, kept):
    carnot("run", "toy-contrary", "--out", kept)
    (study,) = kept.glob("toy-contrary-*")
    (study / "provenance.json").unlink()
    outcome = carnot("report", kept)
    assert outcome.code == 3
    command = f"carnot run toy-contrary --size smoke --seeds 2 --out {kept}"
    assert outcome.err == (
        f"carnot: toy-contrary is not finished (it was interrupted); resume with: {command}\n"
    )
    assert "toy-contrary" not in (kept / "report.html").read_text()


def test_the_list(carnot):
    record = carnot("list", "--json").json
    assert set(record) == {"studies"}
    assert [study["study"] for study in record["studies"]] == ["toy-modes", "toy-contrary"]
    for study in record["studies"]:
        assert set(study) == {"study", "question", "source", "data"}
    assert "Saxe" in carnot("list").out


def test_version_and_help(carnot):
    assert carnot("--version").out.startswith("carnot ")
    for words in ((), ("--help",), ("run", "-h")):
        outcome = carnot(*words)
        assert outcome.code == 0
        assert "Usage: carnot" in outcome.out
