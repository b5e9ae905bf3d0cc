"""The assumptions of a study: each arm's measured values against their limits."""

import math

from carnotlab.core.assumptions import Check
from carnotlab.reports.markup import Markup, element, join, table
from carnotlab.reports.words import number
from carnotlab.studies.study import StudyResult


def assumptions(result: StudyResult) -> tuple[Markup, Markup]:
    """Return what was measured in which arm, and below it what each assumption says."""
    measured = {
        verdict.arm: {check.name: check for check in verdict.checks} for verdict in result.verdicts
    }
    meaning = {
        check.name: check.statement for verdict in result.verdicts for check in verdict.checks
    }
    rows = [
        (arm, *(_cell(checks.get(name)) for name in meaning)) for arm, checks in measured.items()
    ]
    return (
        table("Measured value against limit", ("Arm", *meaning), rows),
        table("What each assumption says", ("Assumption", "Statement"), list(meaning.items())),
    )


def _cell(check: Check | None) -> str:
    if check is None:
        return "not assumed"
    beyond = "≤" if check.holds else "against" if math.isnan(check.value) else ">"
    sign, word = ("✓", "holds") if check.holds else ("✗", "breaks")
    comparison = f"{number(check.value)} {beyond} {number(check.limit)}"
    measured = element("span", comparison, class_="number")
    return join([measured, " ", element("span", f"{sign} {word}", class_=word)])
