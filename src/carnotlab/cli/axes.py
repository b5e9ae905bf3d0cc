"""``lr=0.1,0.3 width=32..1024:log6 seeds=20``: the settings of a sweep as they are written."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from carnotlab.core.errors import InputError, require
from carnotlab.runs.sweeps.settings import Range, Settings, Value, grid, listed, sampled

HOW = "write it as in lr=0.1,0.3 width=32..1024:log6 depth=1..4 decay=0..1:5"
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
RANGE = re.compile(rf"({NUMBER})\.\.({NUMBER})(?::(log|lin)?(\d+)?)?")

SEEDS = 4
"""Seeds of an experiment, unless asked for others."""

MOST_SEEDS = 1_000_000
LARGEST_LIST = 64 * 2**20
"""Bytes of a file of settings beyond which it is taken for a slip."""


@dataclass(frozen=True)
class Request:
    """Settings and seeds as they were asked for; ``samples`` draws settings instead of a grid.

    ``asked_seeds`` is None where none were, so that there are as many as usual.
    """

    axes: Mapping[str, str]
    asked_seeds: int | None
    samples: int | None = None
    sample_seed: int = 0
    table: Path | None = None

    @property
    def seeds(self) -> int:
        """How many seeds an experiment has."""
        return SEEDS if self.asked_seeds is None else self.asked_seeds


def request_of(
    words: Sequence[str],
    samples: int | None = None,
    sample_seed: int = 0,
    table: Path | None = None,
) -> Request:
    """Read ``key=values`` words; ``seeds=N`` among them counts seeds.

    Raises:
        InputError: for a word without ``=``, a setting given twice, or a number of seeds that is
            none.

    >>> request_of(["lr=0.1,0.3", "seeds=20"]).seeds, request_of(["lr=0.1"]).seeds
    (20, 4)
    """
    axes: dict[str, str] = {}
    seeds: int | None = None
    for word in words:
        name, equals, values = word.partition("=")
        name = name.strip()
        require(equals == "=" and name != "" and values.strip() != "", word, "key=values", HOW)
        require(name not in axes, f"setting '{name}' twice", "each once", "leave one out")
        axes[name] = values.strip()
    if "seeds" in axes:
        text = axes.pop("seeds")
        require(
            re.fullmatch(r"[0-9]{1,7}", text) is not None and 1 <= int(text) <= MOST_SEEDS,
            f"seeds={text}",
            f"a whole number from 1 to {MOST_SEEDS}",
            "write seeds=20",
        )
        seeds = int(text)
    require(
        table is None or (not axes and samples is None),
        f"a list of settings {table} and more settings",
        "all settings in the list",
        "add columns to the file, or leave --settings out",
    )
    return Request(axes, seeds, samples, sample_seed, table)


def settings_of(request: Request) -> Settings:
    """Return the table of settings that was asked for.

    Raises:
        InputError: for values that cannot be read.

    >>> settings_of(request_of(["width=32..1024:log6"])).axes()
    {'width': [32, 64, 128, 256, 512, 1024]}
    """
    if request.table is not None:
        return listed(_rows(request.table))
    if request.samples is not None:
        ranges = {name: _range_or_values(name, text) for name, text in request.axes.items()}
        return sampled(request.samples, request.sample_seed, **ranges)
    return grid(**{name: _values(name, text) for name, text in request.axes.items()})


def value_of(text: str) -> Value:
    """Return a number, a truth value or a word.

    >>> [value_of(text) for text in ("3", "3.0", "1e-3", "true", "relu")]
    [3, 3.0, 0.001, True, 'relu']
    """
    text = text.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        whole = int(text)
        if abs(whole) < 2**63:  # what a column of whole numbers holds
            return whole
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _values(name: str, text: str) -> list[Value]:
    given = f"{name}={text}"
    if ".." in text:
        return _between(given, text)
    parts = text.split(",")
    require(all(part.strip() for part in parts), given, "values with commas between them", HOW)
    return [value_of(part) for part in parts]


def _between(given: str, text: str) -> list[Value]:
    low, high, scale, count = _parsed(given, text)
    whole = isinstance(low, int) and isinstance(high, int)
    if count is None:
        require(
            whole and scale is None,
            given,
            "how many values, unless all whole numbers are meant",
            f"write {given.split(':')[0]}:{scale or ''}5",
        )
        require(high - low < 100_000, given, "at most 100000 values", "write their number, as :9")
        return list(range(int(low), int(high) + 1))
    require(2 <= count <= 100_000, given, "from 2 to 100000 values", "change the number at the end")
    require(scale != "log" or low > 0, given, "ends above 0 for :log", "write :lin")
    spaced = (np.geomspace if scale == "log" else np.linspace)(low, high, count).tolist()
    if whole:
        return list(dict.fromkeys(round(value) for value in spaced))
    # Twelve digits: 0.1 is what 0.1..1:10 begins with, not 0.09999999999999999.
    return [float(f"{value:.12g}") for value in spaced]


def _range_or_values(name: str, text: str) -> Range | list[Value]:
    if ".." not in text:
        return _values(name, text)
    given = f"{name}={text}"
    low, high, scale, count = _parsed(given, text)
    if count is not None:
        return _values(name, text)
    return Range(low, high, "log" if scale == "log" else "linear")


def _parsed(given: str, text: str) -> tuple[float, float, str | None, int | None]:
    found = RANGE.fullmatch(text.replace(" ", ""))
    if found is None:
        raise InputError(given, "a range such as 32..1024:log6 or 1..4", HOW)
    low, high = (value_of(found[at]) for at in (1, 2))
    assert not isinstance(low, str)
    assert not isinstance(high, str)
    require(low < high, given, "the lower end first", "swap the ends")
    return low, high, found[3], None if found[4] is None else int(found[4])


def _rows(table: Path) -> list[dict[str, Value]]:
    try:
        require(
            table.stat().st_size <= LARGEST_LIST,
            f"{table} of {table.stat().st_size} bytes",
            f"at most {LARGEST_LIST}",
            "give ranges and --sample",
        )
        with table.open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in csv.reader(file, strict=True) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{table} ({error})", "a CSV file of settings with a header", "check path and format"
        ) from error
    require(len(lines) > 1, f"{table} without settings", "a header and a row", "add rows")
    header = [name.strip() for name in lines[0]]
    for name in header:
        once = header.count(name) == 1
        require(once, f"column '{name}' of {table} twice", "each once", "drop one")
    for number, line in enumerate(lines[1:], start=2):
        require(
            len(line) == len(header) and all(cell.strip() for cell in line),
            f"line {number} of {table} with {len(line)} values",
            f"one for each of {', '.join(header)}",
            "fill the gaps",
        )
    return [dict(zip(header, map(value_of, line), strict=True)) for line in lines[1:]]
