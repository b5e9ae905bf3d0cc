"""What a run prints and writes."""

import json
from pathlib import Path

from carnotlab.cli import running
from carnotlab.reports.recall import recall, result_folders
from carnotlab.studies import catalogue

VERDICT = {
    "study", "arm", "role", "quantity", "agreement", "expected", "error", "interval", "tolerance",
    "in_regime", "checks", "seconds",
}  # fmt: skip
PROVENANCE = {"version", "commit", "jax", "device", "seeds", "precision", "settings"}


def test_a_run_prints_one_object_with_the_documented_keys(first):
    outcome = first[0]
    assert outcome.code == 1
    record = outcome.json
    assert set(record) == {"verdicts", "provenance", "skipped", "linear_baselines"}
    assert record["linear_baselines"] == []  # no real data
    assert set(record["provenance"]) == PROVENANCE
    assert record["provenance"]["seeds"] == [0, 1, 2]
    assert set(record["provenance"]["settings"]) == {"toy-modes", "toy-contrary"}
    assert record["provenance"]["settings"]["toy-modes"]["steps"] == 60
    assert record["skipped"][0] == "toy-modes: real data: no file was given"
    studies = [verdict["study"] for verdict in record["verdicts"]]
    assert studies == ["toy-modes"] * 2 + ["toy-contrary"] * 2
    assert [verdict["arm"] for verdict in record["verdicts"]] == ["aligned", "control: large"] * 2
    for verdict in record["verdicts"]:
        assert set(verdict) == VERDICT
        assert len(verdict["interval"]) == 2
        for check in verdict["checks"]:
            assert set(check) == {"name", "value", "limit", "holds"}


def test_one_seed_has_no_interval_and_contradicts(carnot, kept):
    outcome = carnot("run", "toy-modes", "toy-modes", "--seeds", 1, "--out", kept, "--json")
    assert outcome.code == 1
    assert len(outcome.json["verdicts"]) == 2
    for verdict in outcome.json["verdicts"]:
        assert verdict["interval"] == [None, None]
        assert verdict["agreement"] == "underpowered"


def test_a_repeated_run_computes_nothing_and_says_the_same(carnot, first, kept, monkeypatch):
    monkeypatch.setattr("carnotlab.runs.run.train", None)
    again = carnot("run", "toy-modes", "--out", kept, "--json")
    assert again.code == 0
    assert again.json["verdicts"] == first[0].json["verdicts"][:2]
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
    assert len(names) == 4
    assert {"arrays", "report.html", study} < names
    assert len(study) == len("toy-modes-") + 12
    assert all(path.suffix == ".zarr" for path in (out / "arrays").iterdir())
    assert json.loads((out / study / "verdicts.json").read_text())


def test_no_word_is_lost_in_a_narrow_terminal(first, monkeypatch, capsys):
    results = [recall(folder, catalogue.find_study) for folder in result_folders(first[1])]
    for columns in (40, 80, 120, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        running.print_results(results, Path("report.html"), json=False)
        shown = capsys.readouterr().out
        assert max(map(len, shown.splitlines()[:-1])) <= columns
        assert "…" not in shown
        for word in ("agrees", "disagrees", "contradicts", "toy-contrary"):
            assert word in shown


def test_a_tour_shows_a_few_studies(carnot, kept):
    outcome = carnot("tour", "--out", kept)
    assert outcome.code == 0
    assert outcome.out.count("They do from an aligned start") == 1
    assert "All 2 verdicts are as the studies expect" in outcome.out


def test_a_whole_tour_says_what_each_study_shows(carnot, kept):
    outcome = carnot("tour", "--all", "--out", kept)
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
    pages = [*sorted(kept.glob("*/report.html")), kept / "report.html"]
    texts = [page.read_text() for page in pages]
    for page in pages:
        page.unlink()
    assert carnot("report", kept).code == 1
    assert [page.read_text() for page in pages[:-1]] == texts[:-1]
    assert sorted(pages[-1].read_text()) == sorted(texts[-1])  # the studies in another order
    (study,) = kept.glob("toy-modes-*")
    assert carnot("report", study).code == 0


def test_an_unfinished_result_is_left_out_and_named(carnot, kept):
    (study,) = kept.glob("toy-contrary-*")
    (study / "provenance.json").unlink()
    outcome = carnot("report", kept)
    assert outcome.code == 3
    command = f"carnot run toy-contrary --size smoke --seeds 3 --out {kept}"
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
    assert "to the nonlinear dynamics" in record["studies"][0]["source"]
    told = carnot("list").out
    assert "Saxe et al. 2014" in told
    assert "--data FILE" in told


def test_version_and_help(carnot):
    assert carnot("--version").out.startswith("carnot ")
    for words in ((), ("--help",), ("run", "-h")):
        outcome = carnot(*words)
        assert outcome.code == 0
        assert "Usage: carnot" in outcome.out
