"""``carnot run`` with its arms computed by an executor: the same verdicts, failures named."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from toy_study import ToyStudy, put_in_catalogue

from carnotlab.cli import arms
from carnotlab.core.errors import InputError
from carnotlab.runs.executors.in_process import InProcess
from carnotlab.runs.executors.transport import ONE_CORE
from carnotlab.runs.run import Run
from carnotlab.runs.store import Store
from carnotlab.studies import catalogue
from carnotlab.studies.arm_work import ArmWork, missing_arms
from carnotlab.studies.running import arms_of

PROGRAM = [sys.executable, str(Path(__file__).with_name("toy_carnot.py"))]


@pytest.fixture
def one_thread(monkeypatch):
    """Items carried out here, whatever executor is asked for."""
    monkeypatch.setattr(arms, "executor_of", lambda *_: InProcess(1))


def verdicts(outcome):
    """Return what is judged, without how long it took."""
    return [{k: v for k, v in each.items() if k != "seconds"} for each in outcome.json["verdicts"]]


def toy_items(out):
    study = ToyStudy()
    settings = study.defaults("smoke")
    keys = {arm.label: arm.run.key for arm in arms_of(study, settings)[0]}
    return missing_arms([(study, "smoke", settings, keys)], Store(out / "arrays"))


def test_a_worker_process_computes_what_this_one_judges(carnot, first, tmp_path, monkeypatch):
    monkeypatch.setattr(arms, "keep_compiled_programs", put_in_catalogue)
    words = ("run", "toy-modes", "toy-contrary", "--out", tmp_path, "--jobs", "1", "--json")
    outcome = carnot(*words)
    assert outcome.code == first[0].code == 1
    # The quick tests' programs are not optimized, which rounds otherwise with one thread.
    for found, expected in zip(verdicts(outcome), verdicts(first[0]), strict=True):
        for name in ("error", "interval"):
            assert found.pop(name) == pytest.approx(expected.pop(name), rel=1e-5)
        del found["checks"], expected["checks"]
        assert found == expected
    # Both studies have the same two arms, each computed once.
    assert "2 studies: 1 process" in outcome.err
    assert "2 of 2 arms done, 0 failed" in outcome.err
    names = {path.name for path in (tmp_path / "arrays").iterdir()}
    assert names == {path.name for path in (first[1] / "arrays").iterdir()}


def test_nothing_is_started_where_nothing_is_missing(carnot, kept, monkeypatch):
    monkeypatch.setattr(arms, "executor_of", lambda *_: pytest.fail("started an executor"))
    outcome = carnot("run", "toy-modes", "--out", kept, "--jobs", "2", "--json")
    assert outcome.code == 0
    assert [each["agreement"] for each in outcome.json["verdicts"]] == ["agrees", "disagrees"]


def test_arms_that_are_there_are_no_items(kept, tmp_path):
    assert toy_items(kept) == ()
    items = toy_items(tmp_path / "empty")
    assert [item.label for item in items] == ["aligned", "control: large"]


def test_a_dry_run_starts_nothing_and_names_the_keys_of_workers(carnot, first, tmp_path):
    outcome = carnot("run", "toy-modes", "--out", tmp_path, "--jobs", "2", "--dry-run", "--json")
    assert outcome.code == 0
    keys = {arm["key"] for arm in outcome.json["plan"][0]["arms"]}
    assert keys == {path.stem for path in (first[1] / "arrays").iterdir()}
    assert not list(tmp_path.iterdir())


def fail_on_the_control(monkeypatch, fault):
    compute = Run.compute

    def broken(run, *rest):
        if "Gaussian" in repr(run.experiment.network):
            raise fault
        return compute(run, *rest)

    monkeypatch.setattr(Run, "compute", broken)


def test_arms_that_fail_are_named_and_the_others_kept(
    carnot, first, one_thread, tmp_path, monkeypatch
):
    words = ("run", "toy-modes", "toy-contrary", "--out", tmp_path, "--jobs", "1")
    with monkeypatch.context() as patch:
        fail_on_the_control(patch, ZeroDivisionError("two\nlines"))
        outcome = carnot(*words)
    assert outcome.code == 3
    told = [line for line in outcome.err.splitlines() if line.startswith("carnot: ")]
    why = "control: large: ZeroDivisionError: two lines"
    assert told == [f"carnot: failed: toy-modes, {why}", f"carnot: failed: toy-contrary, {why}"]
    assert outcome.out == ""
    (kept,) = (tmp_path / "arrays").glob("*.zarr")
    stamp = kept.stat().st_mtime_ns
    again = carnot(*words, "--json")
    assert verdicts(again) == verdicts(first[0])
    assert kept.stat().st_mtime_ns == stamp


def test_a_study_without_failures_is_judged(carnot, one_thread, tmp_path, monkeypatch):
    class Shorter(ToyStudy):
        name = "toy-shorter"

        def arms(self, settings):
            found, skipped = super().arms(settings)
            return found[:1], skipped

    monkeypatch.setattr(catalogue, "STUDIES", (ToyStudy(), Shorter()))
    fail_on_the_control(monkeypatch, ValueError("no"))
    words = ("run", "toy-modes", "toy-shorter", "--out", tmp_path, "--jobs", "1", "--json")
    outcome = carnot(*words)
    assert outcome.code == 3
    assert [each["study"] for each in outcome.json["verdicts"]] == ["toy-shorter"]
    assert (tmp_path / "report.html").exists()


def test_a_full_disk_ends_the_run_in_one_line(carnot, one_thread, tmp_path, monkeypatch):
    fail_on_the_control(monkeypatch, InputError("out", "room on its disk", "free some space"))
    outcome = carnot("run", "toy-modes", "--out", tmp_path, "--jobs", "1")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].startswith("carnot: Got out; required: room on its disk")
    assert len(list((tmp_path / "arrays").glob("*.zarr"))) == 1


def test_a_worker_that_would_file_results_elsewhere_is_refused(tmp_path):
    item = replace(toy_items(tmp_path)[0], key="other")
    with pytest.raises(InputError, match="JAX_NUM_CPU_DEVICES"):
        ArmWork(tmp_path)(item)
    assert not (tmp_path / "arrays").exists()


def test_workers_started_in_another_folder_write_to_the_same(
    carnot, one_thread, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    roots = []
    monkeypatch.setattr(ArmWork, "__call__", lambda work, item: roots.append(work.out) or 0.0)
    carnot("run", "toy-modes", "--out", "here", "--jobs", "1")
    assert roots == [tmp_path / "here"] * 2


def interrupted(folder, times):
    """Interrupt a run of two long arms while both are computed; return process, output, seconds."""
    words = ["run", "toy-modes", "--jobs", "2", "--set", "steps=200000", "--out", str(folder)]
    process = subprocess.Popen(
        [*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "JAX_COMPILATION_CACHE_DIR": ""},
    )  # fmt: skip
    lines = []
    while "".join(lines).count("an arm has begun") < 2:
        lines.append(process.stderr.readline())
        assert lines[-1], f"it ended before both arms had begun: {lines}"
    began = time.monotonic()
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.3)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 3
    assert out == ""
    assert "Traceback" not in err
    return err, time.monotonic() - began


@pytest.mark.slow
def test_control_c_once_finishes_the_arms_in_hand(tmp_path):
    err, _ = interrupted(tmp_path, 1)
    assert "finishing what is in hand" in err
    assert err.splitlines()[-1].startswith("carnot: stopped; whatever was finished is kept")
    assert len(list((tmp_path / "arrays").glob("*.zarr"))) == 2


@pytest.mark.slow
def test_control_c_twice_leaves_at_once(tmp_path):
    err, seconds = interrupted(tmp_path, 2)
    assert "resume with: carnot run toy-modes --jobs 2" in err
    assert seconds < 5
    assert not list((tmp_path / "arrays").glob("*.zarr"))


@pytest.fixture(scope="module")
def real_run(tmp_path_factory):
    """Run a real study with one thread, as workers do; return code, verdicts and arms' bytes."""
    programs = tmp_path_factory.mktemp("programs")  # compiled once for all of these runs

    def run(*more):
        out = tmp_path_factory.mktemp("real")
        words = ["illusory-correlations", "--seeds", "2", "--json", "--out", str(out), *more]
        done = subprocess.run(
            [sys.executable, "-m", "carnotlab.cli", "run", *words],
            capture_output=True, text=True, timeout=400,
            env=os.environ | ONE_CORE | {"CARNOT_CACHE": str(programs)},
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        chunks = {file.relative_to(out): file.read_bytes()
                  for file in out.rglob("c/**/*") if file.is_file()}  # fmt: skip
        return done.returncode, json.loads(done.stdout)["verdicts"], chunks

    return run


@pytest.fixture(scope="module")
def real_study(real_run):
    """What a real study finds in the process of the command itself."""
    return real_run()


@pytest.mark.slow
@pytest.mark.parametrize("place", [["--jobs", "2"], ["--scheduler", "local:2"]])
def test_a_real_study_finds_the_same(place, real_run, real_study):
    """To the bit, where this process computes with one thread as workers do.

    With several threads products of matrices are summed in another order: by some 1e-7 in XLA,
    by last digits of double precision in NumPy.
    """
    if "--scheduler" in place:
        pytest.importorskip("distributed")
    code, found, chunks = real_run(*place)
    assert chunks == real_study[2]
    assert len(chunks) > len(found) == len(real_study[1])
    assert code == real_study[0]
    # Sums over arrays that were read may differ from those over arrays just computed.
    rounded = ("error", "interval")
    for one, other in zip(found, real_study[1], strict=True):
        for name in rounded:
            assert one[name] == pytest.approx(other[name], rel=1e-12)
        for name in one.keys() - {*rounded, "seconds"}:
            assert one[name] == other[name]
