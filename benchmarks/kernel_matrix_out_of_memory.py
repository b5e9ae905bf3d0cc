"""A kernel matrix that is never in memory whole: built in blocks on disk, and solved from there.

Network of three hidden layers of rectifiers, 100 inputs, tangent kernel, float32. The targets are
a smooth function of the inputs, a rough one and noise, so that the system has no easy right-hand
side. Each part runs in a process of its own, whose largest resident memory and processor time are
then that part's, the start of Python and what it imports included. At the smaller size the same
system is also solved by Cholesky's factor of one array in float64, and both solutions are compared.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

INPUTS, OUTPUTS, HELD_OUT = 100, 3, 2000
RIDGE = 0.01
"""Relative to the mean diagonal of the kernel."""

TOLERANCE = 1e-6
LIMIT_GB = 6.0


def network() -> Any:
    from carnotlab.networks.architectures import mlp

    return mlp(INPUTS, (512, 512, 512), 1)


def samples(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, INPUTS)).astype(np.float32)


def targets(x: np.ndarray) -> np.ndarray:
    direction = np.random.default_rng(1).standard_normal((INPUTS, 2)) / INPUTS**0.5
    smooth, rough = (x @ direction).T
    noise = np.random.default_rng(len(x)).standard_normal(len(x))
    return np.stack([smooth, np.sign(rough * smooth), noise], axis=1)


def peak_gb() -> float:
    """Return this process's largest resident memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e9
    return float("nan")


def timed(call: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def told(what: str) -> Any:
    def progress(done: float) -> None:
        print(f"{what} {done:.3g}", file=sys.stderr, flush=True)

    return progress if os.environ.get("TELL") else None


# ------------------------------------------------------------------ parts, each in its own process
def build(n: int, folder: str, options: Any) -> dict[str, Any]:
    """Compute the matrix."""
    from carnotlab.runs.blocked_kernel import BlockedKernel

    kernel = BlockedKernel(network(), samples(n, 0), Path(folder), block=options.block)
    built = kernel.build(progress=told("built"))
    again, checked = timed(kernel.build)
    assert checked.found == built.computed
    size = sum(file.stat().st_size for file in Path(folder).rglob("*.block"))
    return {
        "blocks": built.computed,
        "block": kernel.block,
        "seconds": built.seconds,
        "seconds_to_find_it_whole": again,
        "on_disk_GB": size / 1e9,
    }


def solve(n: int, folder: str, options: Any) -> dict[str, Any]:
    """Solve from the blocks, with and without landmarks, and predict."""
    from carnotlab.runs.blocked_kernel import BlockedKernel
    from carnotlab.runs.blocked_solve import solve_in_blocks
    from carnotlab.theories.kernel_regression.conjugate_gradients import ConjugateGradients

    x = samples(n, 0)
    kernel = BlockedKernel(network(), x, Path(folder), block=options.block)
    y = targets(x)
    found: dict[str, Any] = {}
    ridge = RIDGE * float(kernel.diagonal().mean())
    first, _ = timed(lambda: kernel.matmat(y))
    found["seconds_of_first_pass"] = first
    found["seconds_of_a_pass"] = timed(lambda: kernel.matmat(y))[0]
    for rank in options.ranks:
        seconds, solution = timed(
            lambda rank=rank: solve_in_blocks(
                kernel, y, ridge, ConjugateGradients(TOLERANCE, rank), progress=told("passes")
            )
        )
        found[f"with {rank} landmarks"] = {
            "seconds": seconds,
            "steps": solution.iterations,
            "converged": solution.converged,
            "relative_residual": solution.relative_residual.tolist(),
        }
    held_out = samples(HELD_OUT, 2)
    seconds, predicted = timed(lambda: kernel.across(held_out).matmat(solution.coefficients))
    true = targets(held_out)
    error = np.mean((predicted - true) ** 2, axis=0) / np.mean(true**2, axis=0)
    found["seconds_to_predict"] = seconds
    found["held_out_error"] = error.tolist()
    np.save(Path(folder) / "coefficients.npy", solution.coefficients)
    return found


def landmarks(n: int, folder: str, options: Any) -> dict[str, Any]:
    """Regress within the span of landmarks, without the matrix."""
    from carnotlab.runs.blocked_kernel import BlockedKernel
    from carnotlab.runs.landmark_regression import nystrom_solve
    from carnotlab.runs.landmarks import drawn_landmarks

    x = samples(n, 0)
    chosen = x[drawn_landmarks(n, options.landmarks)]
    cross = BlockedKernel(network(), x, None, others=chosen, dtype="float64")
    size = float(BlockedKernel(network(), x[:64], None, dtype="float64").diagonal().mean())
    seconds, found = timed(lambda: nystrom_solve(cross, targets(x), RIDGE * size))
    held_out = samples(HELD_OUT, 2)
    true = targets(held_out)
    error = np.mean((found.predict(held_out) - true) ** 2, axis=0) / np.mean(true**2, axis=0)
    return {"landmarks": len(chosen), "seconds": seconds, "held_out_error": error.tolist()}


def direct(n: int, folder: str, options: Any) -> dict[str, Any]:
    """Compute the same matrix in one array and solve by its Cholesky factor, in float64."""
    from carnotlab.networks.infinite.kernels import kernels
    from carnotlab.theories.kernel_regression.solving import solve as solve_whole

    x = samples(n, 0)
    computing, both = timed(lambda: kernels(network(), x, dtype="float32", method="compiled"))
    theta = both.ntk
    ridge = RIDGE * float(theta.diagonal().astype(np.float64).mean())
    solving, solution = timed(lambda: solve_whole(theta, targets(x), ridge))
    blocked = np.load(Path(folder) / "coefficients.npy")
    apart = np.linalg.norm(blocked - solution.coefficients, axis=0)
    return {
        "seconds_to_compute": computing,
        "seconds_to_solve": solving,
        "relative_residual": solution.relative_residual.tolist(),
        "coefficients_apart": (apart / np.linalg.norm(solution.coefficients, axis=0)).tolist(),
    }


PARTS = {"build": build, "solve": solve, "landmarks": landmarks, "direct": direct}


def alone(part: str, n: int, folder: str, arguments: list[str]) -> dict[str, Any]:
    """Run one part in a process of its own."""
    source = Path(__file__).resolve()
    path = os.pathsep.join([str(source.parents[1] / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(source), *arguments, "--part", part, "--n", str(n), "--at", folder],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    """Print one object a part and size; return 1 if the large matrix took too much memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", type=int, default=20_000)
    parser.add_argument("--small", type=int, default=5_000)
    parser.add_argument("--block", type=int, default=None)
    parser.add_argument("--ranks", type=int, nargs="+", default=[0, 500])
    parser.add_argument("--landmarks", type=int, default=1000)
    parser.add_argument("--folder", help="where blocks are kept meanwhile; removed afterwards")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--n", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--at", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        found = PARTS[options.part](options.n, options.at, options)
        used = {"processor_seconds": time.process_time(), "peak_GB": peak_gb()}
        print(json.dumps({**found, **used}))
        return 0
    most = 0.0
    folder = tempfile.mkdtemp(prefix="kernel_blocks_", dir=options.folder)
    try:
        for n, parts in (
            (options.small, ("build", "solve", "direct")),
            (options.large, ("build", "solve", "landmarks")),
        ):
            place = str(Path(folder) / str(n))
            for part in parts:
                row = alone(part, n, place, sys.argv[1:])
                print(json.dumps({"n": n, "part": part, **row}), flush=True)
                if n == options.large:
                    most = max(most, row["peak_GB"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"largest memory at n = {options.large}: {most:.2f} GB, to be below {LIMIT_GB}")
    return 0 if most < LIMIT_GB else 1


if __name__ == "__main__":
    sys.exit(main())
