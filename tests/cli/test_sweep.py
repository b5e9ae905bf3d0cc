"""``carnot sweep``: results, what a script reads, what a repeated command skips."""

import numpy as np
import pytest
from sweep_commands import stored_chunks

from carnotlab.runs.sweeps import carry_out
from carnotlab.runs.sweeps.archive import Archive
from carnotlab.runs.sweeps.results import gather

FILE = """
import carnotlab as carnot
TASK = carnot.GaussianRegression(inputs=4, samples=24)
def experiment(lr: float, width: int = 8, batch: int = 8) -> carnot.Experiment:
    training = carnot.Training(
        carnot.GradientDescent(lr), 6, carnot.Minibatch(batch), record=carnot.Evenly(3)
    )
    return carnot.Experiment(TASK, carnot.mlp(4, (width,), 1), training)
"""

KEYS = {"sweep", "folder", "members", "done", "diverged", "failures", "refused", "quantity", "best",
        "provenance"}  # fmt: skip
PLAN = {"members", "settings", "seeds", "refused", "programs", "tasks", "core_seconds", "bytes",
        "memory_of_a_task", "folder"}  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = tmp_path_factory.mktemp("user") / "user_toy.py"
    file.write_text(FILE)
    return file


@pytest.fixture(scope="module")
def swept(carnot, file, tmp_path_factory):
    """The words of a small sweep, what it printed, and the folder it wrote."""
    out = tmp_path_factory.mktemp("swept")
    words = ("sweep", file, "lr=0.02,0.1", "seeds=3", "--out", out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_NUM_CPU_DEVICES", "1")
        patch.setenv("JAX_COMPILATION_CACHE_DIR", "")
        return words, carnot(*words, "--json"), out


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(carry_out, "train_members", lambda *_: pytest.fail("trained again"))


def test_a_script_reads_what_leads(swept):
    _, outcome, out = swept
    assert outcome.code == 0
    assert set(outcome.json) == KEYS
    assert (outcome.json["members"], outcome.json["done"], outcome.json["diverged"]) == (6, 6, 0)
    result, _ = gather(Archive.open(out / "sweeps" / outcome.json["sweep"]))
    last = result.dataset["test_loss"].isel(time=-1)
    means = last.mean("seed")
    first, second = outcome.json["best"]
    assert first["mean"] == pytest.approx(float(means.min()), rel=1e-6)
    assert first["settings"] == {"lr": float(means["lr"][int(np.argmin(means.values))])}
    error = last.sel(lr=first["settings"]["lr"]).std("seed", ddof=1) / np.sqrt(3)
    assert first["standard_error"] == pytest.approx(float(error), rel=1e-4)
    assert second["mean"] == pytest.approx(float(means.max()), rel=1e-6)


def test_progress_is_on_stderr(swept):
    _, outcome, _ = swept
    lines = outcome.err.splitlines()
    assert lines[0].startswith("user_toy.py: in this process")
    assert "6 of 6 members done, 0 failed, 0 diverged" in lines[-1]
    assert "best so far: lr=" in lines[-1]


def test_a_repeated_command_trains_nothing(carnot, swept, no_training):
    words, outcome, _ = swept
    again = carnot(*words, "--json")
    assert again.code == 0
    assert again.out == outcome.out
    assert again.err == ""


def test_a_person_reads_a_table(carnot, swept, no_training):
    words, _, out = swept
    outcome = carnot(*words)
    assert outcome.code == 0
    assert "test_loss at the end" in outcome.out
    assert "6 of 6 members done, 0 diverged." in outcome.out
    assert outcome.out.splitlines()[-1].startswith(f"Results: {out}/sweeps/")


def test_another_process_writes_the_same_bytes(carnot, swept, tmp_path):
    words, outcome, out = swept
    other = carnot(*words[:-1], tmp_path, "--jobs", "1", "--json")
    assert other.code == 0
    assert other.json["best"] == outcome.json["best"]
    assert "user_toy.py: 1 process" in other.err
    assert stored_chunks(tmp_path) == stored_chunks(out)
    assert stored_chunks(out)


def test_a_figure_of_a_finished_sweep(carnot, swept, tmp_path, no_training):
    words, _, _ = swept
    outcome = carnot(*words, "--figure", tmp_path / "sweep.svg")
    assert outcome.code == 0
    assert f"drawn: {tmp_path}/sweep.svg" in outcome.err
    assert "</svg>" in (tmp_path / "sweep.svg").read_text()


def test_there_is_no_figure_where_nothing_was_done(carnot, swept, tmp_path, monkeypatch):
    words, _, _ = swept
    monkeypatch.setattr(carry_out, "train_members", lambda *_: [][0])
    outcome = carnot(*words[:-1], tmp_path, "--figure", tmp_path / "sweep.svg")
    assert outcome.code == 3
    assert "0 of 6 members done" in outcome.out
    assert f"not drawn: {tmp_path}/sweep.svg, as no member is done" in outcome.err
    assert not (tmp_path / "sweep.svg").exists()


def test_what_is_missing_is_trained(carnot, swept, tmp_path, no_training):
    """The control of the tests that train nothing."""
    words, _, _ = swept
    with pytest.raises(pytest.fail.Exception):
        carnot(*words[:-1], tmp_path)


def test_a_dry_run_writes_nothing(carnot, file, tmp_path):
    words = ("sweep", file, "lr=0.02,0.1", "width=8,16,32", "seeds=5", "--out", tmp_path / "o")
    outcome = carnot(*words, "--dry-run", "--json")
    plan = outcome.json["plan"]
    assert outcome.code == 0
    assert set(plan) == PLAN
    assert (plan["members"], plan["settings"], plan["seeds"]) == (30, 6, 5)
    assert plan["bytes"] > 30 * 2 * 3 * 4  # two losses at three times and more
    assert plan["core_seconds"] > 0
    text = carnot(*words, "--dry-run")
    assert "30 members: 6 settings x 5 seeds" in text.out
    assert "on disk in" in text.out
    assert not list(tmp_path.iterdir())


def test_a_dry_run_names_the_folder_of_the_run(carnot, swept):
    words, outcome, _ = swept
    plan = carnot(*words, "--dry-run", "--json").json["plan"]
    assert plan["folder"] == outcome.json["folder"]


def planned(carnot, *words):
    outcome = carnot("sweep", *words, "--dry-run", "--json")
    assert outcome.code == 0, outcome.err
    return outcome.json["plan"]


def test_settings_drawn_at_random(carnot, file):
    words = (file, "lr=0.01..1:log", "width=8..64", "seeds=2", "--sample", "7")
    plan = planned(carnot, *words)
    assert (plan["members"], plan["settings"]) == (14, 7)
    assert planned(carnot, *words)["folder"] == plan["folder"]
    assert planned(carnot, *words, "--sample-seed", "1")["folder"] != plan["folder"]


def test_settings_from_a_file(carnot, swept, file, tmp_path):
    """A list that holds a grid's settings gives the grid's members."""
    _, outcome, _ = swept
    table = tmp_path / "settings.csv"
    table.write_text("lr\n0.02\n0.1\n")
    out = tmp_path / "out"
    listed = carnot("sweep", file, "seeds=3", "--settings", table, "--out", out, "--json")
    assert listed.code == 0
    assert listed.json["best"] == outcome.json["best"]


def test_settings_that_are_no_experiment_are_named_and_the_others_trained(carnot, file, tmp_path):
    words = ("sweep", file, "lr=0.02", "batch=8,5000", "seeds=1", "--out", tmp_path)
    outcome = carnot(*words)
    assert outcome.code == 0
    assert "refused: lr=0.02, batch=5000: Got batches of 5000" in outcome.out
    assert "1 of 1 members done, 0 diverged, 1 settings refused." in outcome.out
    record = carnot(*words, "--json").json
    assert list(record["refused"]) == ["lr=0.02, batch=5000"]


def test_members_that_fail_are_named_and_tried_again(carnot, swept, tmp_path, monkeypatch):
    words, outcome, _ = swept
    words = (*words[:-1], tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(carry_out, "train_members", lambda *_: [][0])
        failed = carnot(*words)
    assert failed.code == 3
    assert "failed: lr=0.02: IndexError" in failed.out
    assert "0 of 6 members done, 0 diverged, 6 missing, 2 settings failed." in failed.out
    again = carnot(*words, "--json")
    assert again.code == 0
    assert again.json["failures"] == {}
    assert again.json["best"] == outcome.json["best"]


def test_the_experiment_that_needs_no_file(carnot, tmp_path):
    words = ("sweep", "lr=0.1", "width=4", "steps=2", "batch=0", "records=2", "seeds=1")
    outcome = carnot(*words, "--out", tmp_path, "--json")
    assert outcome.code == 0
    assert outcome.json["best"][0]["settings"] == {
        "lr": 0.1, "width": 4, "steps": 2, "batch": 0, "records": 2,
    }  # fmt: skip
    assert outcome.json["done"] == 1


def test_a_function_of_any_settings(carnot, file, tmp_path):
    other = tmp_path / "other.py"
    other.write_text(f"from {file.stem} import experiment as of\n"
                     "def experiment(**settings): return of(**settings)\n")  # fmt: skip
    assert planned(carnot, other, "lr=0.1,0.2", "seeds=2")["members"] == 4
