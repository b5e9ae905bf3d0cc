"""``carnot replicate``: one study over data files, settings and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.text import Text

from carnotlab.cli.devices import spread_over_cores
from carnotlab.cli.output import ExitCode, as_text, emit, show
from carnotlab.cli.planning import Plan, changes_of, plan
from carnotlab.cli.records import provenance_record, verdict_record
from carnotlab.cli.running import carry_out, code_of
from carnotlab.core.errors import InputError, require
from carnotlab.reports.folder import PAGE, write_page, write_settings
from carnotlab.studies import catalogue
from carnotlab.studies.robustness.replication import Condition, Replication, conditions_of
from carnotlab.studies.study import Size, Study


@dataclass(frozen=True)
class Request:
    """What ``replicate`` was asked for, as it was written."""

    study: str
    size: Size
    out: Path
    data: tuple[str, ...] = ()
    seeds: str | None = None
    sets: tuple[str, ...] = field(default=())
    dry: bool = False
    json: bool = False


def replicate(request: Request) -> ExitCode:
    """Run a study under every combination asked for, and print how far it carries.

    Raises:
        InputError: for what cannot be run as asked, or a folder that cannot be written.
    """
    spread_over_cores()
    study = catalogue.find_study(request.study)
    conditions = _conditions(study, request)
    plans = [_plan(request, condition) for condition in conditions]
    if request.dry:
        _print_plans(conditions, plans, json=request.json)
        return ExitCode.AS_EXPECTED
    for each in plans:
        each.store.prepare()
        write_settings(each.study, each.size, each.settings, each.keys, each.skipped, each.folder)
    shown = [carry_out(each) for each in plans]
    page = request.out / PAGE
    write_page(shown, page)
    results = tuple(each.result for each in shown)
    found = Replication(conditions, results)
    if request.json:
        emit(as_text(_record(found)))
    else:
        show(found, Text(f"{found.summary}."))
        emit(f"Report: {page}\n")
    return code_of(results)


def _record(found: Replication) -> dict[str, Any]:
    record = found.to_dict()
    for condition in record["conditions"]:
        condition["verdicts"] = [verdict_record(verdict) for verdict in condition["verdicts"]]
    return {**record, "provenance": provenance_record(found.results)}


def _conditions(study: Study, request: Request) -> tuple[Condition, ...]:
    defaults = study.defaults(request.size)
    settings: dict[str, list[str]] = {}
    for name, text in changes_of(request.sets, None, None).items():
        listed = isinstance(getattr(defaults, name, None), tuple)
        settings[name] = _values(str(text), ";" if listed else ",", f"--set {name}={text}")
    return conditions_of(
        study,
        request.size,
        data=request.data,
        seeds=() if request.seeds is None else _seeds(request.seeds),
        settings=settings,
    )


def _values(text: str, separator: str, given: str) -> list[str]:
    values = [part.strip() for part in text.split(separator)]
    require(
        all(values),
        given,
        f"values with '{separator}' between them",
        "leave no value empty; lists of a setting that is a list itself are divided by ';'",
    )
    return list(dict.fromkeys(values))


def _seeds(text: str) -> list[int]:
    values = _values(text, ",", f"--seeds {text}")
    try:
        numbers = [int(value) for value in values]
    except ValueError as error:
        raise InputError(
            f"--seeds {text}", "whole numbers with commas between them", "write --seeds 4,8"
        ) from error
    require(min(numbers) >= 1, f"--seeds {text}", "numbers from 1", "write --seeds 4,8")
    return numbers


def _plan(request: Request, condition: Condition) -> Plan:
    (found,) = plan((request.study,), request.size, condition.changes, request.out)
    return found


def _print_plans(conditions: Sequence[Condition], plans: Sequence[Plan], *, json: bool) -> None:
    if json:
        record = [
            {"condition": condition.name, **each.to_dict()}
            for condition, each in zip(conditions, plans, strict=True)
        ]
        emit(as_text({"plan": record}))
        return
    parts = [
        f"{condition.name}:\n{each}" for condition, each in zip(conditions, plans, strict=True)
    ]
    emit("\n\n".join(parts) + "\n")
