"""A sweep of 2000 small networks: against a PyTorch loop, joblib over processes, vmap by hand.

All sides train the same networks on the same digits: 64-32-10, rectifier, cross-entropy, plain
gradient steps on batches of 32 in an order of each epoch's own, learning rates times seeds, and
measure the held-out loss and accuracy at the end. Peers are what people write. Each side has a
process of its own that starts cold, and its seconds count everything after imports and data:
planning, drawing, compiling, training, writing to disk. The loops in PyTorch are timed over some of
the members and scaled to all; the others train all of them.

Orchestration is what a sweep's seconds are beside those in which its packs are trained.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIDES = {"PyTorch loop": 10.0, "joblib and PyTorch": 5.0, "vmap by hand": 0.9}
"""Peers, and how many times their speed is wanted."""

RATES, SEEDS = 100, 20
WIDTH, BATCH = 32, 32
TRAIN, TEST = 1000, 797


def rates() -> list[float]:
    return np.geomspace(0.01, 1.0, RATES).tolist()


def carnot(steps: int) -> dict[str, float]:
    """A sweep by the library, kept on disk, every core a device."""
    os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(len(os.sched_getaffinity(0))))
    import carnotlab
    from carnotlab.measures.losses import test_accuracy, test_loss
    from carnotlab.runs.sweeps import carry_out

    task = carnotlab.Digits(train_size=TRAIN, test_size=TEST)
    task.data()

    def experiment(lr: float) -> Any:
        training = carnotlab.Training(
            carnotlab.GradientDescent(lr),
            steps,
            carnotlab.Minibatch(BATCH),
            carnotlab.CrossEntropy(),
            record=carnotlab.At((float(steps),)),
        )
        network = carnotlab.mlp(
            64, (WIDTH,), 10, bias_variance=0.01, parameterization=carnotlab.Standard()
        )
        return carnotlab.Experiment(task, network, training)

    trained: list[float] = []
    train_members = carry_out.train_members

    def timed(*given: Any) -> Any:
        began = time.perf_counter()
        found = train_members(*given)
        trained.append(time.perf_counter() - began)
        return found

    carry_out.train_members = timed
    taken = {}
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        for name, out in (("seconds", first), ("seconds_compiled", second)):
            trained.clear()
            began = time.perf_counter()
            sweep = carnotlab.sweep_over(
                experiment, carnotlab.grid(lr=rates()), SEEDS, (test_loss, test_accuracy)
            )
            result = carnotlab.run_sweep(sweep, out)
            taken[name] = time.perf_counter() - began
        devices = int(os.environ["JAX_NUM_CPU_DEVICES"])
        taken["orchestration"] = 1.0 - sum(trained) / devices / taken["seconds_compiled"]
        began = time.perf_counter()
        carnotlab.run_sweep(sweep, second)
        taken["resumed"] = time.perf_counter() - began
    last = result.dataset["test_accuracy"].isel(time=-1)
    taken["accuracy"] = float(last.mean("seed").max())
    return taken


def by_vmap(steps: int) -> dict[str, float]:
    """One compiled program over all members, as one writes it by hand."""
    import jax
    import jax.numpy as jnp

    train, test = data()
    x, y, x_test, y_test = map(jnp.asarray, (*train, *test))
    epoch = TRAIN // BATCH

    def outputs(w: Any, inputs: Any) -> Any:
        return jax.nn.relu(inputs @ w[0] + w[1]) @ w[2] + w[3]

    def loss(w: Any, inputs: Any, targets: Any) -> Any:
        scores = jax.nn.log_softmax(outputs(w, inputs))
        return -jnp.mean(jnp.take_along_axis(scores, targets[:, None], 1))

    def member(lr: Any, seed: Any) -> Any:
        key, one, two = jax.random.split(jax.random.key(seed), 3)
        w = (
            jax.random.normal(one, (64, WIDTH)) * (2 / 64) ** 0.5,
            jnp.zeros(WIDTH),
            jax.random.normal(two, (WIDTH, 10)) * (1 / WIDTH) ** 0.5,
            jnp.zeros(10),
        )

        def one_epoch(w: Any, key: Any) -> Any:
            order = jax.random.permutation(key, TRAIN)[: epoch * BATCH].reshape(epoch, BATCH)

            def step(w: Any, rows: Any) -> Any:
                slope = jax.grad(loss)(w, x[rows], y[rows])
                return jax.tree.map(lambda a, b: a - lr * b, w, slope), None

            return jax.lax.scan(step, w, order)[0], None

        w, _ = jax.lax.scan(one_epoch, w, jax.random.split(key, -(-steps // epoch)))
        right = jnp.argmax(outputs(w, x_test), 1) == y_test
        return loss(w, x_test, y_test), jnp.mean(right)

    program = jax.jit(jax.vmap(jax.vmap(member, (None, 0)), (0, None)))
    began = time.perf_counter()
    found = jax.block_until_ready(program(jnp.asarray(rates()), jnp.arange(SEEDS)))
    first = time.perf_counter() - began
    began = time.perf_counter()
    jax.block_until_ready(program(jnp.asarray(rates()), jnp.arange(SEEDS) + SEEDS))
    again = time.perf_counter() - began
    # Whole epochs are trained, which may be some steps more than were asked for.
    share = steps / (-(-steps // epoch) * epoch)
    return {
        "seconds": first - again + again * share,
        "seconds_compiled": again * share,
        "accuracy": float(found[1].mean(1).max()),
    }


def one_in_torch(lr: float, seed: int, steps: int, threads: int) -> float:
    """Train one network in PyTorch; return its held-out accuracy."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    train, test = data()
    x, y, x_test, y_test = (torch.from_numpy(each) for each in (*train, *test))
    network = torch.nn.Sequential(
        torch.nn.Linear(64, WIDTH), torch.nn.ReLU(), torch.nn.Linear(WIDTH, 10)
    )
    rule = torch.optim.SGD(network.parameters(), lr=lr)
    cross_entropy = torch.nn.functional.cross_entropy
    epoch = TRAIN // BATCH
    for step in range(steps):
        if step % epoch == 0:
            order = torch.randperm(TRAIN)
        rows = order[(step % epoch) * BATCH : (step % epoch + 1) * BATCH]
        rule.zero_grad()
        cross_entropy(network(x[rows]), y[rows]).backward()
        rule.step()
    with torch.no_grad():
        scores = network(x_test)
        cross_entropy(scores, y_test)
        return float((scores.argmax(1) == y_test).float().mean())


def in_a_loop(steps: int, some: int) -> dict[str, float]:
    """Members one after the other, on one thread: more are slower on networks of this size."""
    one_in_torch(0.1, 0, 50, 1)
    chosen = [(rate, seed) for seed in range(SEEDS) for rate in rates()[:: RATES // 10]][:some]
    began = time.perf_counter()
    found = [one_in_torch(lr, seed, steps, 1) for lr, seed in chosen]
    seconds = (time.perf_counter() - began) * RATES * SEEDS / len(chosen)
    return {"seconds": seconds, "seconds_compiled": seconds, "accuracy": max(found)}


def by_joblib(steps: int, some: int) -> dict[str, float]:
    """Members by joblib, a process for each core; starting them is not counted."""
    from joblib import Parallel, delayed

    cores = len(os.sched_getaffinity(0))
    chosen = [(rate, seed) for seed in range(SEEDS) for rate in rates()[:: RATES // 10]]
    chosen = chosen[: some * cores]
    with Parallel(n_jobs=cores) as parallel:
        parallel(delayed(one_in_torch)(0.1, k, 50, 1) for k in range(2 * cores))
        began = time.perf_counter()
        found = parallel(delayed(one_in_torch)(lr, seed, steps, 1) for lr, seed in chosen)
    seconds = (time.perf_counter() - began) * RATES * SEEDS / len(chosen)
    return {"seconds": seconds, "seconds_compiled": seconds, "accuracy": max(found or [0.0])}


def data() -> Any:
    """Return the digits as (x, y) to train on and (x, y) held out, from the file named."""
    with np.load(os.environ["BENCHMARK_DIGITS"]) as arrays:
        return (arrays["x"], arrays["y"]), (arrays["x_test"], arrays["y_test"])


def write_data(file: Path) -> None:
    """Write the library's digits for the peers."""
    from carnotlab.tasks.digits import Digits

    found = Digits(train_size=TRAIN, test_size=TEST).data()
    np.savez(
        file,
        x=np.asarray(found.train.x, np.float32),
        y=np.asarray(found.train.y).argmax(1),
        x_test=np.asarray(found.test.x, np.float32),
        y_test=np.asarray(found.test.y).argmax(1),
    )


def side(python: str, name: str, given: argparse.Namespace, digits: Path) -> dict[str, float]:
    """Run one side in a process of its own."""
    source = str(Path(__file__).resolve().parents[1] / "src")
    environment = {**os.environ, "BENCHMARK_DIGITS": str(digits), "PYTHONPATH": source}
    words = [python, __file__, "--side", name, f"--steps={given.steps}", f"--some={given.some}"]
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    """Print a line for each side and return 1 if a ratio misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--some", type=int, default=40, help="members a PyTorch process trains")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", default=sys.executable, help="one with torch and joblib")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    given = parser.parse_args()
    sides: dict[str, Callable[[], dict[str, float]]] = {
        "carnot": lambda: carnot(given.steps),
        "vmap by hand": lambda: by_vmap(given.steps),
        "PyTorch loop": lambda: in_a_loop(given.steps, given.some),
        "joblib and PyTorch": lambda: by_joblib(given.steps, given.some),
    }
    if given.side:
        print(json.dumps(sides[given.side]()))
        return 0
    found: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    with tempfile.TemporaryDirectory() as folder:
        digits = Path(folder) / "digits.npz"
        write_data(digits)
        for _ in range(given.rounds):
            for name, each in found.items():
                python = given.peer_python if "PyTorch" in name else sys.executable
                each.append(side(python, name, given, digits))

    def middle(name: str, what: str) -> float:
        return statistics.median(each[what] for each in found[name])

    missed = 0
    for name in sides:
        print(
            f"{name}: {middle(name, 'seconds'):.1f} s for {RATES * SEEDS} members, "
            f"{middle(name, 'seconds_compiled'):.1f} s once compiled, "
            f"best accuracy {middle(name, 'accuracy'):.3f}"
        )
        if name in SIDES:
            ratio = statistics.median(
                peer["seconds"] / own["seconds"]
                for peer, own in zip(found[name], found["carnot"], strict=True)
            )
            missed += ratio < SIDES[name]
            print(f"  carnot is {ratio:.2f} times as fast (wanted: {SIDES[name]:g})")
    print(
        f"orchestration: {100 * middle('carnot', 'orchestration'):.1f} % of the wall time once "
        f"compiled; the finished sweep again: {middle('carnot', 'resumed'):.2f} s"
    )
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
