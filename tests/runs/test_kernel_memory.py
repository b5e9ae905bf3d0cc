"""A kernel matrix is built and solved in the memory of some blocks and columns."""

import tracemalloc

import numpy as np

from carnotlab.networks.architectures import mlp
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.runs.blocked_kernel import BlockedKernel
from carnotlab.runs.blocked_solve import solve_in_blocks
from carnotlab.runs.landmark_regression import nystrom_solve
from carnotlab.theories.kernel_regression.conjugate_gradients import ConjugateGradients

NETWORK = mlp(5, (8, 8), 2)
SAMPLES, BLOCK, TARGETS, LANDMARKS = 3000, 250, 2, 10
ALLOWED = 8 * (10 * BLOCK**2 + 40 * SAMPLES * TARGETS + 8 * SAMPLES * LANDMARKS)
"""Bytes of ten blocks, forty arrays like the targets and eight of landmarks' columns."""


def most_memory(call):
    """Return the most bytes that arrays of a call took at a time."""
    call()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_no_part_holds_more_than_some_blocks(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((SAMPLES, 5)), rng.standard_normal((SAMPLES, TARGETS))
    triangle = 4 * SAMPLES**2 // 2
    assert triangle > ALLOWED * 3 / 2, "the whole would fit, too"
    folders = iter([tmp_path / "a", tmp_path / "b"])
    built = BlockedKernel(NETWORK, x, tmp_path / "b", block=BLOCK)
    solver = ConjugateGradients(1e-2, LANDMARKS)
    chosen = x[:LANDMARKS]
    across = BlockedKernel(NETWORK, x, None, others=chosen, block=BLOCK)
    parts = {
        "building": lambda: BlockedKernel(NETWORK, x, next(folders), block=BLOCK).build(),
        "solving": lambda: solve_in_blocks(built, y, 10.0, solver),
        "landmarks": lambda: nystrom_solve(across, y, 10.0),
        "predicting": lambda: built.across(x[:500]).matmat(y),
    }
    for name, part in parts.items():
        assert most_memory(part) < ALLOWED, name
    # The control: the same matrix in one array.
    assert most_memory(lambda: kernels(NETWORK, x, dtype="float32", method="compiled")) > triangle
