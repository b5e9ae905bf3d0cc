"""Numbers and verdicts in words and symbols, the same on the page and in the terminal."""

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from carnotlab.core.verdicts import Agreement, Verdict
from carnotlab.studies.study import Settings, Size, Study

SYMBOLS: dict[Agreement, str] = {"agrees": "●", "disagrees": "✕", "underpowered": "?"}


def number(value: float) -> str:
    """Return a number in three significant digits.

    >>> number(0.012345), number(float("inf")), number(float("nan"))
    ('0.0123', '∞', 'not a number')
    """
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.3g}".replace("-", "−")


def interval(verdict: Verdict) -> str:
    """Return a verdict's error with its interval over seeds."""
    low, high = verdict.interval
    return f"{number(verdict.error)} [{number(low)}, {number(high)}]"


def place(verdict: Verdict) -> str:
    """Return whether a verdict is inside the theory's assumptions."""
    return "inside" if verdict.in_regime else "outside"


def outcome(verdict: Verdict) -> str:
    """Return whether a verdict is what the study expects."""
    return "✓ as expected" if verdict.as_expected else "✗ contradicts"


def expectation(verdict: Verdict) -> str:
    """Return what a study expects of a verdict, and whether it came so."""
    return f"{verdict.expected} {'✓ met' if verdict.as_expected else '✗ not met'}"


def tally(verdicts: Sequence[Verdict]) -> str:
    """Return in one sentence how many verdicts are as the studies expect."""
    against = sum(not verdict.as_expected for verdict in verdicts)
    if not against:
        return f"All {len(verdicts)} verdicts are as the studies expect."
    return f"{against} of {len(verdicts)} verdicts contradict what the studies expect."


def whole_numbers(values: Sequence[int]) -> str:
    """Return whole numbers briefly.

    >>> whole_numbers((0, 1, 2, 3)), whole_numbers((1, 5))
    ('0 to 3', '1, 5')
    """
    if len(values) > 2 and list(values) == list(range(values[0], values[-1] + 1)):
        return f"{values[0]} to {values[-1]}"
    return ", ".join(str(value) for value in values)


def command(study: Study, size: Size, settings: Settings, out: Path | None = None) -> str:
    """Return the one command that gives a result: what differs from its size's defaults is set."""
    defaults = msgspec.structs.asdict(study.defaults(size))
    values = msgspec.structs.asdict(settings)
    words = ["carnot", "run", study.name, "--size", size, "--seeds", str(settings.seeds)]
    if settings.data is not None:
        words += ["--data", settings.data]
    for name, value in values.items():
        if name not in ("seeds", "data") and value != defaults[name]:
            words += ["--set", f"{name}={setting(value)}"]
    if out is not None:
        words += ["--out", str(out)]
    return shlex.join(words)


def setting(value: Any) -> str:
    """Return a setting as it is typed after ``--set name=``.

    >>> setting((3.0, 2.0)), setting(None), setting(True)
    ('3.0,2.0', 'null', 'true')
    """
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(setting(part) for part in value)  # pyright: ignore
        case _:
            return str(value)
