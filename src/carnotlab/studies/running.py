"""Running a study: every arm through the store, every judgement through the bootstrap."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import InputError, require
from carnotlab.core.provenance import provenance
from carnotlab.core.verdicts import Verdict, judge
from carnotlab.runs.entries import STORE
from carnotlab.runs.run import execute
from carnotlab.runs.store import Store
from carnotlab.studies.linear_baselines import baseline_rows
from carnotlab.studies.study import (
    Arm,
    Results,
    Settings,
    Size,
    Study,
    StudyResult,
    checks_of,
)

Progress = Callable[[str, float], None]


def resolve(study: Study, size: Size, changes: Mapping[str, Any] | None = None) -> Settings:
    """Return a study's settings with some changed; text is converted to the field's type.

    Raises:
        InputError: for a setting the study does not have or a value that does not fit.

    >>> from carnotlab.studies.catalogue import find_study
    >>> resolve(find_study("deep-linear-stages"), "smoke", {"seeds": "3"}).seeds
    3
    """
    defaults = study.defaults(size)
    known = [field for field in study.settings.__struct_fields__ if field != "data"]
    values = msgspec.structs.asdict(defaults)
    for name, value in (changes or {}).items():
        require(
            name in values,
            f"setting '{name}' of {study.name}",
            f"one of {', '.join(known)}",
            "check the spelling",
        )
        require(
            name != "data" or value is None or study.takes_data,
            f"a data file for {study.name}",
            "a study that takes data",
            "leave --data out; `carnot list` says which take one",
        )
        if isinstance(values[name], tuple) and isinstance(value, str):
            values[name] = [part.strip() for part in value.split(",")]
        else:
            values[name] = value
    try:
        return msgspec.convert(values, study.settings, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(
            f"settings {dict(changes or {})} ({error})",
            f"values that fit {study.name}",
            "see `carnot run STUDY --dry-run` for the present ones",
        ) from error


def run_study(
    study: Study,
    size: Size = "smoke",
    changes: Mapping[str, Any] | None = None,
    *,
    out: Path | str | None = None,
    progress: Progress | None = None,
) -> StudyResult:
    """Run every arm of a study and judge it.

    Args:
        study: The study.
        size: ``smoke`` or ``full``.
        changes: Settings other than the size's own.
        out: Where results are kept. With it, arms found there are read instead of computed.
        progress: Called with what is running and the fraction done of what is not stored yet.

    Raises:
        InputError: for unknown or unfitting settings, unusable data, an unwritable folder.
    """
    settings = resolve(study, size, changes)
    arms, skipped = arms_of(study, settings)
    store = None if out is None else Store(Path(out) / STORE)
    if store is not None:
        store.prepare()
    results: dict[str, Any] = {}
    work = [0.0 if progress is None else arm.run.remaining(store) for arm in arms]
    total = sum(work)
    for index, arm in enumerate(arms):

        def tell(part: float, index: int = index, label: str = arm.label) -> None:
            if progress is not None:
                done = sum(work[:index]) + part * work[index]
                progress(label, done / total if total > 0.0 else 1.0)

        tell(0.0)
        results[arm.label] = execute(arm.run, store, tell if progress is not None else None)
    verdicts = verdicts_of(study, settings, results)
    return StudyResult(
        study=study,
        settings=settings,
        size=size,
        results=results,
        verdicts=verdicts,
        provenance=provenance(
            seeds=range(settings.seeds),
            precision=", ".join(sorted({arm.run.precision for arm in arms})),
            settings={"study": study.name, "size": size, **msgspec.structs.asdict(settings)},
        ),
        skipped=skipped,
        keys={arm.label: arm.run.key for arm in arms},
        baselines=baseline_rows({arm.label: arm.run for arm in arms}, results, store),
    )


def arms_of(study: Study, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
    """Return a study's arms, and in words what is skipped.

    Raises:
        InputError: if nothing is left to run, or the data given cannot be used.
    """
    arms, skipped = study.arms(settings)
    require(
        len(arms) > 0,
        f"{study.name} with nothing to run ({'; '.join(skipped)})",
        "data for at least one arm",
        "give the data",
    )
    return arms, skipped


def study_key(study: Study, size: Size, settings: Settings) -> str:
    """Return a short digest of a study's resolved settings, for naming its folder."""
    return content_key(study.name, size, msgspec.structs.asdict(settings))[:12]


def verdicts_of(study: Study, settings: Settings, results: Results) -> tuple[Verdict, ...]:
    """Judge what some runs of a study found; nothing is trained."""
    return tuple(
        judge(
            study=study.name,
            arm=item.label,
            role=item.role,
            tolerance=item.tolerance,
            statistic=item.error(results),
            seeds=results[item.arms[0]].observation.sizes["seed"],
            checks=checks_of(results, item.arms),
            seconds=sum(results[arm].seconds for arm in item.arms),
        )
        for item in study.judgements(settings, tuple(results))
    )
