"""What one study found, as one section of the page."""

from collections.abc import Iterator

import msgspec

from carnotlab.core.descriptions import Plain
from carnotlab.core.errors import InputError
from carnotlab.core.provenance import code_digest
from carnotlab.core.references import reference
from carnotlab.reports.assumptions import assumptions
from carnotlab.reports.figures import Exhibit, data_uri
from carnotlab.reports.markup import Markup, breakable, element, join, scrolling, table
from carnotlab.reports.words import command, number, setting, whole_numbers
from carnotlab.studies.linear_baselines import words_of
from carnotlab.studies.running import study_key
from carnotlab.studies.study import StudyResult


def anchor(result: StudyResult) -> str:
    """Return the name of a result's section, and of its folder."""
    key = study_key(result.study, result.size, result.settings)
    return f"{result.study.name}-{key}"


def section(shown: Exhibit) -> Markup:
    """Return question, message, figure, tolerances, assumptions and origin of one result."""
    result = shown.result
    return element(
        "section",
        element("h2", result.study.name),
        element("p", result.study.question, class_="question"),
        element("p", result.study.message),
        _figure(shown),
        *_skipped(result),
        *_baselines(result),
        element("h3", "Tolerances"),
        table("Why each tolerance is as wide as it is", TOLERANCE_HEADINGS, _tolerances(result)),
        element("h3", "Assumptions"),
        *assumptions(result),
        element("h3", "To reproduce"),
        element(
            "pre",
            element("code", command(result.study, result.size, result.settings)),
            tabindex="0",
        ),
        *_references(result),
        element("h3", "Provenance"),
        *_other_code(result),
        table("Which program, machine and settings", ("What", "Value"), _provenance(result)),
        id=anchor(result),
    )


BASELINE_HEADINGS = (
    "Data", "Samples + held out", "Error", "Ridge", "Logistic", "Networks", "Best arm",
)  # fmt: skip
TOLERANCE_HEADINGS = ("Quantity", "Tolerance", "Argument")


def _figure(shown: Exhibit) -> Markup:
    # Two images and a style rule rather than <picture>: browsers choose its source once, so that a
    # page read in the dark would be printed dark.
    study = shown.result.study
    drawings = {"light": shown.light["svg"], "dark": shown.dark}
    images = [
        element("img", src=data_uri(svg), alt=study.message, class_=f"on-{theme}")
        for theme, svg in drawings.items()
    ]
    return element("figure", scrolling(join(images), f"figure of {study.name}"))


def _skipped(result: StudyResult) -> tuple[Markup, ...]:
    if not result.skipped:
        return ()
    return (
        element("h3", "Not run"),
        element("ul", *(element("li", words) for words in result.skipped)),
    )


def _baselines(result: StudyResult) -> Iterator[Markup]:
    if result.baselines:
        rows = [words_of(row) for row in result.baselines]
        caption = "Errors on held-out samples, beside those of regularized linear models"
        yield element("h3", "Linear baseline")
        yield table(caption, BASELINE_HEADINGS, rows)


def _tolerances(result: StudyResult) -> list[tuple[str, ...]]:
    seen = dict.fromkeys((v.quantity, v.tolerance, v.why) for v in result.verdicts)
    return [(breakable(name), number(error), why) for name, error, why in seen]


def _references(result: StudyResult) -> Iterator[Markup]:
    if result.study.source:
        yield element("h3", "References")
        yield element("ul", *(element("li", *_reference(key)) for key in result.study.source))


def _reference(key: str) -> Iterator[str]:
    try:
        entry = reference(key)
    except InputError:
        yield key
        return
    yield str(entry)
    if entry.url.startswith(("https://", "http://")):
        yield " "
        yield element("a", entry.url, href=entry.url, rel="noreferrer")


def _other_code(result: StudyResult) -> Iterator[Markup]:
    if result.provenance.code != code_digest():
        yield element(
            "p",
            "The arrays were computed by other code than the present one, which judged them.",
            class_="remark",
        )


def _provenance(result: StudyResult) -> list[tuple[str, ...]]:
    origin = result.provenance
    settings = msgspec.structs.asdict(result.settings)
    seconds = sum(run.seconds for run in result.results.values())
    return [
        ("Carnot", origin.version),
        ("commit", origin.commit or "not a source checkout"),
        ("computing code", origin.code[:12]),
        ("JAX", origin.jax),
        ("NumPy", origin.numpy),
        ("Python", origin.python),
        ("device", origin.device),
        ("platform", origin.platform),
        ("seeds", whole_numbers(origin.seeds)),
        ("precision", origin.precision),
        ("size", result.size),
        *((f"setting {name}", _plain(value)) for name, value in settings.items()),
        ("computing time", f"{number(seconds)} s"),
    ]


def _plain(value: Plain) -> str:
    return "none" if value is None else setting(value)
