"""The compiled program of an ensemble, kept for the next call."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from carnotlab.core.data import Data
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.training.descent import Outcome, descend
from carnotlab.training.recording import recorder
from carnotlab.training.sweep import Path, rebuild

Progress = Callable[[float], None]


class _Relay:
    """Where a compiled program tells its progress: to whoever runs it at the moment."""

    progress: Progress | None = None

    def __call__(self, part: float) -> None:
        if self.progress is not None:
            self.progress(part)


class Program(NamedTuple):
    """A compiled ensemble: from weights, keys, numbers and data to what is left of all members."""

    call: Callable[[Any, Any, Any, Data], Outcome]
    relay: _Relay


@lru_cache(maxsize=16)
def ensemble_program(
    first: Experiment,
    paths: tuple[Path, ...],
    measures: tuple[Measure, ...],
    devices: int,
    tells: bool,
    one_thread: bool = False,
) -> Program:
    """Trace and keep the program of an ensemble, so that a second call need not compile.

    With ``one_thread`` its matrix products stay on the thread that runs it, whatever the process
    allows: how they are cut up over threads decides last digits.
    """
    experiment_of = rebuild(first, paths)
    last = float(first.training.times[-1]) or 1.0
    relay = _Relay()
    record = recorder(measures, first.training.loss)

    def program(weights: Any, keys: Any, numbers: Any, data: Data) -> Outcome:
        if first.training.is_flow:
            # The solver's library takes as long to import as JAX itself.
            from carnotlab.training.gradient_flow import flow

            return flow(experiment_of, record, weights, keys, numbers, data)
        tell = partial(_tell, relay, last) if tells else None
        return descend(experiment_of, record, weights, keys, numbers, data, tell)

    if devices > 1:
        split, whole = PartitionSpec("member"), PartitionSpec()
        program = jax.shard_map(
            program,
            mesh=Mesh(np.asarray(jax.devices()[:devices]), ("member",)),
            in_specs=(split, split, split, whole),
            out_specs=split,
            check_vma=False,
        )
    options: dict[str, Any] = {"xla_cpu_multi_thread_eigen": False} if one_thread else {}
    return Program(jax.jit(program, compiler_options=options), relay)


def _tell(progress: Progress, last: float, time: Any) -> None:
    progress(float(time) / last)
