"""``carnot sweep STUDY``: a study under many settings, its verdicts in one table."""

import threading

import numpy as np
import xarray as xr
from rich.table import Table
from rich.text import Text

from carnotlab.cli import axes
from carnotlab.cli.item_progress import told
from carnotlab.cli.output import ExitCode, as_text, emit, say, show
from carnotlab.cli.sweeping import Request, settle_place
from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import require
from carnotlab.core.provenance import code_digest
from carnotlab.runs.compiled_programs import keep_compiled_programs
from carnotlab.runs.executors.base import Executor, Failed
from carnotlab.runs.executors.choosing import executor_of
from carnotlab.runs.executors.in_process import InProcess
from carnotlab.runs.store import Store
from carnotlab.runs.sweeps.settings import Settings
from carnotlab.studies.study_sweep import Point, PointWork, labelled_verdicts, points_of


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
    settle_place(request)
    settings = axes.settings_of(request.settings)
    points = points_of(request.target, request.size, settings, request.settings.asked_seeds)
    if request.dry:
        lines = [", ".join(f"{k}={v}" for k, v in each.changes) or "as it is" for each in points]
        text = "\n".join([f"{len(points)} runs of {request.target}:", *lines])
        emit(as_text({"plan": {"runs": lines}}) if request.json else f"{text}\n")
        return ExitCode.AS_EXPECTED
    store = Store(request.out / "arrays")
    store.prepare()
    failures = _compute(points, request, stop)
    if stop.is_set():
        say("stopped; whatever was finished is kept; the same command goes on")
        return ExitCode.UNFINISHED
    # The arms are in the folder now, so that judging trains nothing.
    results = {
        row: None if row in failures else point.result(request.out)
        for row, point in enumerate(points)
    }
    found = labelled_verdicts(settings, results)
    key = content_key("study sweep", points, code_digest())[:32]
    store.save(key, xr.DataTree.from_dict({"verdicts": found}))
    _print(request, settings, found, failures, key)
    if failures:
        return ExitCode.UNFINISHED
    sound = all(result.as_expected for result in results.values() if result)
    return ExitCode.AS_EXPECTED if sound else ExitCode.CONTRADICTED


def _executor(request: Request) -> Executor:
    if request.in_process:
        # One at a time: a study's own arms use the processor as they can.
        return InProcess(1, keep_compiled_programs)
    return executor_of(request.scheduler, request.jobs, keep_compiled_programs)


def _compute(points: tuple[Point, ...], request: Request, stop: threading.Event) -> dict[int, str]:
    with _executor(request) as executor:
        executor.require_shared_folder(request.out)
        outcomes = executor.run(PointWork(request.out.resolve()), points, stop)
        heard = told(outcomes, len(points), request.target, "settings", executor.where)
        return {each.index: each.reason for each in heard if isinstance(each, Failed)}


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
    emit(f"Results: {request.out / 'arrays' / key}.zarr\n")


def _plain(values: np.ndarray) -> list[list[float | None]]:
    return [[float(v) if np.isfinite(v) else None for v in row] for row in values]
