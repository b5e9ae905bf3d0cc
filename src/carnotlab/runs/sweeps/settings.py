"""The settings of a sweep: a grid, a list, or a sample of ranges."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from carnotlab.core.errors import InputError, require

Value: TypeAlias = bool | int | float | str
Row: TypeAlias = tuple[Value, ...]

MOST = 10_000_000
"""Settings beyond which a grid is taken for a slip: their table alone would fill the memory."""


RESERVED = frozenset(
    [
        "seed",
        "seeds",
        "time",
        "setting",
        "member",
        "finished",
        "judgement",
        "diverged_at",
        "stopped_at",
    ]
)
"""Names of dimensions that results have anyway."""


@dataclass(frozen=True)
class Settings:
    """A table of settings: ``names`` of its columns, one row a setting, none twice.

    ``shape`` is that of the grid, one axis a name, rows in C order; None for lists and samples.
    Make it by `grid`, `listed` or `sampled`.

    Raises:
        InputError: for no rows, repeated rows, names that are no identifiers, or values that are
            no finite numbers, words or truth values.
    """

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name in self.names:
            require(
                name.isidentifier() and name not in RESERVED,
                f"a setting named '{name}'",
                f"a name of letters, digits and _ other than {', '.join(sorted(RESERVED))}",
                "rename it",
            )
        require(len(self.rows) > 0, "no settings", "at least one", "give each a value")
        require(
            all(len(row) == len(self.names) for row in self.rows),
            "rows of different lengths",
            f"a value for each of {', '.join(self.names)}",
            "fill the gaps",
        )
        for name, column in zip(self.names, zip(*self.rows, strict=True), strict=True):
            _require_values(name, column)
        require(
            len(set(self.rows)) == len(self.rows),
            "a setting twice",
            "each once",
            "drop repetitions",
        )

    def __len__(self) -> int:
        """How many settings."""
        return len(self.rows)

    def row(self, index: int) -> dict[str, Value]:
        """Return one setting by name.

        >>> grid(lr=(0.1, 0.3), width=(8, 16)).row(1)
        {'lr': 0.1, 'width': 16}
        """
        return dict(zip(self.names, self.rows[index], strict=True))

    def column(self, name: str) -> np.ndarray[Any, Any]:
        """Return the values of one setting, in order of rows."""
        at = self.names.index(name)
        return np.array([row[at] for row in self.rows])

    def axes(self) -> dict[str, list[Value]]:
        """Return the values of each name in order of their first use.

        >>> grid(lr=(0.1, 0.3), width=(8, 16)).axes()
        {'lr': [0.1, 0.3], 'width': [8, 16]}
        """
        columns = zip(*self.rows, strict=True)
        return {name: list(dict.fromkeys(c)) for name, c in zip(self.names, columns, strict=True)}


def grid(**axes: Iterable[Value]) -> Settings:
    """Return all combinations of some values, the last name changing fastest.

    >>> grid(lr=(0.1, 0.3), width=(8, 16, 32)).shape
    (2, 3)
    """
    values = {name: tuple(dict.fromkeys(each)) for name, each in axes.items()}
    shape = tuple(map(len, values.values()))
    require(
        0 < math.prod(shape) <= MOST,
        f"a grid of {' x '.join(map(str, shape))} settings",
        f"from 1 to {MOST}",
        "give every name a value, or sample the ranges",
    )
    return Settings(tuple(values), tuple(itertools.product(*values.values())), shape)


def listed(rows: Sequence[Mapping[str, Value]]) -> Settings:
    """Return settings listed one by one, all of the same names.

    >>> len(listed([{"lr": 0.1, "width": 8}, {"lr": 0.3, "width": 64}]))
    2
    """
    require(len(rows) > 0, "an empty list of settings", "at least one", "add a row")
    names = tuple(rows[0])
    for each in rows:
        require(
            set(each) == set(names),
            f"a setting of {', '.join(each)} among settings of {', '.join(names)}",
            "the same names in all",
            "fill the gaps",
        )
    return Settings(names, tuple(tuple(each[name] for name in names) for each in rows))


@dataclass(frozen=True)
class Range:
    """Numbers between two ends, drawn evenly (``linear``) or evenly in their logarithm (``log``).

    Whole ends make whole numbers, both ends included.
    """

    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"

    def __post_init__(self) -> None:
        require(
            math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high,
            f"a range from {self.low} to {self.high}",
            "finite ends, the lower first",
            "swap them",
        )
        require(
            self.scale == "linear" or self.low > 0,
            f"a logarithmic range from {self.low}",
            "ends above 0",
            "use a linear one",
        )

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def between(self, part: float) -> Value:
        """Return the number at a part from 0 to 1 of the way.

        >>> Range(1, 100, "log").between(0.5), Range(0.0, 4.0).between(0.25)
        (10, 1.0)
        """
        high = self.high + 1 if self.whole else self.high
        if self.scale == "log":
            found = self.low * (high / self.low) ** part
        else:
            found = self.low + (high - self.low) * part
        return min(math.floor(found), int(self.high)) if self.whole else float(found)


def sampled(count: int, seed: int = 0, /, **ranges: Range | Iterable[Value]) -> Settings:
    """Return ``count`` settings drawn at random: from ranges, and from values with equal chance.

    The first draws of a longer sample are those of a shorter one. Settings drawn twice are kept
    once, so that there may be fewer.

    >>> sampled(3, lr=Range(1e-3, 1.0, "log"), width=(8, 16)).rows[0] == sampled(
    ...     2, lr=Range(1e-3, 1.0, "log"), width=(8, 16)
    ... ).rows[0]
    True
    """
    require(0 < count <= MOST, f"{count} samples", f"from 1 to {MOST}", "give a count")
    require(len(ranges) > 0, "a sample of nothing", "at least one range", "name a setting")
    choices = {
        name: each if isinstance(each, Range) else tuple(each) for name, each in ranges.items()
    }
    for name, each in choices.items():
        require(
            isinstance(each, Range) or len(each) > 0, f"no values of {name}", "one", "add a value"
        )
    draws = np.random.default_rng(seed).random((count, len(choices)))
    rows = [
        tuple(
            each.between(part) if isinstance(each, Range) else each[int(part * len(each))]
            for part, each in zip(row.tolist(), choices.values(), strict=True)
        )
        for row in draws
    ]
    return Settings(tuple(choices), tuple(dict.fromkeys(rows)))


def _require_values(name: str, column: Sequence[Any]) -> None:
    for value in column:
        if isinstance(value, bool | str) or (
            isinstance(value, int | float) and math.isfinite(value) and abs(value) < 2**63
        ):
            continue
        raise InputError(
            f"{name} = {value!r}",
            "finite numbers below 2**63, words, True or False",
            "leave it out",
        )
    kinds = {str if isinstance(v, str) else bool if isinstance(v, bool) else float for v in column}
    require(
        len(kinds) == 1,
        f"words and numbers as values of {name}",
        "values of one kind",
        "use two settings",
    )
