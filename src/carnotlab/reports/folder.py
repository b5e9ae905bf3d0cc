"""A study's folder: settings before the run; verdicts, provenance and figures after it."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec
from rich.console import Console

from carnotlab.core.descriptions import describe
from carnotlab.core.errors import require
from carnotlab.reports.figures import Exhibit, exhibit
from carnotlab.reports.page import page
from carnotlab.reports.section import anchor
from carnotlab.runs.atomic import appearing, clear_leftovers, write_json, write_text
from carnotlab.runs.entries import STORE
from carnotlab.studies.linear_baselines import baseline_table
from carnotlab.studies.running import study_key
from carnotlab.studies.study import Settings, Size, Study, StudyResult

PAGE = "report.html"
BASELINES = "linear_baselines.json"
TABLE_WIDTH = 160
"""Columns of the tables that a study writes beside its verdicts."""


def folder_of(out: Path, study: Study, size: Size, settings: Settings) -> Path:
    """Return where a study with some settings is kept inside an output folder."""
    return out / f"{study.name}-{study_key(study, size, settings)}"


def store_of(folder: Path) -> Path:
    """Return the store beside a study's folder."""
    return folder.parent / STORE


def write_settings(
    study: Study,
    size: Size,
    settings: Settings,
    keys: Mapping[str, str],
    skipped: Sequence[str],
    folder: Path,
) -> None:
    """Write what was asked for: enough to find the arrays, or to say how to compute them.

    Raises:
        InputError: if the folder cannot be written.
    """
    clear_leftovers(folder.parent)
    clear_leftovers(folder)
    record = {
        "study": study.name,
        "size": size,
        "settings": describe(msgspec.structs.asdict(settings)),
        "arms": [{"arm": label, "key": key} for label, key in keys.items()],
        "skipped": list(skipped),
    }
    write_json(folder / "settings.json", record)


def write_results(result: StudyResult, folder: Path) -> Exhibit:
    """Write everything about a result but its arrays: records, figures and a page of its own.

    Every file appears whole or not at all. The result is returned with its figure drawn.

    Raises:
        InputError: if the folder cannot be written or its disk is full.
    """
    write_settings(result.study, result.size, result.settings, result.keys, result.skipped, folder)
    write_json(folder / "verdicts.json", [verdict.to_dict() for verdict in result.verdicts])
    write_json(folder / "provenance.json", result.provenance.to_dict())
    if result.baselines:
        write_json(folder / BASELINES, [row.to_dict() for row in result.baselines])
    tables = (*result.study.tables(result), *baseline_table(result.baselines))
    if tables:
        paper = Console(file=io.StringIO(), width=TABLE_WIDTH)
        paper.print(*tables, sep="\n")
        write_text(folder / "tables.txt", cast("io.StringIO", paper.file).getvalue())
    shown = exhibit(result)
    for kind, content in shown.light.items():
        with appearing(folder / "figures" / f"{result.study.name}.{kind}") as temporary:
            temporary.write_bytes(content)
    write_page([shown], folder / PAGE)
    return shown


def write_page(shown: Sequence[Exhibit], target: Path) -> None:
    """Write one page over several results.

    Raises:
        InputError: for no results, one result twice, or a folder that cannot be written.
    """
    names = [anchor(each.result) for each in shown]
    require(
        0 < len(set(names)) == len(names),
        f"results {names} for one page",
        "at least one, none twice",
        "leave the repetition out",
    )
    write_text(target, page(shown))
