"""Arms of studies as items of an executor: computed anywhere, then read and judged here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from carnotlab.core.errors import InputError
from carnotlab.runs.entries import STORE
from carnotlab.runs.run import execute
from carnotlab.runs.store import Store
from carnotlab.studies.catalogue import find_study
from carnotlab.studies.running import arms_of, resolve
from carnotlab.studies.study import Settings, Size, Study


@dataclass(frozen=True)
class ArmItem:
    """One arm of a study under some settings; ``key`` is where its result will be looked for."""

    study: str
    size: Size
    changes: tuple[tuple[str, Any], ...]
    label: str
    key: str


@dataclass(frozen=True)
class ArmWork:
    """Computing an arm into an output folder, where it is read afterwards."""

    out: Path

    def __call__(self, item: ArmItem) -> float:
        """Return the seconds that the arm took when it was computed.

        Raises:
            InputError: if this process would file the result under another key.
        """
        study = find_study(item.study)
        arms, _ = arms_of(study, resolve(study, item.size, dict(item.changes)))
        run = next((arm.run for arm in arms if arm.label == item.label), None)
        if run is None or run.key != item.key:
            raise InputError(
                "workers whose results have other keys than in the process that asks",
                "the same code, versions and data, the same number and kind of devices, and "
                "XLA_FLAGS",
                "install the same there, and set JAX_PLATFORMS, JAX_NUM_CPU_DEVICES and "
                "XLA_FLAGS alike",
            )
        return execute(run, Store(self.out / STORE)).seconds


def missing_arms(
    studies: Iterable[tuple[Study, Size, Settings, Mapping[str, str]]], store: Store
) -> tuple[ArmItem, ...]:
    """Return the arms that a store lacks, each key once, of studies with their keys by label."""
    found: dict[str, ArmItem] = {}
    for study, size, settings, keys in studies:
        changes = tuple(msgspec.structs.asdict(settings).items())
        for label, key in keys.items():
            if key not in store:
                found.setdefault(key, ArmItem(study.name, size, changes, label, key))
    return tuple(found.values())
