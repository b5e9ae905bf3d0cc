"""Folders of studies as things of an output folder."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from carnotlab.core.errors import InputError
from carnotlab.runs.entries import STORE, SUFFIX
from carnotlab.runs.folder.entries import Entries, groups_of, held
from carnotlab.runs.folder.held import Fault, Held, Kind, Labels, State
from carnotlab.runs.folder.present_code import age_of
from carnotlab.runs.folder.quantities import quantities_in
from carnotlab.runs.plain_files import is_plain_file, is_plain_folder, plain_files

if TYPE_CHECKING:
    import xarray as xr

T = TypeVar("T")

SETTINGS, PROVENANCE, VERDICTS = "settings.json", "provenance.json", "verdicts.json"
NAME = re.compile(r"(?P<study>[0-9A-Za-z_.-]+)-(?P<key>[0-9a-f]{12})")
WRITTEN = re.compile(
    r"(settings|provenance|verdicts|linear_baselines)\.json|tables\.txt|report\.html|figures/[^/]+"
    r"\.(svg|pdf|png)"
)
KEY = re.compile(r"[0-9a-f]{8,64}")
"""Keys come from a file and become paths, so nothing else is let through."""


class _Arm(msgspec.Struct, frozen=True):
    arm: str
    key: str


class _Record(msgspec.Struct, frozen=True):
    study: str
    size: str
    settings: dict[str, Any]
    arms: tuple[_Arm, ...]
    skipped: tuple[str, ...] = ()


class Studies(Kind):
    """Folders ``STUDY-DIGEST`` with a ``settings.json``, whose arms are entries of the store."""

    def find(self, out: Path) -> list[Held]:
        """Return all studies' folders."""
        folders = sorted(path for path in out.iterdir() if is_study(path))
        return [self._held(folder) for folder in folders]

    def _held(self, folder: Path) -> Held:
        study, key = _names(folder)
        own = plain_files(folder).size
        try:
            record = _read(folder / SETTINGS, _Record)
            _require_keys(record)
        except ValueError as error:
            return Held(
                "study", folder.name, key, folder, study, own, "damaged", "unknown", 0, 0, "arms",
                note=str(error),
            )  # fmt: skip
        keys = tuple(dict.fromkeys(arm.key for arm in record.arms))
        present = [held(path) for key in keys if has_entry(path := entry_of(folder, key))]
        ended = is_plain_file(folder / PROVENANCE) and is_plain_file(folder / VERDICTS)
        whole = len(present) == len(keys) and ended
        state: State = "whole" if whole else "partial"
        if any(each.state == "damaged" for each in present):
            state = "damaged"
        return Held(
            "study",
            folder.name,
            key,
            folder,
            record.study,
            own + sum(each.size for each in present),
            state,
            _code(folder, present),
            len(present),
            len(keys),
            "arms",
            {"size": record.size, **record.settings},
            keys,
        )

    def faults(self, held: Held) -> list[Fault]:
        """Read the records and every arm that is there."""
        found: list[Fault] = []
        for name in (SETTINGS, PROVENANCE, VERDICTS):
            path = held.path / name
            if name == SETTINGS or is_plain_file(path):
                try:
                    _read(path, _Record if name == SETTINGS else Any)
                except ValueError as error:
                    found.append(Fault(path, str(error)))
        for folder in _arm_folders(held):
            found += Entries().faults(_entry(folder))
        return found

    def details(self, held: Held) -> dict[str, Any]:
        """Return arms, provenance, and the quantities of each arm."""
        record = _readable(held.path / SETTINGS, _Record)
        arms: list[dict[str, Any]] = []
        for arm in record.arms:
            folder = entry_of(held.path, arm.key)
            there = has_entry(folder)
            state = _entry(folder).state if there else "missing"
            quantities = quantities_in(folder) if state == "whole" else []
            arms.append({"arm": arm.arm, "key": arm.key, "state": state, "quantities": quantities})
        origin = held.path / PROVENANCE
        provenance = _readable(origin, dict[str, Any]) if is_plain_file(origin) else None
        return {"arms": arms, "skipped": list(record.skipped), "provenance": provenance}

    def foreign(self, held: Held) -> Sequence[str]:
        """Return whatever a study does not write."""
        files = plain_files(held.path)
        others = sorted(name for name in files.sizes if not WRITTEN.fullmatch(name))
        return [*files.odd, *others]

    def tables(self, held: Held) -> "Iterator[tuple[Labels, xr.Dataset]]":
        """Yield prediction, observation and checks of each arm that is there."""
        record = _readable(held.path / SETTINGS, _Record)
        present = [arm for arm in record.arms if has_entry(entry_of(held.path, arm.key))]
        if not present:
            raise InputError(
                f"{held.name} without any arm that is done", "at least one", "run the study first"
            )
        for arm in present:
            yield from groups_of(entry_of(held.path, arm.key), {"arm": arm.arm})


def is_study(path: Path) -> bool:
    """Whether a path is the folder of a study."""
    named = NAME.fullmatch(path.name) is not None and not path.name.startswith(".")
    return named and is_plain_folder(path) and (path / SETTINGS).exists()


def entry_of(folder: Path, key: str) -> Path:
    """Return where an arm of a study is or would be."""
    return folder.parent / STORE / f"{key}{SUFFIX}"


def has_entry(entry: Path) -> bool:
    """Whether an entry is there, neither itself nor its store being a link."""
    return is_plain_folder(entry.parent) and is_plain_folder(entry)


def differing(studies: Sequence[Held]) -> dict[str, Mapping[str, Any]]:
    """Return for each run, by name, the settings in which runs of the same study differ.

    >>> a, b = (Held("study", n, n, Path(n), "s", 0, "whole", "same", settings={"w": w, "d": 2})
    ...         for n, w in (("a", 1), ("b", 3)))
    >>> differing([a, b])
    {'a': {'w': 1}, 'b': {'w': 3}}
    """
    found: dict[str, Mapping[str, Any]] = {}
    for study in studies:
        alike = [other for other in studies if other.title == study.title]
        found[study.name] = {
            name: value
            for name, value in study.settings.items()
            if any(other.settings.get(name) != value for other in alike)
        }
    return found


def _entry(folder: Path) -> Held:
    return held(folder)


def _arm_folders(study: Held) -> list[Path]:
    folders = (entry_of(study.path, key) for key in study.uses)
    return [folder for folder in folders if has_entry(folder)]


def _names(folder: Path) -> tuple[str, str]:
    match = NAME.fullmatch(folder.name)
    assert match is not None
    return match["study"], match["key"]


def _code(folder: Path, arms: Sequence[Held]) -> Any:
    """Return the age of the code of the arms; of the last finished run where they do not say."""
    ages = {arm.code for arm in arms} - {"unknown"}
    if ages:
        return ages.pop() if len(ages) == 1 else "mixed"
    try:
        return age_of([str(_read(folder / PROVENANCE, dict[str, Any])["code"])])
    except (ValueError, KeyError):
        return "unknown"


def _require_keys(record: _Record) -> None:
    for arm in record.arms:
        if not KEY.fullmatch(arm.key):
            raise ValueError(f"{SETTINGS}: key {arm.key[:40]!r} is no digest")


def _read(path: Path, kind: type[T]) -> T:
    """Return what a JSON file holds.

    Raises:
        ValueError: if it cannot be read, or is not what it should be.
    """
    try:
        if not is_plain_file(path):
            raise ValueError(f"{path.name}: it is no file, or a link to one")
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise ValueError(f"{path.name}: {error}") from error


def _readable(path: Path, kind: type[T]) -> T:
    try:
        return _read(path, kind)
    except ValueError as error:
        raise InputError(
            f"file {path} ({error})", "a file as `carnot run` wrote it", "run the study again"
        ) from error
