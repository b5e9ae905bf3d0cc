"""Opening, planning and reading a sweep of 100 000 members; resuming a finished one of 2000.

Opening reads what a sweep's folder says of itself: settings, seeds, programs, and which packs are
there. Nothing is trained for the large one: its packs are written as they would be.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import carnotlab as carnot
from carnotlab.runs.sweeps.archive import Archive
from carnotlab.runs.sweeps.carry_out import open_archive, standing
from carnotlab.runs.sweeps.packs import plan_sweep
from carnotlab.runs.sweeps.results import gather

OPENED, RESUMED = 1.0, 2.0
"""Seconds wanted."""

TASK = carnot.GaussianRegression(inputs=4, samples=200)


def experiment(lr: float, width: int) -> carnot.Experiment:
    training = carnot.Training(carnot.GradientDescent(lr), 1000, carnot.Minibatch(8))
    return carnot.Experiment(TASK, carnot.mlp(4, (width,), 1), training)


def timed(what: str, call, wanted: float | None = None):
    began = time.perf_counter()
    found = call()
    seconds = time.perf_counter() - began
    print(f"{what}: {seconds:.2f} s" + (f" (wanted: {wanted:g})" if wanted else ""))
    return found, wanted is not None and seconds > wanted


def main() -> int:
    """Print a line for each part and return 1 if one misses its target."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        rates = np.geomspace(0.001, 0.1, 1000).tolist()
        settings = carnot.grid(lr=rates, width=(8, 16, 32, 64, 128))
        sweep, _ = timed(
            "describing 100 000 members", lambda: carnot.sweep_over(experiment, settings, 20)
        )
        plan, _ = timed("planning them", lambda: plan_sweep(sweep))
        archive, _ = timed("making their folder", lambda: open_archive(sweep, plan, out))
        packs = plan.packs

        def fill() -> None:
            for program, pack in packs:
                rows = len(plan.programs[program].members_of(pack))
                zeros = {
                    name: np.zeros((rows, *each.shape), each.kind)
                    for name, each in archive.layout.variables.items()
                }
                archive.write(program, pack, zeros)

        timed(f"writing {len(packs)} packs", fill)

        def opened():
            again = Archive.open(archive.root)
            return again, again.settings, again.finished(), again.failures()

        _, late = timed("opening them", opened, OPENED)
        missed |= late
        timed("reading and checking every chunk", lambda: standing(plan, archive))
        timed("as one labelled array", lambda: gather(archive))
    with tempfile.TemporaryDirectory() as folder:
        words = ["sweep", "lr=0.01..0.5:100", "seeds=20", "steps=50", "--out", folder]
        command = [sys.executable, "-m", "carnotlab.cli", *words]
        subprocess.run(command, check=True, capture_output=True)
        for _ in range(2):
            _, late = timed(
                "the finished sweep of 2000 by the command, all included",
                lambda: subprocess.run(command, check=True, capture_output=True),
                RESUMED,
            )
        missed |= late
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
