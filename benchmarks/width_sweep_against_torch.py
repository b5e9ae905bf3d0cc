"""A double-descent sweep, 20 widths times 10 seeds: compiled programs against a PyTorch loop.

Both sides train the same networks on the same digits with wrong labels: one hidden layer, Adam,
cross-entropy, biases, the same batches. The peer is what people write: a module, an optimizer, a
loop over members and steps. Its loop is timed over fewer steps, each width by the median of its own
time a step, on one thread and on all, of which the faster counts. Rounds of both sides alternate,
so that what else the machine does falls on both; ratios are medians over rounds. Processor time is
given beside: that of both sides on all their threads.
"""

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch

from carnotlab.experiment.batching import FullBatch, Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import Adam
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import test_accuracy, train_accuracy
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import Standard
from carnotlab.tasks.digits import Digits
from carnotlab.training.padded_widths import bucket
from carnotlab.training.width_sweep import train_widths

WIDTHS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32, 40, 48, 64, 96, 160, 256)
SEEDS = 10
RATE = 4e-3
TASK = Digits(train_size=900, test_size=800, label_noise=0.2)
TIMED = 30
"""Steps of the peer that are timed for each width."""
TARGET = 10.0


class Taken(NamedTuple):
    """Seconds on the clock and of all processors."""

    seconds: float
    processor: float


def ours(steps: int, batch: int | None) -> Taken:
    """Return what a sweep takes; the first of a case compiles its programs."""
    training = Training(
        Adam(RATE),
        steps,
        batching=FullBatch() if batch is None else Minibatch(batch),
        loss=CrossEntropy(),
        record=At((float(steps),)),
    )
    by_width = {
        str(width): Experiment(
            TASK,
            mlp(64, (width,), 10, bias_variance=0.01, parameterization=Standard()),
            training,
        )
        for width in WIDTHS
    }
    began, processor = time.perf_counter(), time.process_time()
    train_widths(
        by_width,
        (train_accuracy, test_accuracy),
        range(SEEDS),
        draw=lambda seed: replace(TASK, seed=seed).data(),
    )
    return Taken(time.perf_counter() - began, time.process_time() - processor)


def peer(steps: int, batch: int | None) -> Taken:
    """Return what the plain PyTorch loop takes, from a timed part of it."""
    found: list[Taken] = []
    for threads in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(threads)
        found.append(Taken(*(each * steps * SEEDS for each in loop(batch))))
    return Taken(*(min(each) for each in zip(*found, strict=True)))


def loop(batch: int | None) -> Taken:
    """Return the sum over widths of the median seconds, and mean processor seconds, of a step."""
    data = TASK.data()
    x = torch.from_numpy(np.array(data.train.x, dtype=np.float32))
    y = torch.from_numpy(np.asarray(data.train.y).argmax(axis=1))
    total, processor = 0.0, 0.0
    for width in WIDTHS:
        network = torch.nn.Sequential(
            torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, 10)
        )
        rule = torch.optim.Adam(network.parameters(), lr=RATE)
        taken, order, busy = [], torch.randperm(len(x)), time.process_time()
        for step in range(TIMED):
            began = time.perf_counter()
            if batch is None:
                inputs, targets = x, y
            else:
                epoch = len(x) // batch
                if step % epoch == 0:
                    order = torch.randperm(len(x))
                rows = order[(step % epoch) * batch : (step % epoch + 1) * batch]
                inputs, targets = x[rows], y[rows]
            rule.zero_grad()
            torch.nn.functional.cross_entropy(network(inputs), targets).backward()
            rule.step()
            taken.append(time.perf_counter() - began)
        total += statistics.median(taken)
        processor += (time.process_time() - busy) / TIMED
    return Taken(total, processor)


def operations(steps: int, batch: int | None, *, padded: bool) -> float:
    """Return multiplications and additions of matrix products, of the widths or as padded."""
    samples = TASK.train_size if batch is None else batch
    total = 0.0
    for width in WIDTHS:
        units = bucket(width) if padded else width
        total += 2.0 * samples * units * (2 * 64 + 3 * 10)
    return total * steps * SEEDS


def matrix_product_rate() -> float:
    """Return this machine's measured float32 matrix-product rate, in operations per second."""
    size = 2048
    a = jnp.ones((size, size), dtype=jnp.float32)
    product = jax.jit(lambda a: a @ a)
    product(a).block_until_ready()
    began = time.perf_counter()
    for _ in range(5):
        product(a).block_until_ready()
    return 5 * 2.0 * size**3 / (time.perf_counter() - began)


def main() -> int:
    """Print one line a case and return 1 if a ratio misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batches", nargs="*", default=["32", "full"])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    # Before JAX is first used: seeds are then spread over all cores, as the command line does.
    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    rate = matrix_product_rate()
    met = True
    for name in given.batches:
        batch = None if name == "full" else int(name)
        first = ours(given.steps, batch)
        rounds = [(ours(given.steps, batch), peer(given.steps, batch)) for _ in range(given.rounds)]
        mine, other = (
            Taken(*(statistics.median(each) for each in zip(*side, strict=True)))
            for side in zip(*rounds, strict=True)
        )
        ratio = statistics.median(b.seconds / a.seconds for a, b in rounds)
        row = {
            "case": f"{len(WIDTHS)} widths x {SEEDS} seeds, {given.steps} steps, batch {name}",
            "carnot_seconds": round(mine.seconds, 2),
            "carnot_first_call_seconds": round(first.seconds, 2),
            "torch_seconds": round(other.seconds, 1),
            "ratio": round(ratio, 2),
            "ratio_of_rounds": [round(b.seconds / a.seconds, 2) for a, b in rounds],
            "ratio_first_call": round(other.seconds / first.seconds, 2),
            "ratio_of_processor_time": round(other.processor / mine.processor, 2),
            "processor_seconds": [round(each.processor, 1) for each in (mine, other)],
            "target": TARGET,
            "met": ratio >= TARGET,
            "share_of_matrix_product_rate": round(
                operations(given.steps, batch, padded=False) / mine.seconds / rate, 3
            ),
            "share_of_matrix_product_rate_with_padding": round(
                operations(given.steps, batch, padded=True) / mine.seconds / rate, 3
            ),
        }
        met = met and bool(row["met"])
        print(json.dumps(row), flush=True)
    facts = {
        "matrix_product_gflops": round(rate / 1e9, 1),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "jax": jax.__version__,
        "torch": torch.__version__,
    }
    print(json.dumps(facts))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
