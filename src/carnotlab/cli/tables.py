"""Verdicts and studies for a person at a terminal."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from carnotlab.core.verdicts import Agreement, Verdict
from carnotlab.reports.words import SYMBOLS, interval, number, outcome, place
from carnotlab.studies.study import Study, StudyResult

# Blue and yellow rather than green and red; symbols and words say the same without colour.
COLOURS: dict[Agreement, str] = {
    "agrees": "bright_blue",
    "disagrees": "yellow",
    "underpowered": "magenta",
}


TABLE_WIDTH = 120
"""Columns below which verdicts are lines rather than a table."""


def verdict_lines(verdicts: Sequence[Verdict], columns: int) -> list[Table | Text]:
    """Return one study's verdicts as a table, or as lines where there is no room for one."""
    if columns >= TABLE_WIDTH:
        return [_table(verdicts)]
    lines = [Text(verdicts[0].study, "bold")]
    for verdict in verdicts:
        lines.append(
            Text.assemble(
                "  ", _outcome(verdict), f"  {verdict.arm} ({verdict.role}): ", _agreement(verdict),
                f" {place(verdict)} the assumptions; {verdict.quantity}: "
                f"error {interval(verdict)}, tolerance {number(verdict.tolerance)}",
            )
        )  # fmt: skip
    return [*lines]


def _table(verdicts: Sequence[Verdict]) -> Table:
    table = Table(title=Text(verdicts[0].study, "bold"), title_justify="left")
    for heading in ("arm", "quantity"):
        table.add_column(heading, overflow="fold")
    for heading in ("role", "error [interval]", "tolerance", "verdict", "assumptions", "outcome"):
        table.add_column(Text(heading), no_wrap=True)
    for verdict in verdicts:
        table.add_row(
            Text(verdict.arm),
            Text(verdict.quantity),
            Text(verdict.role),
            Text(interval(verdict)),
            Text(number(verdict.tolerance)),
            _agreement(verdict),
            place(verdict),
            _outcome(verdict),
        )
    return table


def _agreement(verdict: Verdict) -> Text:
    word = verdict.agreement
    return Text(f"{SYMBOLS[word]} {word}", COLOURS[word])


def _outcome(verdict: Verdict) -> Text:
    return Text(outcome(verdict), "" if verdict.as_expected else "bold reverse")


def study_table(studies: Sequence[Study], sources: Sequence[str]) -> Table:
    """Return the studies there are as a table."""
    table = Table()
    for heading in ("study", "question", "source", "data"):
        table.add_column(heading, overflow="fold")
    for study, source in zip(studies, sources, strict=True):
        own = "; or your own with --data FILE"
        unsaid = study.takes_data and "--data" not in study.data
        data = f"{study.data}{own if unsaid else ''}"
        table.add_row(Text(study.name, "bold"), Text(study.question), Text(source), Text(data))
    return table


def remarks(result: StudyResult) -> list[Text]:
    """Return what a table cannot hold: how much was read rather than computed, what was skipped."""
    arms = result.results.values()
    kept = sum(run.cached for run in arms)
    lines = [f"{len(arms)} arms, {kept} of them read from the output folder"]
    lines += [f"not run: {words}" for words in result.skipped]
    return [Text(line) for line in lines]
