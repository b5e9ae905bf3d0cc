"""``carnot sweep``: many settings times seeds of an experiment, or of a study."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil, isfinite
from pathlib import Path
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from carnotlab.cli import axes
from carnotlab.cli.devices import settle
from carnotlab.cli.experiments import NAMED, recipe_of
from carnotlab.cli.output import ExitCode, as_text, emit, say, show
from carnotlab.cli.sweep_progress import course_of, sweep_progress
from carnotlab.runs.compiled_programs import keep_compiled_programs
from carnotlab.runs.executors.choosing import executor_of
from carnotlab.runs.machine import available_memory, slowness
from carnotlab.runs.sweeps.archive import FOLDER, Archive
from carnotlab.runs.sweeps.carry_out import (
    State,
    Tell,
    compute_missing,
    open_archive,
    standing,
)
from carnotlab.runs.sweeps.leading import Leader, Ranking
from carnotlab.runs.sweeps.packs import Plan, plan_sweep
from carnotlab.runs.sweeps.sweep import Sweep, sweep_over
from carnotlab.runs.sweeps.tally import Tally, tally_of

SHOWN = 10
"""Settings in the table of the best."""

NAMED_FAILURES = 3
"""Settings that failed, or were refused, which are named."""


@dataclass(frozen=True)
class Request:
    """What ``sweep`` was asked for."""

    target: str
    settings: axes.Request
    out: Path
    data: Path | None = None
    column: str | None = None
    size: Literal["smoke", "full"] = "smoke"
    scheduler: str | None = None
    jobs: int | None = None
    memory: float = 1.0
    figure: Path | None = None
    dry: bool = False
    json: bool = False


def target_and_words(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return what is swept, the ready-made experiment unless named, and the settings.

    >>> target_and_words(["lr=0.1,0.3"]), target_and_words(["my.py", "lr=0.1"])
    (('mlp', ['lr=0.1,0.3']), ('my.py', ['lr=0.1']))
    """
    if words and "=" not in words[0]:
        return words[0], list(words[1:])
    return NAMED, list(words)


def is_experiment(target: str) -> bool:
    """Whether a target is an experiment, ready-made or of a file; else it is a study.

    >>> [is_experiment(target) for target in ("mlp", "my.py", "deep-linear-stages")]
    [True, True, False]
    """
    return target == NAMED or target.endswith(".py")


def sweep(request: Request, stop: threading.Event) -> ExitCode:
    """Train what is missing of a sweep, and print the settings that lead.

    Raises:
        InputError: for what cannot be swept as asked, or a folder that cannot be written.
    """
    if request.figure is not None:
        from carnotlab.reports.sweep_figure import require_figure_file

        require_figure_file(request.figure)  # before anything is trained
    here = settle(request.scheduler, request.jobs)
    keep_compiled_programs()
    recipe = recipe_of(request.target, request.data, request.column)
    settings = axes.settings_of(request.settings)
    recipe.require_settings(settings.names)
    chosen = sweep_over(recipe, settings, request.settings.seeds, recipe.measures)
    plan = plan_sweep(chosen, request.memory * 2**30)
    if request.dry:
        _print_plan(chosen, plan, request)
        return ExitCode.AS_EXPECTED
    # Workers elsewhere may have been started in another folder.
    out = request.out if here else request.out.resolve()
    archive = open_archive(chosen, plan, out, recipe.name)
    ranking = Ranking(archive)
    before = standing(plan, archive, ranking)
    state = before.state
    if before.missing:
        with executor_of(request.scheduler, request.jobs, keep_compiled_programs) as executor:
            executor.require_shared_folder(archive.root)
            _warn_of_memory(plan, executor.workers)
            with sweep_progress(recipe.name, executor.where, ranking) as shown:
                tell = _ranked_first(ranking, shown)
                state = compute_missing(chosen, plan, archive, executor, before, tell, stop)
    found = tally_of(archive, state.done, state.diverged)
    _print_result(found, ranking, archive, request)
    if stop.is_set():
        say("stopped; whatever was finished is kept; the same command goes on")
    if request.figure is not None:
        _draw(archive, found, request.figure)
    whole = found.is_complete and not found.failures
    return ExitCode.AS_EXPECTED if whole else ExitCode.UNFINISHED


def _draw(archive: Archive, found: Tally, file: Path) -> None:
    if found.done == 0:
        say(f"not drawn: {file}, as no member is done")
        return
    # Imported here because Matplotlib takes as long to import as a finished sweep to read.
    from carnotlab.reports.sweep_figure import write_sweep_figure
    from carnotlab.runs.sweeps.results import gather

    write_sweep_figure(gather(archive)[0], file)
    say(f"drawn: {file}")


def _ranked_first(ranking: Ranking, shown: Tell) -> Tell:
    """Return what adds each new pack to a ranking before that is shown."""

    def tell(state: State) -> None:
        if state.newest is not None:
            ranking.add(state.newest)
        shown(state)

    return tell


def _warn_of_memory(plan: Plan, workers: int) -> None:
    there = available_memory()
    if there is not None and plan.memory * workers > there:
        say(
            f"{workers} packs of about {_size(plan.memory)} at a time, and {_size(there)} free: "
            "if workers die, use fewer (--jobs) or smaller packs (--memory)"
        )


def _print_plan(chosen: Sweep, plan: Plan, request: Request) -> None:
    record: dict[str, Any] = {
        "members": chosen.members,
        "settings": len(chosen.settings),
        "seeds": len(chosen.seeds),
        "refused": {str(row): why for row, why in chosen.refused.items()},
        "programs": len(plan.programs),
        "tasks": len(plan.packs),
        "core_seconds": plan.seconds * slowness(),
        "bytes": plan.bytes,
        "memory_of_a_task": plan.memory,
        "folder": str(request.out / FOLDER / chosen.key),
    }
    if request.json:
        emit(as_text({"plan": record}))
        return
    lines = [
        f"{record['members']} members: {len(chosen.settings)} settings x {len(chosen.seeds)} seeds",
        *(
            [f"{len(chosen.refused)} settings refused, the first: {first}"]
            if (first := next(iter(chosen.refused.values()), None))
            else []
        ),
        f"{len(plan.packs)} tasks of {len(plan.programs)} compiled programs, "
        f"each within {_size(plan.memory)} of memory",
        f"about {timedelta(seconds=ceil(record['core_seconds']))} on one core, "
        "compiling not counted",
        f"about {_size(plan.bytes)} on disk in {record['folder']}",
    ]
    emit("\n".join(lines) + "\n")


def _print_result(tally: Tally, found: Ranking, archive: Archive, request: Request) -> None:
    best = found.best(SHOWN)
    if request.json:
        emit(as_text(_record(tally, best, found.name, archive)))
        return
    table = Table(*archive.settings, f"{found.name} at the end", "members", "course")
    for each in best:
        values = [str(column[each.row]) for column in archive.settings.values()]
        error = f" ± {each.error:.1g}" if isfinite(each.error) else ""
        table.add_row(*values, f"{each.mean:.4g}{error}", str(each.members), course_of(each.course))
    named = [("failed", tally.failures), ("refused", tally.refused)]
    failed = [
        Text(f"{what}: {words}: {why}")
        for what, settings in named
        for words, why in list(settings.items())[:NAMED_FAILURES]
    ]
    missing = tally.members - tally.done
    counts = (
        f"{tally.done} of {tally.members} members done, {tally.diverged} diverged"
        f"{f', {missing} missing' if missing else ''}"
        f"{f', {len(tally.failures)} settings failed' if tally.failures else ''}"
        f"{f', {len(tally.refused)} settings refused' if tally.refused else ''}."
    )
    show(*([table] if best else []), *failed, Text(counts))
    emit(f"Results: {archive.root}\n")


def _record(tally: Tally, best: Sequence[Leader], name: str, archive: Archive) -> dict[str, Any]:
    return {
        "sweep": tally.key,
        "folder": str(archive.root),
        "members": tally.members,
        "done": tally.done,
        "diverged": tally.diverged,
        "failures": tally.failures,
        "refused": tally.refused,
        "quantity": name,
        "best": [
            {
                "settings": {n: c[each.row].item() for n, c in archive.settings.items()},
                "mean": _number(each.mean),
                "standard_error": _number(each.error),
                "members": each.members,
            }
            for each in best
        ],
        "provenance": archive.layout.provenance,
    }


def _number(value: float) -> float | None:
    return value if isfinite(value) else None


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"
