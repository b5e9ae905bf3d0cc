"""Training ensembles of small networks: one compiled program against a plain PyTorch loop.

Both sides train the same networks on the same data with the same rule: squared error, plain
gradient steps, the same batch size. The peer is what people write: a module, an optimizer, a loop
over members and steps.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import torch

import carnotlab as carnot
from carnotlab.measures.losses import train_loss

REPEATS = 3


@dataclass(frozen=True)
class Case:
    """One setting of the comparison; ``batch`` None is the full batch."""

    name: str
    members: int
    inputs: int
    hidden: int
    outputs: int
    samples: int
    batch: int | None
    steps: int
    target: float


CASES = (
    Case("64 small networks, batches of 32", 64, 64, 32, 10, 1000, 32, 2000, 10.0),
    Case("8 wide networks, full batch", 8, 64, 512, 10, 1000, None, 300, 1.3),
)


def data(case: Case) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(case.samples, case.inputs)).astype(np.float32)
    y = rng.normal(size=(case.samples, case.outputs)).astype(np.float32)
    return x, y


def ours(case: Case) -> tuple[float, float]:
    """Return seconds of a call after compilation, and of the first call with it."""
    x, y = data(case)
    task = carnot.from_arrays(x, y, x_test=x[:10], y_test=y[:10], kind="regression")
    batching = carnot.FullBatch() if case.batch is None else carnot.Minibatch(case.batch)
    training = carnot.Training(
        carnot.GradientDescent(0.01),
        duration=case.steps,
        batching=batching,
        record=carnot.At((float(case.steps),)),
    )
    network = carnot.mlp(
        case.inputs,
        (case.hidden,),
        case.outputs,
        bias_variance=0.1,
        parameterization=carnot.Standard(),
    )
    experiment = carnot.Experiment(task, network, training)

    def call() -> object:
        return carnot.train(experiment, [train_loss], range(case.members))

    began = time.perf_counter()
    call()
    first = time.perf_counter() - began
    return best(call), first


def peer(case: Case) -> float:
    """Return seconds of the plain PyTorch loop over members and steps."""
    x, y = (torch.from_numpy(part) for part in data(case))

    def loop() -> None:
        for _ in range(case.members):
            network = torch.nn.Sequential(
                torch.nn.Linear(case.inputs, case.hidden),
                torch.nn.ReLU(),
                torch.nn.Linear(case.hidden, case.outputs),
            )
            rule = torch.optim.SGD(network.parameters(), lr=0.01)
            for step in range(case.steps):
                if case.batch is None:
                    inputs, targets = x, y
                else:
                    per_epoch = case.samples // case.batch
                    if step % per_epoch == 0:
                        order = torch.randperm(case.samples)
                    at = (step % per_epoch) * case.batch
                    rows = order[at : at + case.batch]
                    inputs, targets = x[rows], y[rows]
                rule.zero_grad()
                loss = 0.5 * ((network(inputs) - targets) ** 2).sum(dim=1).mean()
                loss.backward()
                rule.step()

    # The loop is long and has no compilation to amortize: once is enough.
    began = time.perf_counter()
    loop()
    return time.perf_counter() - began


def best(call: Callable[[], object]) -> float:
    """Return the median seconds of a few calls."""
    seconds: list[float] = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def matrix_product_rate() -> float:
    """Return this machine's measured float32 matrix-product rate, in operations per second."""
    size = 2048
    a = jnp.ones((size, size), dtype=jnp.float32)
    product = jax.jit(lambda a: a @ a)
    product(a).block_until_ready()
    seconds = best(lambda: [product(a).block_until_ready() for _ in range(10)])
    return 10 * 2 * size**3 / seconds


def operations(case: Case) -> float:
    """Return multiplications and additions of matrix products in one case.

    Forward, and backward with respect to weights and hidden activity (not to the inputs).
    """
    batch = case.samples if case.batch is None else case.batch
    first = 2.0 * batch * case.inputs * case.hidden
    second = 2.0 * batch * case.hidden * case.outputs
    return case.members * case.steps * (2 * first + 3 * second)


def main() -> int:
    """Print one line a case and return 1 if a ratio misses its target."""
    # Before JAX is first used: members are then spread over all cores, as the command line does.
    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    rate = matrix_product_rate()
    rows: list[dict[str, float | str | bool]] = []
    for case in CASES:
        seconds, first = ours(case)
        other = peer(case)
        rows.append(
            {
                "case": case.name,
                "carnot_seconds": round(seconds, 3),
                "carnot_first_call_seconds": round(first, 3),
                "torch_seconds": round(other, 3),
                "ratio": round(other / seconds, 2),
                "target": case.target,
                "met": other / seconds >= case.target,
                "share_of_matrix_product_rate": round(operations(case) / seconds / rate, 3),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    print(
        json.dumps(
            {
                "matrix_product_gflops": round(rate / 1e9, 1),
                "threads": torch.get_num_threads(),
                "cores": os.cpu_count(),
                "jax": jax.__version__,
                "torch": torch.__version__,
            }
        )
    )
    return 0 if all(row["met"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
