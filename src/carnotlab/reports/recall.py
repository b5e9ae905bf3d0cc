"""A result from its folder and the store: judged again, nothing trained."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from carnotlab.core.errors import CarnotError, InputError, require
from carnotlab.core.provenance import Provenance
from carnotlab.core.verdicts import Verdict
from carnotlab.reports.folder import BASELINES, store_of
from carnotlab.reports.words import command
from carnotlab.runs.run import RunResult
from carnotlab.runs.store import Store
from carnotlab.studies.linear_baselines import BaselineRow
from carnotlab.studies.running import verdicts_of
from carnotlab.studies.study import Results, Settings, Size, Study, StudyResult

T = TypeVar("T")
KEY = re.compile(r"[0-9a-f]{8,64}")
"""Keys come from a file and become paths, so nothing else is let through."""


class IncompleteError(CarnotError):
    """A result whose run was not finished; the text names the command that finishes it."""


class _Arm(msgspec.Struct, forbid_unknown_fields=True):
    arm: str
    key: str


class _Record(msgspec.Struct, forbid_unknown_fields=True):
    study: str
    size: Literal["smoke", "full"]
    settings: dict[str, Any]
    arms: list[_Arm]
    skipped: list[str]


def result_folders(folder: Path) -> tuple[Path, ...]:
    """Return the study folders in an output folder, or the folder itself if it is one.

    Raises:
        InputError: if there is none.
    """
    if (folder / "settings.json").is_file():
        found = [folder.resolve()]
    else:
        found = sorted(path.parent for path in folder.glob("*/settings.json"))
    require(
        len(found) > 0,
        f"folder {folder} without results",
        "one that `carnot run` wrote",
        "run a study with --out, or give that folder",
    )
    return tuple(found)


def recall(folder: Path, find: Callable[[str], Study]) -> StudyResult:
    """Read a study's arrays and judge them again, with its provenance as it was.

    Arrays are found by the keys written at the time, so that another machine, or a later version,
    can read them too.

    Args:
        folder: The study's folder, beside the store.
        find: Returns the study of a name.

    Raises:
        IncompleteError: if arrays or provenance are missing.
        InputError: if the folder's files cannot be read as what they should be.
    """
    record = _read(folder / "settings.json", _Record)
    study = find(record.study)
    settings = _settings(study, record, folder)
    store = Store(store_of(folder))
    for arm in record.arms:
        require(
            KEY.fullmatch(arm.key) is not None,
            f"key '{arm.key}' in {folder / 'settings.json'}",
            "a digest",
            "repeat the run that wrote it",
        )
    missing = sum(arm.key not in store for arm in record.arms)
    origin = folder / "provenance.json"
    if missing or not origin.is_file():
        raise IncompleteError(_unfinished(study, record.size, settings, folder, missing, record))
    beside = folder / BASELINES
    results = {arm.arm: RunResult.from_xarray(store.load(arm.key)) for arm in record.arms}
    return StudyResult(
        study=study,
        settings=settings,
        size=record.size,
        results=results,
        verdicts=_judged(study, settings, results, folder),
        provenance=_read(origin, Provenance),
        skipped=tuple(record.skipped),
        keys={arm.arm: arm.key for arm in record.arms},
        baselines=_read(beside, tuple[BaselineRow, ...]) if beside.is_file() else (),
    )


def _judged(
    study: Study, settings: Settings, results: Results, folder: Path
) -> tuple[Verdict, ...]:
    try:
        return verdicts_of(study, settings, results)
    except KeyError as error:
        raise InputError(
            f"results in {folder} without {error}",
            f"what {study.name} records in this version",
            "run the study again",
        ) from error


def _unfinished(
    study: Study, size: Size, settings: Settings, folder: Path, missing: int, record: _Record
) -> str:
    what = f"{missing} of {len(record.arms)} arms are missing" if missing else "it was interrupted"
    again = command(study, size, settings, folder.parent)
    return f"{study.name} is not finished ({what}); resume with: {again}"


def _settings(study: Study, record: _Record, folder: Path) -> Settings:
    try:
        return msgspec.convert(record.settings, study.settings)
    except msgspec.ValidationError as error:
        raise InputError(
            f"settings in {folder} ({error})",
            f"the settings of {study.name} in this version",
            "run the study again",
        ) from error


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(
            f"file {path} ({error})", "a file as `carnot run` wrote it", "run the study again"
        ) from error
