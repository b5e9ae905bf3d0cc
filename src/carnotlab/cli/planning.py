"""What a command line asks for, resolved and checked before anything is computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from carnotlab.core.descriptions import describe
from carnotlab.core.errors import require
from carnotlab.reports.folder import folder_of
from carnotlab.reports.words import setting
from carnotlab.runs.entries import STORE
from carnotlab.runs.store import Store
from carnotlab.studies import catalogue
from carnotlab.studies.running import arms_of, resolve
from carnotlab.studies.study import Settings, Size, Study


@dataclass(frozen=True)
class Plan:
    """One study with its settings, its arms by label and key, and its folder."""

    study: Study
    size: Size
    settings: Settings
    keys: Mapping[str, str]
    skipped: tuple[str, ...]
    folder: Path

    @property
    def store(self) -> Store:
        """Where the arms' arrays are or will be."""
        return Store(self.folder.parent / STORE)

    @property
    def outlook(self) -> tuple[str, ...]:
        """What is left to compute and for how long, in words, where that is hours."""
        return self.study.outlook(self.settings, self.store)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON data, with which arms are stored already."""
        return {
            "study": self.study.name,
            "size": self.size,
            "settings": describe(msgspec.structs.asdict(self.settings)),
            "folder": str(self.folder),
            "arms": [
                {"arm": label, "key": key, "stored": key in self.store}
                for label, key in self.keys.items()
            ],
            "skipped": list(self.skipped),
        }

    def __str__(self) -> str:
        """Return the plan for a person to read."""
        lines = [f"{self.study.name} ({self.size}) in {self.folder}"]
        for name, value in msgspec.structs.asdict(self.settings).items():
            lines.append(f"  {name} = {setting(value)}")
        for label, key in self.keys.items():
            state = "stored" if key in self.store else "to run"
            lines.append(f"  {state}  {key}  {label}")
        lines += [f"  not run: {words}" for words in self.skipped]
        lines += [f"  {words}" for words in self.outlook]
        return "\n".join(lines)


def plan(names: Sequence[str], size: Size, changes: Mapping[str, Any], out: Path) -> list[Plan]:
    """Resolve studies by name; nothing is computed and nothing written.

    Raises:
        InputError: for an unknown study, a setting that does not fit, or unusable data.
    """
    studies = [catalogue.find_study(name) for name in dict.fromkeys(names)]
    plans: list[Plan] = []
    for study in studies:
        settings = resolve(study, size, changes)
        arms, skipped = arms_of(study, settings)
        keys = {arm.label: arm.run.key for arm in arms}
        folder = folder_of(out, study, size, settings)
        plans.append(Plan(study, size, settings, keys, skipped, folder))
    return plans


def changes_of(sets: Sequence[str], seeds: int | None, data: str | None) -> dict[str, Any]:
    """Return the settings that a command line changes.

    Raises:
        InputError: for a ``--set`` without ``=``, or a setting given twice.

    >>> changes_of(["width=64"], 3, None)
    {'seeds': 3, 'width': '64'}
    """
    changes: dict[str, Any] = {}
    if seeds is not None:
        changes["seeds"] = seeds
    if data is not None:
        changes["data"] = data
    for text in sets:
        name, equals, value = text.partition("=")
        name = name.strip()
        require(
            equals == "=" and name != "",
            f"--set {text}",
            "key=value",
            "write it as in --set step=0.05",
        )
        require(name != "data", f"--set {text}", "--data FILE for a data file", "use --data")
        require(
            name not in changes, f"setting '{name}' twice", "each setting once", "leave one out"
        )
        changes[name] = value.strip()
    return changes
