"""What ``--json`` prints: one object with the keys that scripts rely on."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from carnotlab.studies.study import StudyResult

VERDICT_KEYS = (
    "study", "arm", "role", "quantity", "agreement", "expected", "error", "interval", "tolerance",
    "in_regime", "checks", "seconds",
)  # fmt: skip
CHECK_KEYS = ("name", "value", "limit", "holds")


def results_record(results: Sequence[StudyResult]) -> dict[str, Any]:
    """Return the verdicts of all studies, one provenance, and what was skipped.

    Version, commit, JAX and device are those of the process. ``seeds`` and ``precision`` cover all
    studies; ``settings`` holds each study's own under its name.
    """
    origins = [result.provenance for result in results]
    first = origins[0]
    return {
        "verdicts": [
            _verdict(verdict.to_dict()) for result in results for verdict in result.verdicts
        ],
        "provenance": {
            "version": first.version,
            "commit": first.commit,
            "jax": first.jax,
            "device": first.device,
            "seeds": sorted({seed for origin in origins for seed in origin.seeds}),
            "precision": ", ".join(sorted({origin.precision for origin in origins})),
            "settings": {result.study.name: result.provenance.settings for result in results},
        },
        "skipped": [f"{each.study.name}: {words}" for each in results for words in each.skipped],
    }


def as_text(record: Mapping[str, Any]) -> str:
    """Return a record as one JSON object and a line break."""
    return json.dumps(record, indent=2, allow_nan=False) + "\n"


def _verdict(record: Mapping[str, Any]) -> dict[str, Any]:
    checks = [{key: check[key] for key in CHECK_KEYS} for check in record["checks"]]
    return {key: record[key] for key in VERDICT_KEYS} | {"checks": checks}
