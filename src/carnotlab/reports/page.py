"""One page over one or several study results, complete in itself: it loads nothing."""

from collections.abc import Sequence
from pathlib import Path

from carnotlab.core.verdicts import Agreement, Verdict
from carnotlab.reports.figures import Exhibit
from carnotlab.reports.gauge import gauge
from carnotlab.reports.markup import Markup, breakable, element, grouped_table, join, verbatim
from carnotlab.reports.section import anchor, section
from carnotlab.reports.words import SYMBOLS, expectation, interval, number, place, tally
from carnotlab.studies.study import StudyResult

STYLE = Path(__file__).with_name("report.css")

# A browser that honours it refuses every request, whatever a name or message may contain.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

HEADINGS = (
    "Arm", "Role", "Quantity", "Error [95 % interval]", "Tolerance", "Agreement", "Expected",
    "Assumptions",
)  # fmt: skip


def page(shown: Sequence[Exhibit]) -> str:
    """Return the whole page as HTML text."""
    results = [each.result for each in shown]
    verdicts = [verdict for result in results for verdict in result.verdicts]
    sound = all(verdict.as_expected for verdict in verdicts)
    body = element(
        "main",
        element("h1", "Theory against experiment"),
        element("p", tally(verdicts), class_="tally sound" if sound else "tally contrary"),
        *_how_to_read(),
        element("h2", "Verdicts"),
        grouped_table("Every verdict", HEADINGS, map(_group, results)),
        *(section(each) for each in shown),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"Carnot: {', '.join(dict.fromkeys(r.study.name for r in results))}"),
        element("style", verbatim(STYLE.read_text(encoding="utf-8"))),
    )
    return f"<!doctype html>\n{element('html', head, element('body', body), lang='en')}\n"


def badge(agreement: Agreement) -> Markup:
    """Return an agreement as symbol, word and colour."""
    symbol = element("span", SYMBOLS[agreement], aria_hidden="true")
    return element("span", symbol, " ", agreement, class_=f"badge {agreement}")


def _group(result: StudyResult) -> tuple[str, list[tuple[str, ...]]]:
    link = element("a", result.study.name, href=f"#{anchor(result)}")
    return link, [_row(verdict) for verdict in result.verdicts]


def _row(verdict: Verdict) -> tuple[str, ...]:
    met = "met" if verdict.as_expected else "unmet"
    return (
        verdict.arm,
        verdict.role,
        breakable(verdict.quantity),
        join([element("span", interval(verdict), class_="number"), gauge(verdict)]),
        element("span", number(verdict.tolerance), class_="number"),
        badge(verdict.agreement),
        element("span", expectation(verdict), class_=f"expectation {met}"),
        place(verdict),
    )


def _how_to_read() -> tuple[Markup, ...]:
    return (
        element("h2", "How to read this"),
        element(
            "p",
            "Theory predicted, networks were trained, and a verdict holds the error between the "
            "two against a tolerance that was argued for beforehand. The error comes with an "
            "interval over seeds, the random starts of training: it ",
            element("strong", "agrees"),
            " if the whole interval is within the tolerance, ",
            element("strong", "disagrees"),
            " if the whole interval is beyond it, and is ",
            element("strong", "underpowered"),
            " otherwise: more seeds would tell. Whether the experiment was ",
            element("strong", "inside or outside the theory's assumptions"),
            " is a separate question, measured for every arm. Disagreeing inside them is the loud "
            "case, agreeing outside them a finding. Control arms break an assumption on purpose "
            "and must disagree: they show that the tolerance can tell right from wrong. In the "
            "small drawings the upright line is the tolerance, the bar the interval, on a "
            "logarithmic scale; left of the line is agreement.",
        ),
    )
