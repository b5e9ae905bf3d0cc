"""``carnot sweep STUDY``: a study under many settings, its verdicts in one table."""

import threading
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from rich.table import Table
from rich.text import Text

from carnotlab.cli import axes
from carnotlab.cli.arms import compute_arms
from carnotlab.cli.devices import settle
from carnotlab.cli.output import ExitCode, as_text, emit, say, show
from carnotlab.cli.planning import Plan, plan
from carnotlab.cli.sweeping import Request
from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import require
from carnotlab.core.provenance import code_digest
from carnotlab.core.verdicts import Verdict
from carnotlab.runs.compiled_programs import keep_compiled_programs
from carnotlab.runs.entries import STORE
from carnotlab.runs.executors.base import Done, Failed
from carnotlab.runs.executors.in_process import InProcess
from carnotlab.runs.store import Store
from carnotlab.runs.sweeps.settings import Settings
from carnotlab.studies.study_sweep import changes_of_each, judge_kept, labelled_verdicts


def sweep_study(request: Request, stop: threading.Event) -> ExitCode:
    """Run a study under every setting asked for, and print which verdicts stand where.

    Raises:
        InputError: for what cannot be run as asked, or a folder that cannot be written.
    """
    require(
        request.data is None and request.column is None,
        f"--data with a sweep of {request.target}",
        "a study's own data",
        "use carnot replicate --data for other data sets",
    )
    require(
        request.figure is None,
        f"--figure with a sweep of {request.target}",
        "an experiment",
        "see the figures of carnot run",
    )
    settle(request.scheduler, request.jobs)
    keep_compiled_programs()
    settings = axes.settings_of(request.settings)
    changes = changes_of_each(settings, request.settings.asked_seeds)
    plans = [
        found
        for each in changes
        for found in plan([request.target], request.size, each, request.out)
    ]
    if request.dry:
        lines = [", ".join(f"{k}={v}" for k, v in each.items()) or "as it is" for each in changes]
        text = "\n".join([f"{len(lines)} runs of {request.target}:", *lines])
        emit(as_text({"plan": {"runs": lines}}) if request.json else f"{text}\n")
        return ExitCode.AS_EXPECTED
    store = Store(request.out / STORE)
    store.prepare()
    failed = compute_arms(plans, request.out, request.scheduler, request.jobs, stop)
    verdicts, failures = _judge(plans, failed, stop)
    if stop.is_set():
        say("stopped; whatever was finished is kept; the same command goes on")
        return ExitCode.UNFINISHED
    found = labelled_verdicts(settings, verdicts)
    keys = [(each, list(plan.keys.values())) for each, plan in zip(changes, plans, strict=True)]
    key = content_key("study sweep", request.target, request.size, keys, code_digest())[:32]
    store.save(key, xr.DataTree.from_dict({"verdicts": found}))
    _print(request, settings, found, failures, key)
    if failures:
        return ExitCode.UNFINISHED
    sound = all(verdict.as_expected for each in verdicts.values() for verdict in each)
    return ExitCode.AS_EXPECTED if sound else ExitCode.CONTRADICTED


def _judge(
    plans: Sequence[Plan], failed: Mapping[str, str], stop: threading.Event
) -> tuple[dict[int, tuple[Verdict, ...]], dict[int, str]]:
    """Return verdicts by row, and why rows have none, given why arms failed by their keys."""
    verdicts: dict[int, tuple[Verdict, ...]] = {}
    failures: dict[int, str] = {}
    for row, each in enumerate(plans):
        reasons = [failed[key] for key in each.keys.values() if key in failed]
        if reasons:
            failures[row] = reasons[0]
    rows = [row for row in range(len(plans)) if row not in failures]
    for outcome in InProcess(1).run(_verdicts, [plans[row] for row in rows], stop):
        match outcome:
            case Done(index, found):
                verdicts[rows[index]] = found
            case Failed(index, reason):
                failures[rows[index]] = reason
    return verdicts, failures


def _verdicts(plan: Plan) -> tuple[Verdict, ...]:
    return judge_kept(plan.study, plan.settings, plan.store)


def _print(
    request: Request,
    settings: Settings,
    found: xr.Dataset,
    failures: dict[int, str],
    key: str,
) -> None:
    size = found.sizes["judgement"]
    expected = found["as_expected"].values.reshape(len(settings), size)
    errors = found["error"].values.reshape(len(settings), size)
    names = [str(name) for name in found["judgement"].values]
    if request.json:
        emit(
            as_text(
                {
                    "study": request.target,
                    "entry": key,
                    "settings": [settings.row(row) for row in range(len(settings))],
                    "judgements": names,
                    "as_expected": _plain(expected),
                    "error": _plain(errors),
                    "failures": {str(row): why for row, why in failures.items()},
                }
            )
        )
        return
    table = Table(*settings.names, "as expected", "not as expected")
    for row in range(len(settings)):
        judged = np.isfinite(expected[row])
        against = [names[at] for at in np.flatnonzero(judged & (expected[row] == 0))]
        table.add_row(
            *[str(value) for value in settings.rows[row]],
            f"{int(np.nansum(expected[row]))} of {int(judged.sum())}",
            failures.get(row) or "; ".join(against),
        )
    kept = int(np.nansum(expected)), int(np.isfinite(expected).sum())
    show(table, Text(f"{kept[0]} of {kept[1]} verdicts are as {request.target} expects."))
    emit(f"Results: {request.out / STORE / key}.zarr\n")


def _plain(values: np.ndarray) -> list[list[float | None]]:
    return [[float(v) if np.isfinite(v) else None for v in row] for row in values]
