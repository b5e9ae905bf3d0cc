"""Whatever is refused is refused with code 2, in one line that names the mend."""

import errno
import os
import subprocess
from pathlib import Path

import pytest


def refused(outcome, *, code=2):
    assert outcome.code == code
    assert outcome.out == ""
    assert outcome.err.startswith("carnot: ")
    assert outcome.err.count("\n") == 1
    return outcome.err


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["run"], "Missing argument 'STUDY...'"),
        (["run", "toy-mode"], "did you mean toy-modes"),
        (["run", "something-else"], "carnot list"),
        (["run", "toy-modes", "--sede", "3"], "--seed"),
        (["run", "toy-modes", "--size", "huge"], "'smoke', 'full'"),
        (["run", "toy-modes", "--seeds", "0"], "greater than or equal to 1"),
        (["run", "toy-modes", "--seeds", "few"], "integer"),
        (["run", "toy-modes", "--set", "steps"], "--set step=0.05"),
        (["run", "toy-modes", "--set", "=3"], "key=value"),
        (["run", "toy-modes", "--set", "steps=3", "--set", "steps=4"], "leave one out"),
        (["run", "toy-modes", "--seeds", "3", "--set", "seeds=4"], "leave one out"),
        (["run", "toy-modes", "--set", "stairs=3"], "strengths, steps"),
        (["run", "toy-modes", "--set", "steps=many"], "--dry-run"),
        (["run", "toy-modes", "--set", "steps=-3"], "above 0"),
        (["run", "toy-modes", "--set", "data=x"], "--data"),
        (["run", "toy-modes", "--scheduler", "a:1"], "tcp://host:port"),
        (["run", "toy-modes", "--jobs", "2", "--scheduler", "local:2"], "--scheduler or --jobs"),
        (["run", "toy-modes", "--jobs", "0"], "greater than or equal to 1"),
        (["report"], "Missing argument 'DIR'"),
        (["report", "/nowhere/at/all"], "carnot run"),
        (["run", "toy-modes", "--out", "/dev/null/x"], "--out"),
        (["list", "surplus"], "surplus"),
    ],
)
def test_bad_usage(carnot, words, mend, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert mend in refused(carnot(*words))
    assert not list(tmp_path.iterdir())


def test_a_damaged_result_is_refused(carnot, kept):
    (study,) = kept.glob("toy-modes-*")
    (study / "settings.json").write_text("{")
    assert "settings.json" in refused(carnot("report", study))


def test_a_full_disk_while_writing(carnot, kept, monkeypatch):
    def full(path, text, **_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    line = refused_after_progress(carnot("run", "toy-modes", "--out", kept))
    assert "No space left on device" in line
    assert not list(kept.rglob("*.part"))


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(folder)]
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting needs root")
    if subprocess.run(words, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(carnot, small_disk):
    filler = small_disk / "filler"
    for size in (150, 20):
        filler.write_bytes(b"x" * size * 1024)
        line = refused_after_progress(carnot("run", "toy-modes", "--out", small_disk / "out"))
        assert "No space left on device" in line
        left = [path for path in small_disk.rglob("*") if path.is_file() and path != filler]
        assert not [path for path in left if ".part" in str(path)]


def refused_after_progress(outcome):
    lines = outcome.err.splitlines()
    told = [line for line in lines if line.startswith("carnot: ")]
    assert outcome.code == 2
    assert outcome.out == ""
    assert len(told) == 1
    assert lines[-1] == told[0]
    assert "Traceback" not in outcome.err
    return told[0]


def test_memory_that_does_not_suffice(carnot, monkeypatch):
    def short(*_):
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 99 bytes")

    monkeypatch.setattr("carnotlab.cli.planning.resolve", short)
    assert "fewer seeds" in refused(carnot("run", "toy-modes", "--dry-run"))


def test_a_fault_of_ours_looks_like_no_verdict(carnot, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("carnotlab.cli.planning.resolve", broken)
    outcome = carnot("run", "toy-modes", "--dry-run")
    assert outcome.code == 70
    assert "Traceback" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("carnot: a fault in Carnot")
