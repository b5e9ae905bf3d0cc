"""Which arrays lie in an entry, from their descriptions alone."""

import json
from pathlib import Path
from typing import Any

from carnotlab.runs.entries import ROOT, damaged
from carnotlab.runs.plain_files import plain_files

FIXED_TEXT_BYTES = 4


def quantities_in(entry: Path) -> list[dict[str, Any]]:
    """Return group, name, dimensions, shape, type, unit and meaning of each array of an entry.

    Raises:
        DamagedError: if descriptions cannot be read.
    """
    found: list[dict[str, Any]] = []
    try:
        for name in sorted(plain_files(entry).sizes):
            *groups, own, last = ("", *name.split("/"))
            if last != ROOT:
                continue
            content = json.loads((entry / name).read_bytes())
            if content["node_type"] == "array":
                found.append(_record("/".join(filter(None, groups)), own, content))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise damaged(entry, error) from error
    return found


def _record(group: str, name: str, content: dict[str, Any]) -> dict[str, Any]:
    kind, attributes = content["data_type"], content["attributes"]
    return {
        "group": group,
        "name": name,
        "dims": content.get("dimension_names") or [],
        "shape": content["shape"],
        "dtype": kind if isinstance(kind, str) else _text(kind),
        "units": attributes.get("units", ""),
        "meaning": attributes.get("long_name", ""),
    }


def _text(kind: dict[str, Any]) -> str:
    length = int(kind["configuration"]["length_bytes"]) // FIXED_TEXT_BYTES
    return f"text of {length}"
