"""``carnot run`` and ``carnot tour``: plan, compute what is missing, judge, write, print."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.text import Text

from carnotlab.cli.arms import compute_arms
from carnotlab.cli.devices import settle
from carnotlab.cli.output import ExitCode, as_text, emit, say, show, width
from carnotlab.cli.planning import Plan, plan
from carnotlab.cli.progress import progress
from carnotlab.cli.records import results_record
from carnotlab.cli.tables import remarks, verdict_lines
from carnotlab.reports.figures import Exhibit
from carnotlab.reports.folder import PAGE, write_page, write_results, write_settings
from carnotlab.reports.words import tally
from carnotlab.studies import catalogue
from carnotlab.studies.linear_baselines import baseline_table
from carnotlab.studies.running import run_study
from carnotlab.studies.study import Size, StudyResult


@dataclass(frozen=True)
class Request:
    """What ``run`` was asked for, its options resolved."""

    studies: tuple[str, ...]
    size: Size
    changes: Mapping[str, Any]
    out: Path
    scheduler: str | None = None
    jobs: int | None = None
    dry: bool = False
    json: bool = False
    messages: bool = False


def tour(changes: Mapping[str, Any], out: Path, *, everything: bool, json: bool) -> ExitCode:
    """Run the studies of the tour, or all, at smoke size and say what each shows."""
    studies = catalogue.STUDIES if everything else catalogue.TOUR
    names = tuple(study.name for study in studies)
    return run(Request(names, "smoke", changes, out, json=json, messages=True))


def run(request: Request, stop: threading.Event | None = None) -> ExitCode:
    """Run what is missing of some studies, write it, and print the verdicts.

    With ``jobs`` or a ``scheduler`` other processes compute the arms. Once ``stop`` is set they
    finish those in hand, and nothing is judged.

    Raises:
        InputError: for what cannot be run as asked, or a folder that cannot be written.
    """
    here = settle(request.scheduler, request.jobs)
    plans = plan(request.studies, request.size, request.changes, request.out)
    if request.dry:
        _print_plans(plans, request)
        return ExitCode.AS_EXPECTED
    for each in plans:
        each.store.prepare()
        # Written first, so that a run cut short can say by which command it is resumed.
        write_settings(each.study, each.size, each.settings, each.keys, each.skipped, each.folder)
    failed = {} if here else _compute_elsewhere(plans, request, stop)
    if stop is not None and stop.is_set():
        say("stopped; whatever was finished is kept; the same command goes on")
        return ExitCode.UNFINISHED
    shown = [carry_out(each) for each in plans if failed.keys().isdisjoint(each.keys.values())]
    results = [each.result for each in shown]
    if results:
        page = request.out / PAGE
        write_page(shown, page)
        print_results(results, page, json=request.json, messages=request.messages)
    return ExitCode.UNFINISHED if failed else code_of(results)


def code_of(results: Sequence[StudyResult]) -> ExitCode:
    """Return what the verdicts mean for a script; an underpowered one contradicts, too."""
    sound = all(result.as_expected for result in results)
    return ExitCode.AS_EXPECTED if sound else ExitCode.CONTRADICTED


def print_results(
    results: Sequence[StudyResult], page: Path, *, json: bool, messages: bool = False
) -> None:
    """Print verdicts and where the page is, for a script or a person."""
    if json:
        emit(as_text(results_record(results)))
        return
    things: list[Any] = []
    for result in results:
        if messages:
            things.append(Text(result.study.message))
        things += verdict_lines(result.verdicts, width())
        things += [*result.study.tables(result), *baseline_table(result.baselines)]
        things += [*remarks(result), Text("")]
    verdicts = [verdict for result in results for verdict in result.verdicts]
    show(*things, Text(tally(verdicts)))
    emit(f"Report: {page}\n")  # never broken over lines, so that it can be copied


def carry_out(plan: Plan) -> Exhibit:
    """Run what is missing of one study and write everything about it but the common page."""
    for words in plan.outlook:
        say(words)
    with progress(plan.study.name) as tell:
        result = run_study(
            plan.study,
            plan.size,
            msgspec.structs.asdict(plan.settings),
            out=plan.folder.parent,
            progress=tell,
        )
    return write_results(result, plan.folder)


def _compute_elsewhere(
    plans: Sequence[Plan], request: Request, stop: threading.Event | None
) -> dict[str, str]:
    for each in plans:
        for words in each.outlook:
            say(words)
    failed = compute_arms(plans, request.out, request.scheduler, request.jobs, stop)
    for each in plans:
        for label, key in each.keys.items():
            if key in failed:
                say(f"failed: {each.study.name}, {label}: {failed[key]}")
    return failed


def _print_plans(plans: Sequence[Plan], request: Request) -> None:
    if request.json:
        emit(as_text({"plan": [each.to_dict() for each in plans]}))
    else:
        emit("\n\n".join(str(each) for each in plans) + "\n")
