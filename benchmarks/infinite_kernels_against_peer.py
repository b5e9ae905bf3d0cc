"""Kernels of infinitely wide networks: against neural-tangents, and against the machine's peak.

Each side runs in a process of its own, the peer's under ``--peer-python``, and both take turns, so
that whatever else the machine does meets both. Times are the least of all turns, a pair being one
entry of the whole n × n matrices. Both sides compute both kernels in float32 from the same inputs,
and errors are those of the first few samples'
kernels against the library's general path in float64.

The peer is compiled as a whole and tried with every batch size that fits; its best one counts. The
peak is that of a chain of fused multiplications and additions that stays in vector registers.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

RECTIFIER = 34 + 2 * 10
"""Operations a rectifier, the weights behind and the tangent kernel take.

34 in float32: 16 of the polynomial, 1 square root, 10 of the angle and its curved part, 7 of the
slope and the tangent kernel. 10 in float64, which a vector register holds half as many of: 4 of the
distance from a correlation of ±1, 4 of the covariance and 2 of the weights.
"""

FILTER = 4 + 2 * 4
"""Operations of a 3 × 3 filter: 2 additions along rows and 2 along columns, of both kernels."""

START = 7 + 4 + 2 * 6
"""Operations on an inner product before the first rectifier, those of its test included."""


@dataclass(frozen=True)
class Case:
    """One network and its inputs; ``side`` 0 is fully connected, else that of the images."""

    name: str
    n: int
    depth: int
    side: int
    pooled: bool
    batches: tuple[int, ...]
    turns: int
    compared: int
    target: float | None

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.side, self.side, 3) if self.side else (784,)

    @property
    def operations(self) -> float:
        """Operations that the algorithm needs for both kernels, from the symmetry of the matrix."""
        pairs = self.n * (self.n + 1) / 2
        if not self.side:
            return pairs * (2 * 784 + START + self.depth * RECTIFIER)
        positions = self.side**2
        entries = positions**2 if self.pooled else positions
        return pairs * entries * (2 * 3 + self.depth * (FILTER + RECTIFIER))


CASES = {
    "dense": Case(
        "3 hidden layers, 784 inputs", 2048, 3, 0, False, (0, 256, 512, 1024), 8, 128, 2.5
    ),
    "flat": Case("4 convolutions, flattened, 32 × 32", 256, 4, 32, False, (8, 16, 32), 3, 4, 15.0),
    "pooled-16": Case("4 convolutions, pooled, 16 × 16", 8, 4, 16, True, (0, 2, 4), 3, 3, 40.0),
    "pooled-32": Case("4 convolutions, pooled, 32 × 32", 4, 4, 32, True, (2,), 1, 2, 40.0),
}


def inputs(case: Case) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(case.n, *case.shape)).astype(np.float32)


# ------------------------------------------------------------------ one side, in its own process
def described(case: Case) -> Any:
    """Return the library's description of a case's network."""
    from carnotlab.networks.activations import Relu
    from carnotlab.networks.description import Network
    from carnotlab.networks.layers import Convolution, Dense, Flatten, GlobalAveragePool
    from carnotlab.networks.parameterization import NTK

    if not case.side:
        hidden = (Dense(8, 2.0), Relu()) * case.depth
        return Network(784, (*hidden, Dense(1)), NTK())
    body = (Convolution(8, 3, weight_variance=2.0), Relu()) * case.depth
    end = GlobalAveragePool() if case.pooled else Flatten()
    return Network(case.shape, (*body, end, Dense(1)), NTK())


def ours(case: Case, threads: int) -> tuple[str, Callable[[], Any]]:
    """Return the library's fastest path."""
    import carnotlab as carnot

    x, network = inputs(case), described(case)
    return "compiled", lambda: carnot.kernels(
        network, x, dtype="float32", method="compiled", threads=threads
    )


def reference(case: Case) -> Any:
    """Return both kernels of the first few samples by the general path, in float64."""
    from carnotlab.networks.infinite.general import general_kernels

    return general_kernels(described(case), inputs(case)[: case.compared])


def peer(case: Case, _: int) -> tuple[str, Callable[[], Any]]:
    """Return the peer's fastest way: compiled as a whole, or in batches."""
    import jax
    import neural_tangents as nt
    from neural_tangents import stax

    x = inputs(case)
    layers: list[Any] = []
    for _ in range(case.depth):
        linear = (
            stax.Conv(1, (3, 3), padding="SAME", W_std=2.0**0.5, b_std=None)
            if case.side
            else stax.Dense(1, W_std=2.0**0.5, b_std=None)
        )
        layers += [linear, stax.Relu()]
    if case.side:
        layers.append(stax.GlobalAvgPool() if case.pooled else stax.Flatten())
    kernel = stax.serial(*layers, stax.Dense(1, W_std=1.0, b_std=None))[2]
    names = ("nngp", "ntk")
    whole = jax.jit(lambda x: kernel(x, None, names))
    best: tuple[float, str, Callable[[], Any]] | None = None
    for batch in case.batches:
        if batch:
            batched = nt.batch(lambda a, b, get: kernel(a, b, get), batch_size=batch)
            call = lambda batched=batched: jax.block_until_ready(batched(x, None, names))  # noqa: E731
        else:
            call = lambda: jax.block_until_ready(whole(x))  # noqa: E731
        seconds = _second(call) if len(case.batches) > 1 else 0.0
        if best is None or seconds < best[0]:
            best = seconds, f"batches of {batch}" if batch else "at once", call
    assert best is not None
    return best[1], best[2]


def _second(call: Callable[[], Any]) -> float:
    """Return seconds of the second call, behind compilation."""
    call()
    return measured(call)[0]


def measured(call: Callable[[], Any]) -> tuple[float, float]:
    """Return wall and processor seconds of a call."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def resident(which: str) -> float:
    """Return MB of this process's memory: now (VmRSS) or at most since it was reset (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which):
            return int(line.split()[1]) / 1024
    return float("nan")


def serve(side: str, case: Case, threads: int, folder: str) -> None:
    """Answer every line on stdin with one on stdout."""
    choice, call = (ours if side == "ours" else peer)(case, threads)
    results = call()
    np.savez(Path(folder) / f"{side}.npz", nngp=results[0], ntk=results[1])
    del results
    if side == "ours":
        nngp, ntk = reference(case)
        np.savez(Path(folder) / "reference.npz", nngp=nngp, ntk=ntk)
    print(json.dumps({"choice": choice}), flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            # What earlier calls left is given back first, and not hidden in where this one starts.
            ctypes.CDLL(None).malloc_trim(0)
            base = resident("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")
            call()
            print(json.dumps(resident("VmHWM") - base), flush=True)
        else:
            print(json.dumps(measured(call)), flush=True)


# ------------------------------------------------------------------ the machine's peak
def peak(threads: int) -> dict[str, float]:
    """Return operations per second: multiplications with additions in registers, and products."""
    from concurrent.futures import ThreadPoolExecutor

    import numba
    from threadpoolctl import threadpool_limits

    @numba.njit(fastmath={"contract"})
    def eight(x: float, a: float, b: float) -> float:
        x = x * a + b
        x = x * a + b
        x = x * a + b
        x = x * a + b
        x = x * a + b
        x = x * a + b
        x = x * a + b
        return x * a + b

    @numba.njit(nogil=True, fastmath={"contract"})
    def chain(x: np.ndarray, a: float, b: float, times: int) -> None:
        for _ in range(times):
            for i in range(x.size):
                x[i] = eight(eight(x[i], a, b), a, b)

    a, b = np.float32(0.5), np.float32(0.25)
    numbers, first, second = (
        np.ones(shape, np.float32) for shape in (2048, (256, 784), (256, 784))
    )
    chain(numbers, a, b, 1)

    def chains(_: int) -> float:
        x = numbers.copy()
        return min(_thread_seconds(lambda: chain(x, a, b, 50)) for _ in range(200))

    def products(_: int) -> float:
        out = np.empty((256, 256), np.float32)
        return min(_thread_seconds(lambda: np.matmul(first, second.T, out=out)) for _ in range(200))

    rates: dict[str, float] = {}
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        for name, work, count in (
            ("fused multiply-add", chains, 2 * 16 * 2048 * 50),
            ("matrix product", products, 2 * 256 * 256 * 784),
        ):
            rates[name] = sum(count / seconds for seconds in pool.map(work, range(threads)))
    return rates


def _thread_seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


# ------------------------------------------------------------------ both sides, in turns
class Side:
    """A process that measures when asked to."""

    def __init__(self, python: str, side: str, case: str, threads: int, folder: str) -> None:
        source = Path(__file__).resolve()
        path = os.pathsep.join([str(source.parents[1] / "src"), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
        if threads == 1:
            environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        cores = sorted(os.sched_getaffinity(0))[:threads]
        command = [python, str(source), "--serve", side, case, str(threads), folder]
        self.process = subprocess.Popen(
            ["taskset", "-c", ",".join(map(str, cores)), *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env=environment,
        )  # fmt: skip
        self.choice: str = self._answer()["choice"]

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if line.startswith(("{", "[")) or line[:1].isdigit():
                return json.loads(line)
        raise SystemExit(f"{self.process.args} ended without an answer")

    def ask(self, what: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def largest_error(found: Any, expected: Any) -> float:
    """Return the largest difference in units of the largest entry, of either kernel."""
    worst = 0.0
    for kind in ("nngp", "ntk"):
        part = found[kind][: len(expected[kind]), : len(expected[kind])]
        worst = max(worst, float(np.abs(part - expected[kind]).max() / expected[kind].max()))
    return worst


def compare(name: str, threads: int, peer_python: str, rate: float) -> dict[str, Any]:
    """Return what both sides took in one case."""
    case = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            side: Side(python, side, name, threads, folder)
            for side, python in (("ours", sys.executable), ("peer", peer_python))
        }
        turns: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
        for _ in range(case.turns):
            for side, process in sides.items():
                turns[side].append(process.ask("time"))
        memory = {side: process.ask("memory") for side, process in sides.items()}
        for process in sides.values():
            process.end()
        files = {name: np.load(Path(folder) / f"{name}.npz") for name in (*sides, "reference")}
        errors = {side: largest_error(files[side], files["reference"]) for side in sides}
    wall, processor = (
        {side: min(turn[i] for turn in turns[side]) for side in turns} for i in (0, 1)
    )
    ratio = wall["peer"] / wall["ours"]
    return {
        "case": case.name,
        "n": case.n,
        "threads": threads,
        "ours": sides["ours"].choice,
        "peer": sides["peer"].choice,
        "ours_microseconds_a_pair": wall["ours"] / case.n**2 * 1e6,
        "peer_microseconds_a_pair": wall["peer"] / case.n**2 * 1e6,
        "ratio": ratio,
        "ours_processor_microseconds_a_pair": processor["ours"] / case.n**2 * 1e6,
        "peer_processor_microseconds_a_pair": processor["peer"] / case.n**2 * 1e6,
        "processor_ratio": processor["peer"] / processor["ours"],
        "ours_peak_MB_beyond_inputs": memory["ours"],
        "peer_peak_MB_beyond_inputs": memory["peer"],
        "results_MB": 2 * 4 * case.n**2 / 2**20,
        "operations_a_pair": case.operations / case.n**2,
        "share_of_peak": case.operations / wall["ours"] / rate,
        "share_of_peak_by_processor_time": case.operations / processor["ours"] / (rate / threads),
        "ours_error": errors["ours"],
        "peer_error": errors["peer"],
        "target": case.target,
        "met": None if case.target is None else ratio >= case.target,
    }


def table(row: dict[str, Any]) -> str:
    return (
        f"{row['case']:<36} n={row['n']:<5} threads={row['threads']} "
        f"ours {row['ours_microseconds_a_pair']:.4g} µs ({row['ours']}), "
        f"peer {row['peer_microseconds_a_pair']:.4g} µs ({row['peer']}), "
        f"ratio {row['ratio']:.2f} (processor time {row['processor_ratio']:.2f}), "
        f"memory {row['ours_peak_MB_beyond_inputs']:.0f} and "
        f"{row['peer_peak_MB_beyond_inputs']:.0f} MB, "
        f"share of peak {row['share_of_peak']:.2f} "
        f"({row['share_of_peak_by_processor_time']:.2f}), "
        f"errors {row['ours_error']:.1g} and {row['peer_error']:.1g}"
    )


def main() -> int:
    """Print one line a case and return 1 if a ratio misses its target."""
    if sys.argv[1:2] == ["--serve"]:
        side, name, threads, folder = sys.argv[2:]
        serve(side, CASES[name], int(threads), folder)
        return 0
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", required=True, help="interpreter with neural-tangents")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--json", action="store_true", help="one object a line instead of a table")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for threads in options.threads:
        rates = peak(threads)
        machine = {"threads": threads, **{f"{name}_gflops": r / 1e9 for name, r in rates.items()}}
        print(
            json.dumps(machine)
            if options.json
            else f"{threads} threads: "
            + ", ".join(f"{n} {r / 1e9:.0f} Gflop/s" for n, r in rates.items()),
            flush=True,
        )
        for name in options.cases:
            rows.append(compare(name, threads, options.peer_python, max(rates.values())))
            print(json.dumps(rows[-1]) if options.json else table(rows[-1]), flush=True)
    return 1 if any(row["met"] is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
