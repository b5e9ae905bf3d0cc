"""Tangent kernels of finite networks against the three implementations of neural-tangents.

    python3 benchmarks/empirical_kernels_against_peers.py --peer-python PATH [--threads 1 2]

PATH is an interpreter with neural-tangents (`benchmarks/peer_environment.py` prints one). Each side
runs in a process of its own, one after the other, on the same cores; without PATH ours runs alone.
The peer's best implementation counts, and it and ours have a second turn each. One line a case and
number of threads, in seconds and in units of one gradient of the summed squared outputs over the
same samples. The ratio is of wall seconds; beside it stands that of processor seconds, which other
work on the machine disturbs less.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[1] / "src"
REPEATS = 7
LONGEST = 10.0  # seconds of one call, after which it is not repeated
# name: (network, samples, all pairs of outputs, target ratio)
CASES = {
    "mlp 784-512-512-10, full": ("mlp", 256, True, 4.0),
    "mlp 784-512-512-10, trace": ("mlp", 256, False, 4.0),
    "convnet 32-64-64, full": ("convnet", 32, True, 1.5),
    "convnet 32-64-64, trace": ("convnet", 32, False, 1.5),
}
IMPLEMENTATIONS = {1: "Jacobian contraction", 2: "NTK-vector products", 3: "structured derivatives"}


def network(name: str, samples: int) -> tuple[Callable[..., Any], Any, Any]:
    """Return ``apply``, its weights and inputs; the same numbers on both sides."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        fan_in = int(np.prod(shape[:-1]))
        return jnp.asarray(rng.normal(size=shape) / fan_in**0.5, dtype=jnp.float32)

    def layer(*shape: int) -> dict[str, Any]:
        return {"weight": draw(*shape), "bias": jnp.zeros(shape[-1])}

    def dense(weights: Any, x: Any) -> Any:
        return x @ weights["weight"] + weights["bias"]

    def mlp(weights: Any, x: Any) -> Any:
        for layer in weights[:-1]:
            x = jax.nn.relu(dense(layer, x))
        return dense(weights[-1], x)

    def convnet(weights: Any, x: Any) -> Any:
        for layer in weights[:-1]:
            order = ("NHWC", "HWIO", "NHWC")
            x = jax.lax.conv_general_dilated(
                x, layer["weight"], (1, 1), "SAME", dimension_numbers=order
            )
            x = jax.nn.relu(x + layer["bias"])
            window = (1, 2, 2, 1)
            x = jax.lax.reduce_window(x, 0.0, jax.lax.add, window, window, "VALID") / 4
        return dense(weights[-1], x.reshape(len(x), -1))

    if name == "mlp":
        weights = [layer(784, 512), layer(512, 512), layer(512, 10)]
        return mlp, weights, jnp.asarray(rng.normal(size=(samples, 784)), dtype=jnp.float32)
    filters = [layer(3, 3, 3, 32), layer(3, 3, 32, 64), layer(3, 3, 64, 64)]
    x = jnp.asarray(rng.normal(size=(samples, 16, 16, 3)), dtype=jnp.float32)
    return convnet, [*filters, layer(256, 10)], x


def seconds(call: Callable[[], Any]) -> tuple[float, float]:
    """Return the least wall and processor seconds of a few calls after the first."""
    import jax

    jax.block_until_ready(call())
    walls: list[float] = []
    processors: list[float] = []
    for _ in range(REPEATS):
        wall, processor = time.perf_counter(), time.process_time()
        jax.block_until_ready(call())
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
        if walls[-1] > LONGEST:
            break
    return min(walls), min(processors)


def ours(case: str) -> dict[str, Any]:
    """Time our kernel and one batch gradient."""
    import jax
    import jax.numpy as jnp

    from carnotlab.measures.tangent_kernel import tangent_kernel, tangent_kernel_plan

    name, samples, full, _ = CASES[case]
    apply, weights, x = network(name, samples)
    gradient = jax.jit(jax.grad(lambda w, x: jnp.sum(apply(w, x) ** 2)))

    def kernel() -> Any:
        return tangent_kernel(apply, weights, x, trace_outputs=not full)

    plan = tangent_kernel_plan(apply, weights, x, trace_outputs=not full)
    return {
        "seconds": seconds(kernel),
        "gradient": seconds(lambda: gradient(weights, x)),
        "counted": plan.operations / plan.gradient,
        "trace": float(jnp.trace(kernel() if not full else jnp.einsum("ijcc->ij", kernel()))),
    }


def peer(case: str, implementation: int) -> dict[str, Any]:
    """Time one implementation of the peer."""
    import jax
    import jax.numpy as jnp
    from jax._src import source_info_util

    # Names that this version of the peer still looks up where JAX no longer has them.
    autodiff: Any = importlib.import_module("jax.interpreters.ad")
    autodiff.source_info_util = source_info_util
    autodiff.config = jax.config
    import neural_tangents as nt

    name, samples, full, _ = CASES[case]
    apply, weights, x = network(name, samples)
    kernel = jax.jit(
        nt.empirical_ntk_fn(
            lambda w, x: apply(w, x),
            trace_axes=() if full else (-1,),
            implementation=implementation,
            vmap_axes=0,
        )
    )
    value = kernel(x, None, weights)
    total = jnp.einsum("ijcc->ij", value) if full else value
    return {
        "seconds": seconds(lambda: kernel(x, None, weights)),
        "trace": float(jnp.trace(total)),
    }


def run(python: str, threads: int, limit: float, *arguments: str) -> dict[str, Any] | str:
    """Run this file in a process of its own; return what it measured, or in one line what failed.

    The library's source beside this file comes first, so that it need not be installed.
    """
    command = [python, __file__, "--threads", str(threads), *arguments]
    paths = [str(SOURCE), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        return f"not done in {limit:g} s"
    except OSError as error:
        return f"cannot run {python}: {error.strerror}"
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return said[-1]
    return json.loads(done.stdout.splitlines()[-1])


def measured(case: str, threads: int, limit: float) -> dict[str, Any]:
    """Measure our own kernel, or leave with one line."""
    mine = run(sys.executable, threads, 10 * limit, "--one", case)
    if isinstance(mine, str):
        sys.exit(f"carnot, {case}: {mine}")
    return mine


def least(first: list[float], second: list[float]) -> list[float]:
    """Return the lesser wall and processor seconds of two turns."""
    return [min(pair) for pair in zip(first, second, strict=True)]


def compare(case: str, threads: int, peer_python: str | None, limit: float) -> bool:
    """Print one line and return whether the ratio meets its target."""
    mine = measured(case, threads, limit)
    row: dict[str, Any] = {"case": case, "threads": threads}
    met = True
    if peer_python is not None:
        found: dict[str, list[float]] = {}
        failed: dict[str, str] = {}
        for number, name in reversed(IMPLEMENTATIONS.items()):
            result = run(peer_python, threads, limit, "--one", case, "--peer", str(number))
            if isinstance(result, str):
                failed[name] = result
                continue
            # A speed is compared only where both sides compute the same.
            if not abs(result["trace"] / mine["trace"] - 1) < 1e-3:
                sys.exit(f"{name}, {case}: trace {result['trace']}, but carnot {mine['trace']}")
            found[name] = result["seconds"]
        if found:
            # Both sides have a second turn, so that a busy moment does not decide the ratio.
            best = min(found, key=lambda name: found[name][0])
            number = next(number for number, name in IMPLEMENTATIONS.items() if name == best)
            again = run(peer_python, threads, limit, "--one", case, "--peer", str(number))
            if not isinstance(again, str):
                found[best] = least(found[best], again["seconds"])
            mine_again = measured(case, threads, limit)
            for timed in ("seconds", "gradient"):
                mine[timed] = least(mine[timed], mine_again[timed])
        row |= {
            "peer_seconds": {
                name: [round(part, 4) for part in each] for name, each in found.items()
            },
            "peer_failed": failed,
        }
        row["target"] = CASES[case][3]
        met = False
        if found:
            wall, processor = (
                min(each[at] for each in found.values()) / mine["seconds"][at] for at in (0, 1)
            )
            row["ratio"], row["processor_ratio"] = round(wall, 2), round(processor, 2)
            met = row["ratio"] >= CASES[case][3]
        else:
            print(f"no peer finished {case}: see peer_failed", file=sys.stderr)
        row["met"] = met
    row |= {
        "carnot_seconds": [round(part, 4) for part in mine["seconds"]],
        "carnot_gradients": [
            round(part / one, 1)
            for part, one in zip(mine["seconds"], mine["gradient"], strict=True)
        ],
        "carnot_counted_gradients": round(mine["counted"], 1),
    }
    print(json.dumps(row), flush=True)
    return met


def main() -> int:
    """Print the comparison; return 1 if a ratio misses its target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="an interpreter with neural-tangents")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for one measurement")
    parser.add_argument("--case", choices=CASES, nargs="+", default=list(CASES))
    parser.add_argument("--one", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--peer", type=int, choices=IMPLEMENTATIONS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        # Before JAX starts: it takes as many threads as there are cores it may run on.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.threads[0]])
        print(json.dumps(ours(given.one) if given.peer is None else peer(given.one, given.peer)))
        return 0
    cases = [(case, threads) for threads in given.threads for case in given.case]
    met = [compare(case, threads, given.peer_python, given.limit) for case, threads in cases]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
