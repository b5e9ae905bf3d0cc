"""Verdicts and studies for a person at a terminal."""

from collections.abc import Sequence

from rich.markup import escape
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


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """Return one study's verdicts as a table."""
    table = Table(title=escape(verdicts[0].study), title_justify="left", expand=False)
    table.add_column("arm", overflow="fold")
    table.add_column("quantity", overflow="fold")
    table.add_column(Text("error [interval]"), overflow="fold")
    table.add_column("tolerance", overflow="fold")
    table.add_column("verdict", overflow="fold")
    table.add_column("assumptions", overflow="fold")
    table.add_column("outcome", overflow="fold")
    for verdict in verdicts:
        arm = f"{verdict.arm} ({verdict.role})" if verdict.role == "calibrate" else verdict.arm
        table.add_row(
            Text(arm),
            Text(verdict.quantity),
            Text(interval(verdict)),
            Text(number(verdict.tolerance)),
            Text(f"{SYMBOLS[verdict.agreement]} {verdict.agreement}", COLOURS[verdict.agreement]),
            Text(place(verdict)),
            Text(outcome(verdict), "" if verdict.as_expected else "bold reverse"),
        )
    return table


def study_table(studies: Sequence[Study], sources: Sequence[str]) -> Table:
    """Return the studies there are as a table."""
    table = Table()
    for heading in ("study", "question", "source", "data"):
        table.add_column(heading, overflow="fold")
    for study, source in zip(studies, sources, strict=True):
        data = f"{study.data}; takes --data FILE" if study.takes_data else study.data
        table.add_row(Text(study.name, "bold"), Text(study.question), Text(source), Text(data))
    return table


def remarks(result: StudyResult) -> list[Text]:
    """Return what a table cannot hold: how much was read rather than computed, what was skipped."""
    arms = result.results.values()
    kept = sum(run.cached for run in arms)
    lines = [f"{len(arms)} arms, {kept} of them read from the output folder"]
    lines += [f"not run: {words}" for words in result.skipped]
    return [Text(line) for line in lines]
