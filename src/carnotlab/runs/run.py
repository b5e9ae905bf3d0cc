"""One run: a theory's prediction of an experiment, its training, and the assumptions' checks."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
import xarray as xr

from carnotlab.core.assumptions import Check
from carnotlab.core.descriptions import content_key
from carnotlab.core.provenance import code_digest, folder_of
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.runs.entries import DamagedError
from carnotlab.runs.store import Store
from carnotlab.theories.base import Theory
from carnotlab.training.train import train

Progress = Callable[[float], None]


def result_key(*things: Any) -> str:
    """Return a digest of what describes a result, of code, versions and devices.

    Code is that of all layers that compute results, and of the folders that define the things
    given, or classes among them: name there what computes the result, so that no result outlives
    an edit of it.

    >>> result_key("kernel", 1) == result_key("kernel", 1) != result_key("kernel", 2)
    True
    """
    kinds = {thing if isinstance(thing, type) else type(thing) for thing in things}
    folders = sorted({folder for kind in kinds if (folder := folder_of(kind)) is not None})
    code = [code_digest(), *(code_digest((folder,)) for folder in folders)]
    versions = [*code, jax.__version__, np.__version__]
    # XLA's own flags decide last digits: how products are cut up over threads, for one.
    flags = os.environ.get("XLA_FLAGS", "")
    devices = [jax.devices()[0].device_kind, len(jax.devices()), *([flags] if flags else [])]
    return content_key(*things, versions, devices)[:32]


class Computable(ABC):
    """What an arm can be: something with a key that computes a result.

    ``key`` identifies the result: equal keys mean equal descriptions, code and versions, hence
    the same arrays on one machine.
    """

    @property
    @abstractmethod
    def key(self) -> str:
        """A digest of all that the result depends on."""

    @property
    def precision(self) -> str:
        """The numbers it computes in; double unless a run says otherwise."""
        return "float64"

    def remaining(self, store: Store | None) -> float:
        """Return how much is left to do, in a unit common to all arms of a study.

        Unless a run says otherwise: 0 where the store has the result, else 1.
        """
        return 0.0 if store is not None and self.key in store else 1.0

    @abstractmethod
    def compute(self, store: Store | None = None, progress: Progress | None = None) -> "RunResult":
        """Return the result; what is worth keeping on the way may be kept in the store."""


@dataclass(frozen=True)
class Run(Computable):
    """An experiment, the theory it is held against, its seeds, and what else to measure."""

    experiment: Experiment
    theory: Theory
    seeds: tuple[int, ...]
    measures: tuple[Measure, ...] = field(default=())

    @property
    def key(self) -> str:
        """A digest of description, theory, seeds, measures, code, JAX and devices."""
        theory = type(self.theory).__name__, self.theory
        return result_key(self.experiment, *theory, self.seeds, self.measures)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return self.experiment.training.precision

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> "RunResult":
        """Predict, check and train; the theory sees the description and time zero only."""
        del store
        began = time.perf_counter()
        start = self.experiment.start(self.seeds)
        prediction = self.theory.predict(self.experiment, start)
        checks = self.theory.check(self.experiment, start)
        measures = (*self.theory.measures(self.experiment), *self.measures)
        observation = train(self.experiment, measures, self.seeds, progress=progress)
        return RunResult(prediction, observation, checks, time.perf_counter() - began)


@dataclass(frozen=True)
class RunResult:
    """What a run found: labelled arrays on both sides, checks, and how long it took.

    ``cached`` says that it was read from a store rather than computed. Arrays lie in memory as a
    store gives them back, so that errors found from them round alike whether it was or not.
    """

    prediction: xr.Dataset
    observation: xr.Dataset
    checks: tuple[Check, ...]
    seconds: float
    cached: bool = False

    def __post_init__(self) -> None:
        for side in ("prediction", "observation"):
            object.__setattr__(self, side, _in_row_order(getattr(self, side)))

    def to_xarray(self) -> xr.DataTree:
        """Return everything as one labelled tree: prediction, observation, checks."""
        checks = xr.Dataset(
            {
                "value": ("check", np.array([check.value for check in self.checks], dtype=float)),
                "limit": ("check", np.array([check.limit for check in self.checks], dtype=float)),
                "statement": ("check", np.array([check.statement for check in self.checks])),
            },
            coords={"check": np.array([check.name for check in self.checks])},
            attrs={"seconds": self.seconds},
        )
        return xr.DataTree.from_dict(
            {"prediction": self.prediction, "observation": self.observation, "checks": checks}
        )

    @classmethod
    def from_xarray(cls, tree: xr.DataTree) -> "RunResult":
        """Rebuild a result from its tree."""
        parts: dict[str, Any] = {name: tree[name].to_dataset() for name in tree.children}
        table = parts["checks"]
        checks = tuple(
            Check(str(name), str(table["statement"].values[i]), float(value), float(limit))
            for i, (name, value, limit) in enumerate(
                zip(
                    table["check"].values, table["value"].values, table["limit"].values, strict=True
                )
            )
        )
        seconds = float(table.attrs["seconds"])
        return cls(parts["prediction"], parts["observation"], checks, seconds, cached=True)


def _in_row_order(data: xr.Dataset) -> xr.Dataset:
    """Return a dataset whose arrays are in row-major order: sums over others round otherwise."""
    moved = {
        name: array.copy(data=np.ascontiguousarray(array.values))
        for name, array in data.data_vars.items()
        if not array.values.flags.c_contiguous
    }
    return data.assign(moved) if moved else data


def execute(
    run: Computable, store: Store | None = None, progress: Progress | None = None
) -> RunResult:
    """Compute a result; or read it where the store has it already, and sound.

    Raises:
        OutOfReachError: if the theory says nothing about the experiment.
        InputError: if the store cannot be written.
    """
    if store is not None and run.key in store:
        # What was damaged since it was written is computed again.
        with suppress(DamagedError):
            found = RunResult.from_xarray(store.load(run.key))
            if progress is not None:
                progress(1.0)
            return found
    result = run.compute(store, progress)
    if store is not None:
        store.save(run.key, result.to_xarray())
    return result
