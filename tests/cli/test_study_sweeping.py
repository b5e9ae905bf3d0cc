"""``carnot sweep STUDY``: verdicts by setting, each arm computed once, failures named."""

import shutil

import pytest
from toy_study import ToyStudy, put_in_catalogue

from carnotlab.cli import arms
from carnotlab.runs.executors.in_process import InProcess
from carnotlab.runs.run import Run
from carnotlab.runs.store import Store
from carnotlab.studies import running

WORDS = ("sweep", "toy-modes", "error=0.05,1e-12", "--json", "--out")


@pytest.fixture
def computed(monkeypatch):
    """The runs that are computed in this process, as they are."""
    compute, runs = Run.compute, []

    def noted(run, *rest):
        runs.append(run)
        return compute(run, *rest)

    monkeypatch.setattr(Run, "compute", noted)
    return runs


def divide_by_zero(*_):
    raise ZeroDivisionError("no")


def without_the_control(carnot, folder):
    """Remove one of the two arms kept; return the other one's entry."""
    plan = carnot("run", "toy-modes", "--out", folder, "--dry-run", "--json").json["plan"]
    entries = [folder / "arrays" / f"{arm['key']}.zarr" for arm in plan[0]["arms"]]
    shutil.rmtree(entries[1])
    return entries[0]


def test_a_study_under_several_settings(carnot, kept):
    outcome = carnot(*WORDS, kept)
    assert outcome.code == 1
    record = outcome.json
    assert set(record) == {
        "study", "entry", "settings", "judgements", "as_expected", "error", "failures",
    }  # fmt: skip
    assert record["settings"] == [{"error": 0.05}, {"error": 1e-12}]
    assert record["judgements"] == ["aligned: mode_strength", "control: large: mode_strength"]
    assert record["as_expected"] == [[1.0, 1.0], [0.0, 1.0]]
    assert record["error"][0] == record["error"][1]
    tree = Store(kept / "arrays").load(record["entry"])
    assert dict(tree["verdicts"].sizes) == {"error_": 2, "judgement": 2}
    text = carnot(*(word for word in WORDS if word != "--json"), kept)
    assert "3 of 4 verdicts are as toy-modes expects." in text.out
    assert "aligned: mode_strength" in text.out


def test_a_study_as_it_expects(carnot, kept):
    assert carnot("sweep", "toy-modes", "error=0.05,0.06", "--out", kept).code == 0


def test_what_is_kept_is_only_judged_and_once(carnot, kept, monkeypatch):
    judged, judge = [], running.judge

    def noted(**words):
        judged.append(words["arm"])
        return judge(**words)

    monkeypatch.setattr(running, "judge", noted)
    monkeypatch.setattr(arms, "InProcess", lambda *_: pytest.fail("computed again"))
    outcome = carnot(*WORDS, kept)
    assert outcome.err == ""
    assert judged == ["aligned", "control: large"] * 2


def test_an_arm_that_is_missing_is_computed_alone_and_once_for_all_settings(carnot, kept, computed):
    other = without_the_control(carnot, kept)
    stamp = other.stat().st_mtime_ns
    outcome = carnot(*WORDS, kept)
    assert outcome.json["as_expected"] == [[1.0, 1.0], [0.0, 1.0]]
    assert len(computed) == 1
    assert other.stat().st_mtime_ns == stamp
    assert outcome.err.splitlines()[0] == "toy-modes: in this process, 1 at a time"
    assert "1 of 1 arms done, 0 failed" in outcome.err


def test_a_study_is_swept_where_it_is_asked_for(carnot, kept, monkeypatch):
    without_the_control(carnot, kept)
    asked = []

    def executor_of(*where):
        asked.append(where)
        return InProcess(1)

    monkeypatch.setattr(arms, "executor_of", executor_of)
    assert "1 of 1 arms done" in carnot(*WORDS, kept, "--jobs", "3").err
    assert asked == [(None, 3, arms.keep_compiled_programs)]


@pytest.mark.slow  # imports JAX in a worker
def test_a_study_swept_by_another_process(carnot, kept, monkeypatch, computed):
    without_the_control(carnot, kept)
    monkeypatch.setattr(arms, "keep_compiled_programs", put_in_catalogue)
    outcome = carnot(*WORDS, kept, "--jobs", "1")
    assert outcome.json["as_expected"] == [[1.0, 1.0], [0.0, 1.0]]
    assert outcome.err.splitlines()[0] == "toy-modes: 1 process"
    assert "1 of 1 arms done, 0 failed" in outcome.err
    assert computed == []


def test_a_study_dry(carnot, tmp_path):
    words = ("sweep", "toy-modes", "error=0.05,0.1", "seeds=2", "--out", tmp_path, "--dry-run")
    outcome = carnot(*words, "--json")
    assert outcome.code == 0
    assert outcome.json["plan"]["runs"] == ["error=0.05, seeds=2", "error=0.1, seeds=2"]
    assert "2 runs of toy-modes" in carnot(*words).out
    assert not list(tmp_path.iterdir())


def test_a_setting_of_a_study_that_fails_is_named(carnot, kept, monkeypatch):
    monkeypatch.setattr(Run, "compute", divide_by_zero)
    words = ("sweep", "toy-modes", "steps=60,61", "--out", kept)
    outcome = carnot(*words, "--json")
    assert outcome.code == 3
    assert outcome.json["failures"] == {"1": "ZeroDivisionError: no"}
    assert outcome.json["as_expected"] == [[1.0, 1.0], [None, None]]
    assert "ZeroDivisionError: no" in carnot(*words).out


def test_one_arm_that_fails_fails_its_settings_and_no_others(carnot, kept, monkeypatch):
    without_the_control(carnot, kept)
    monkeypatch.setattr(Run, "compute", divide_by_zero)
    outcome = carnot(*WORDS, kept)
    assert outcome.code == 3
    assert outcome.json["failures"] == {str(row): "ZeroDivisionError: no" for row in (0, 1)}
    assert "0 of 1 arms done, 1 failed" in outcome.err


def test_a_setting_that_cannot_be_judged_is_named(carnot, kept, monkeypatch):
    judgements = ToyStudy.judgements

    def broken(study, settings, labels):
        return judgements(study, settings, labels) if settings.error > 1e-6 else divide_by_zero()

    monkeypatch.setattr(ToyStudy, "judgements", broken)
    outcome = carnot(*WORDS, kept)
    assert outcome.code == 3
    assert outcome.json["failures"] == {"1": "ZeroDivisionError: no"}
    assert outcome.json["as_expected"] == [[1.0, 1.0], [None, None]]
