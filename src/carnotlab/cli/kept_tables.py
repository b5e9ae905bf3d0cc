"""What a folder holds, for a person at a terminal."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from carnotlab.runs.folder.contents import Contents
from carnotlab.runs.folder.held import Held
from carnotlab.runs.folder.studies import differing

KILO = 1000.0
UNITS = ("kB", "MB", "GB", "TB")
SHOWN_SETTINGS = 6
CODES = {"same": "this code", "other": "other code", "mixed": "this and other", "unknown": "?"}


def listing(contents: Contents) -> Table:
    """Return a row for each thing in a folder, with the settings in which a study's runs differ."""
    table = Table()
    table.add_column("ID", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("settings that differ", overflow="fold")
    table.add_column("size", no_wrap=True, justify="right")
    for heading in ("done", "state", "code"):
        table.add_column(heading, no_wrap=True)
    unlike = differing(contents.studies)
    for _, held in contents.rows:
        is_study = held.kind == "study"
        table.add_row(
            Text(short_id(held, contents), "bold"),
            plain(held.title),
            plain(_settings(unlike[held.name] if is_study else held.settings)),
            Text(bytes_in_words(held.size)),
            Text(_done(held)),
            Text(held.state, "" if held.state == "whole" else "bold reverse"),
            Text(CODES[held.code]),
        )
    return table


def short_id(held: Held, contents: Contents) -> str:
    """Return a beginning of a thing's key that stands for it alone."""
    others = {e.key for _, e in contents.held} | {e.key for e in contents.entries}
    for length in range(8, len(held.key)):
        if sum(key.startswith(held.key[:length]) for key in others) == 1:
            return held.key[:length]
    return held.key


def shown(held: Held, details: Mapping[str, Any]) -> list[Any]:
    """Return one thing with its settings, provenance, and what its arrays are."""
    lines = [
        Text.assemble((held.name, "bold"), f"  {held.title}"),
        Text(f"  folder: {held.path}"),
        Text(f"  {held.state}, {_done(held)}, {bytes_in_words(held.size)}, {CODES[held.code]}"),
    ]
    if held.note:
        lines.append(plain(f"  {held.note}"))
    for heading, values in (
        ("settings", held.settings),
        ("provenance", _flat(details.get("provenance") or {})),
        ("written by", details.get("origin") or {}),
    ):
        if values:
            lines += [Text(heading), *(plain(f"  {k} = {v}") for k, v in values.items())]
    if "format" in details:
        lines.append(Text(f"format of the entry: {details['format']}"))
    things: list[Any] = [*lines]
    arms = details.get("arms", ())
    things += [plain(f"{arm['arm']}: {arm['state']}, {arm['key']}") for arm in arms]
    records = [each for arm in arms for each in arm["quantities"]]
    if records:
        things.append(_quantities(records))
    things += [plain(f"not run: {words}") for words in details.get("skipped", ())]
    if details.get("quantities"):
        things.append(_quantities(details["quantities"]))
    return things


def removal_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Return what goes or would go, why, and what that frees."""
    table = Table()
    table.add_column("ID", overflow="fold")
    for heading in ("kind", "reason"):
        table.add_column(heading, no_wrap=True)
    table.add_column("size", no_wrap=True, justify="right")
    for each in records:
        why = f": {each['why']}" if each["why"] else ""
        table.add_row(
            plain(each["id"]),
            plain(each["kind"]),
            plain(f"{each['reason']}{why}"),
            Text(bytes_in_words(each["bytes"])),
        )
    return table


def bytes_in_words(size: float) -> str:
    """Return a number of bytes for a person, in decimal units.

    >>> bytes_in_words(999), bytes_in_words(12_345), bytes_in_words(3e9)
    ('999 B', '12.3 kB', '3.0 GB')
    """
    if size < KILO:
        return f"{size:.0f} B"
    power = min(int(math.log10(size)) // 3, len(UNITS))
    return f"{size / KILO**power:.1f} {UNITS[power - 1]}"


def plain(text: Any, style: str = "") -> Text:
    r"""Return text that may come from anyone, with what would steer a terminal made visible.

    >>> str(plain("a\x1b[2J"))
    'a\ufffd[2J'
    """
    return Text("".join(c if c.isprintable() else "\ufffd" for c in str(text)), style)


def _quantities(records: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row for each array, over all arms that have it."""
    table = Table()
    for heading in ("array", "dimensions", "type", "unit", "meaning"):
        table.add_column(heading, overflow="fold")
    alike: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for each in records:
        name = "/".join(filter(None, (each["group"], each["name"])))
        alike.setdefault((name, *each["dims"]), []).append(each)
    for (name, *dims), same in alike.items():
        sizes = zip(*(each["shape"] for each in same), strict=True)
        named = dims or [""] * len(same[0]["shape"])
        words = [f"{d} {_range(s)}".strip() for d, s in zip(named, sizes, strict=True)]
        first = same[0]
        types = ", ".join(dict.fromkeys(str(each["dtype"]) for each in same))
        if first["dtype"].startswith("text"):
            types = "text"
        cells = (name, ", ".join(words) or "-", types, first["units"], first["meaning"])
        table.add_row(*map(plain, cells))
    return table


def _range(sizes: Sequence[int]) -> str:
    low, high = min(sizes), max(sizes)
    return str(low) if low == high else f"{low} to {high}"


def _settings(values: Mapping[str, Any]) -> str:
    words = [f"{name}={_value(value)}" for name, value in values.items()]
    more = f" and {len(words) - SHOWN_SETTINGS} more" if len(words) > SHOWN_SETTINGS else ""
    return " ".join(words[:SHOWN_SETTINGS]) + more


def _value(value: Any) -> str:
    return ",".join(map(_value, value)) if isinstance(value, list) else str(value)


def _done(held: Held) -> str:
    return f"{held.done} of {held.total} {held.counted}" if held.kind == "study" else (
        f"{held.total} {held.counted}" if held.total != 1 else "-"
    )  # fmt: skip


def _flat(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in provenance.items() if name != "settings"}
