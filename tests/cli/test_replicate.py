"""``carnot replicate``: every combination of what was given, summed up."""

import pytest

COMMAND = ("replicate", "toy-modes")


def refused(outcome):
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("carnot: ")
    assert outcome.err.count("\n") == 1
    return outcome.err


@pytest.fixture
def kept_words(kept):
    return (*COMMAND, "--set", "error=0.05,1e-9", "--out", kept)


def test_one_object_with_conditions_claims_and_summary(carnot, kept_words, monkeypatch):
    monkeypatch.setattr("carnotlab.runs.run.train", None)  # all arms are stored
    outcome = carnot(*kept_words, "--json")
    assert outcome.code == 1
    record = outcome.json
    assert set(record) == {"study", "summary", "claims", "conditions", "provenance"}
    assert record["summary"] == ("toy-modes carries over 1 of 2 conditions; breaks on error=1e-9")
    names = [condition["condition"] for condition in record["conditions"]]
    assert names == ["error=0.05", "error=1e-9"]
    test, control = record["claims"]
    assert (test["role"], test["share"], test["breaks"]) == ("test", 0.5, ["error=1e-9"])
    assert (control["role"], control["as_expected"], control["breaks"]) == ("control", 2, [])
    assert test["interval"][0] < 0.5 < test["interval"][1]
    run = carnot("run", "toy-modes", "--out", kept_words[-1], "--json").json
    assert record["conditions"][0]["verdicts"] == run["verdicts"]


def test_a_table_and_one_line_for_people(carnot, kept_words):
    outcome = carnot(*kept_words)
    assert outcome.code == 1
    assert "carries over 1 of 2 conditions; breaks on error=1e-9." in outcome.out
    assert "1 of 2" in outcome.out
    assert f"Report: {kept_words[-1] / 'report.html'}\n" in outcome.out
    page = (kept_words[-1] / "report.html").read_text()
    assert page.count("<section") == 2


def test_data_sets_are_called_so(carnot, kept, tmp_path):
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("x\n")
    words = (
        *COMMAND, "--data", "own", "--data", tmp_path / "one.csv", "--data", tmp_path / "two.csv",
    )  # fmt: skip
    outcome = carnot(*words, "--out", kept, "--json")
    assert outcome.code == 0
    assert outcome.json["summary"] == "toy-modes carries over 3 of 3 data sets"


def test_a_dry_run_lists_every_combination_and_writes_nothing(carnot, tmp_path):
    words = (*COMMAND, "--set", "strengths=3,1;2,1", "--seeds", "2,3", "--out", tmp_path / "new")
    outcome = carnot(*words, "--dry-run", "--json")
    assert outcome.code == 0
    plans = outcome.json["plan"]
    assert [plan["condition"] for plan in plans] == [
        "seeds=2, strengths=3,1", "seeds=2, strengths=2,1",
        "seeds=3, strengths=3,1", "seeds=3, strengths=2,1",
    ]  # fmt: skip
    assert plans[1]["settings"]["strengths"] == [2, 1]
    assert "seeds=3, strengths=3,1:\n" in carnot(*words, "--dry-run").out
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["replicate"], "Missing argument 'STUDY'"),
        (["replicate", "toy-mode"], "did you mean toy-modes"),
        ([*COMMAND, "--seeds", "few"], "--seeds 4,8"),
        ([*COMMAND, "--seeds", "0,2"], "--seeds 4,8"),
        ([*COMMAND, "--seeds", ""], "leave no value empty"),
        ([*COMMAND, "--set", "steps="], "leave no value empty"),
        ([*COMMAND, "--set", "steps=3,,4"], "leave no value empty"),
        ([*COMMAND, "--set", "steps"], "key=value"),
        ([*COMMAND, "--set", "stairs=3"], "strengths, steps"),
        ([*COMMAND, "--set", "steps=3,many"], "--dry-run"),
        ([*COMMAND, "--set", "data=x"], "--data"),
        ([*COMMAND, "--seeds", "3", "--set", "seeds=4"], "leave one out"),
        ([*COMMAND, "--size", "huge"], "'smoke', 'full'"),
    ],
)
def test_bad_usage(carnot, words, mend, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert mend in refused(carnot(*words))
    assert not list(tmp_path.iterdir())


def test_data_for_a_study_that_takes_none(carnot, monkeypatch, tmp_path):
    monkeypatch.setattr("toy_study.ToyStudy.takes_data", False)
    line = refused(carnot(*COMMAND, "--data", tmp_path / "x.csv", "--out", tmp_path / "out"))
    assert "leave --data out" in line
