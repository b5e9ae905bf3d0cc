"""What ``--json`` prints: one object with the keys that scripts rely on."""

from collections.abc import Mapping, Sequence
from typing import Any

from carnotlab.studies.study import StudyResult

VERDICT_KEYS = (
    "study", "arm", "role", "quantity", "agreement", "expected", "error", "interval", "tolerance",
    "in_regime", "checks", "seconds",
)  # fmt: skip
CHECK_KEYS = ("name", "value", "limit", "holds")


def results_record(results: Sequence[StudyResult]) -> dict[str, Any]:
    """Return the verdicts of all studies, one provenance, what was skipped, linear baselines.

    ``settings`` of the provenance holds each study's own under its name.
    """
    settings = {result.study.name: result.provenance.settings for result in results}
    return {
        "verdicts": [
            verdict_record(verdict.to_dict()) for result in results for verdict in result.verdicts
        ],
        "provenance": {**provenance_record(results), "settings": settings},
        "skipped": [f"{each.study.name}: {words}" for each in results for words in each.skipped],
        "linear_baselines": [
            {"study": each.study.name, **row.to_dict()}
            for each in results
            for row in each.baselines
        ],
    }


def provenance_record(results: Sequence[StudyResult]) -> dict[str, Any]:
    """Return what several results have in common: the process, and all seeds and precisions.

    Version, commit, JAX and device are those of the process.
    """
    origins = [result.provenance for result in results]
    first = origins[0]
    return {
        "version": first.version,
        "commit": first.commit,
        "jax": first.jax,
        "device": first.device,
        "seeds": sorted({seed for origin in origins for seed in origin.seeds}),
        "precision": ", ".join(sorted({origin.precision for origin in origins})),
    }


def verdict_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a verdict with the keys that scripts rely on, and no others."""
    checks = [{key: check[key] for key in CHECK_KEYS} for check in record["checks"]]
    return {key: record[key] for key in VERDICT_KEYS} | {"checks": checks}
