"""The command line as a program of its own: signals, pipes, terminals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MODULE = [sys.executable, "-m", "carnotlab.cli"]
PROGRAM = [sys.executable, str(Path(__file__).with_name("toy_carnot.py"))]


def start(*words, **options):
    return subprocess.Popen(
        [*PROGRAM, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_an_interrupted_run_ends_at_once_and_can_be_resumed(number, tmp_path):
    words = ("run", "toy-modes", "--set", "steps=2000000000", "--out", tmp_path)
    process = start(*words)
    for line in process.stderr:
        if "started" in line:
            break
    time.sleep(5.0)  # long enough to be inside the compiled program
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 3.0
    assert process.returncode == 3
    assert out == ""
    lines = [line for line in err.splitlines() if line.startswith("carnot: ")]
    command = f"carnot run toy-modes --set steps=2000000000 --out {tmp_path}"
    assert lines == [f"carnot: interrupted; whatever was finished is kept; resume with: {command}"]
    assert "Traceback" not in err
    (settings,) = tmp_path.glob("toy-modes-*/settings.json")
    assert list(settings.parent.iterdir()) == [settings]


@pytest.mark.parametrize("words", [(), ("--help",), ("--version",)])
def test_a_reader_that_goes_away_is_no_error(words):
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run([*MODULE, *words], stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("words", [(), ("--help",), ("--version",)])
def test_stdout_on_a_full_disk_is_one_line(words):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*MODULE, *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("carnot: ")
    assert "No space left" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_help_starts_without_jax(python):
    code = "import carnotlab.cli, sys; print({'jax', 'xarray', 'matplotlib'} & set(sys.modules))"
    assert python(code) == "set()"


def test_a_mistyped_command_needs_no_traceback():
    done = subprocess.run([*MODULE, "tuor"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Did you mean 'tour'" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal of Unix")
@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_a_terminal_gets_colour_unless_it_is_declined(variables, tmp_path):
    import pty

    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    environment |= {"TERM": "xterm-256color", "COLUMNS": "100", **variables}
    ours, theirs = pty.openpty()
    words = ["run", "toy-modes", "--seeds", "1", "--out", str(tmp_path)]
    process = subprocess.Popen([*PROGRAM, *words], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    assert process.wait(timeout=120) == 1
    text = shown.decode()
    coloured = any(f"\x1b[{code}m" in text for code in ("35", "33", "94"))
    assert coloured == (not variables)
    assert "underpowered" in text
    assert "%" in text
