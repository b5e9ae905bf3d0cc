"""What this machine has to offer: free memory, and its speed against the nominal core."""

import time
from pathlib import Path

import numpy as np

from carnotlab.training.cost import PRODUCTS_PER_SECOND

SIDE = 32
MATRICES = 64
"""Of the products that are timed: a batch of small ones, as in training small networks."""


def available_memory() -> float | None:
    """Return the bytes that programs may still take; None where the system does not say.

    Within a container it is the container's limit, where that is lower.
    """
    found = [each for each in (_of_system(), _of_group()) if each is not None]
    return min(found, default=None)


def slowness() -> float:
    """Return how many times longer this machine takes than the nominal core, roughly.

    >>> slowness() > 0
    True
    """
    ones = np.ones((MATRICES, SIDE, SIDE), np.float32)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(8):
            np.matmul(ones, ones)
        best = min(best, time.perf_counter() - began)
    return best * PRODUCTS_PER_SECOND / (8 * MATRICES * SIDE**3)


def _of_system() -> float | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024.0 * next(int(x.split()[1]) for x in lines if x.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration):
        return None


def _of_group() -> float | None:
    place = Path("/sys/fs/cgroup")
    try:
        most = float((place / "memory.max").read_text(encoding="ascii"))
        return most - float((place / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
