"""How JAX works in this process: one device per core, or as in the workers that compute for it."""

import os
from typing import Any

import jax

from carnotlab.runs.executors.choosing import compute_as_workers, require_place


def settle(scheduler: str | None, jobs: int | None) -> bool:
    """Settle how JAX works in this process, and return whether work is to be done in it.

    Raises:
        InputError: for a place that cannot be.
    """
    require_place(scheduler, jobs)
    here = scheduler is None and jobs is None
    if here:
        # Not else: results are kept by the number of devices, and a worker has one.
        spread_over_cores()
    else:
        compute_as_workers()
    return here


def spread_over_cores() -> None:
    """Tell JAX to treat every core as a device, unless the user has settled it already.

    JAX sees one CPU device by default, and a small network keeps only one core busy. Training
    spreads its members over all devices there are, so this makes ensembles faster by about the
    number of cores. It has to happen before JAX is first used, hence in the command line: a
    library must not choose for the program that imports it. An accelerator stays the default
    device where there is one. Set ``JAX_NUM_CPU_DEVICES`` to choose otherwise; stored results are
    kept apart by the number of devices.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    settled = "JAX_NUM_CPU_DEVICES" in os.environ or "host_platform_device_count" in flags
    if settled:
        return
    try:
        settings: Any = jax.config
        settings.update("jax_num_cpu_devices", _cores())
    except RuntimeError:
        return  # JAX is in use already, by a program that calls the command line as a function


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
