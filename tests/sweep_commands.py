"""Sweeps of the command, as tests start, watch and disturb them: 400 members of one toy file."""

import subprocess
import sys
import time
from pathlib import Path

from worker_processes import environment

FILE = """
import carnotlab as carnot
TASK = carnot.GaussianRegression(inputs=4, samples=24)
def experiment(lr: float) -> carnot.Experiment:
    training = carnot.Training(
        carnot.GradientDescent(lr), {steps}, carnot.{batching}, record=carnot.Evenly({records})
    )
    return carnot.Experiment(TASK, carnot.mlp(4, ({width},), 1), training)
"""


def sweep_words(
    folder: Path, *, steps: int, width: int = 8, batching: str = "Minibatch(8)", records: int = 3
) -> list[str]:
    """Write the toy experiment into a folder; return the command, without where results go."""
    file = folder / "toy.py"
    file.write_text(FILE.format(steps=steps, width=width, batching=batching, records=records))
    return [sys.executable, "-m", "carnotlab.cli", "sweep", str(file), "lr=0.01..0.2:20",
            "seeds=20"]  # fmt: skip


def start_sweep(
    words: list[str], out: Path, *more: str, cache: str | Path
) -> "subprocess.Popen[str]":
    """Start a sweep as from a terminal of its own; what it writes is kept."""
    return subprocess.Popen(
        [*words, "--out", str(out), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(CARNOT_CACHE=str(cache)),
        start_new_session=True,
    )


def succeeds(process: "subprocess.Popen[str]") -> str:
    """Wait for a sweep; return what it printed."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    return out


def wait_for_packs(out: Path, count: int, process: "subprocess.Popen[str]") -> None:
    """Wait until a running sweep has finished so many packs."""
    began = time.monotonic()
    while len(list(out.rglob("finished/c/[0-9]*"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - began < 240
        time.sleep(0.05)


def stored_chunks(out: Path) -> dict[str, bytes]:
    """Return the content of every chunk of the one sweep in a folder, by its place."""
    (root,) = (out / "sweeps").iterdir()
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for file in root.rglob("c/*")
        if file.is_file()
    }
