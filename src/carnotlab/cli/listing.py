"""``carnot list``: which studies there are."""

from carnotlab.cli.output import ExitCode, as_text, emit, show
from carnotlab.cli.tables import study_table
from carnotlab.core.references import Reference, reference
from carnotlab.studies import catalogue
from carnotlab.studies.study import Study


def list_studies(*, json: bool) -> ExitCode:
    """Print every study with its question, where it comes from, and what data it uses."""
    studies = catalogue.STUDIES
    if json:
        emit(as_text({"studies": [_record(study) for study in studies]}))
    else:
        show(study_table(studies, [_short_source(study) for study in studies]))
    return ExitCode.AS_EXPECTED


def _record(study: Study) -> dict[str, str]:
    return {
        "study": study.name,
        "question": study.question,
        "source": _source(study),
        "data": study.data,
    }


def _source(study: Study) -> str:
    return " ".join(str(reference(key)) for key in study.source)


def _short_source(study: Study) -> str:
    return "; ".join(_short(reference(key)) for key in study.source)


def _short(entry: Reference) -> str:
    names = [author.split(",")[0].strip() for author in entry.author.split(";")]
    who = f"{names[0]} et al." if len(names) > 2 else " & ".join(names)
    return f"{who} {entry.year}"
