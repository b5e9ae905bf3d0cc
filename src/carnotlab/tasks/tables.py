"""A table read from a file: named columns, and the place of every cell for messages."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas  # pyright: ignore[reportMissingTypeStubs]
from jaxtyping import Bool, Float

from carnotlab.core.errors import InputError, require

pd = cast("Any", pandas)


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of a file by name; ``place(row)`` says where a row, counted from 0, stands in it.

    The frame's index holds those row numbers, also after rows have been left out.
    """

    source: str
    columns: tuple[str, ...]
    frame: Any
    place: Callable[[int], str]

    def require_column(self, name: str) -> None:
        """Raise `InputError`, naming those alike, unless the table has the column."""
        near = difflib.get_close_matches(name, self.columns, n=3, cutoff=0.5)
        alike = f"did you mean {' or '.join(repr(other) for other in near)}?" if near else ""
        require(
            name in self.columns,
            f"column '{name}', which {self.source} does not have",
            f"one of {listed(self.columns)}",
            alike.removesuffix("?") or "choose one of these",
        )

    def numbers(self, column: str, *, missing: bool = False) -> Float[np.ndarray, " n"]:
        """Return a column of finite numbers; empty cells give nan where ``missing`` allows them.

        Raises:
            InputError: at the first cell that is none, with its place.
        """
        series = self.frame[column]
        require(
            series.dtype.kind not in "Mmc",
            f"{series.dtype} in column '{column}' of {self.source}",
            "numbers",
            "convert the column",
        )
        values = np.asarray(_to_numbers(series), dtype=np.float64)
        bad = ~np.isfinite(values)
        if missing:
            bad &= ~np.asarray(series.isna(), dtype=bool)
        if not bad.any():
            return values
        self._require_present(column, bad)
        row = int(np.argmax(bad))
        cell = series.iloc[row]
        place = f"column '{column}', {self._at(row)} of {self.source}"
        if np.isinf(values[row]):
            raise InputError(f"{cell} in {place}", "finite numbers", "correct the cell")
        raise InputError(
            f"the text {str(cell)[:40]!r} in {place}",
            "numbers",
            "code the text as numbers, or leave the column out by naming the others in features",
        )

    def labels(self, column: str) -> np.ndarray[Any, Any]:
        """Return a column that may hold text: numbers if all cells are, else fixed-width text.

        Raises:
            InputError: at a missing cell, or at text among cells that are mostly numbers.
        """
        series = self.frame[column]
        self._require_present(column, np.ones(len(series), dtype=bool))
        if series.dtype.kind == "b":
            return np.asarray(series, dtype=bool)
        numeric = np.isfinite(np.asarray(_to_numbers(series), dtype=np.float64))
        if series.dtype.kind in "iufMmc" or 2 * int(numeric.sum()) > len(numeric):
            return self.numbers(column)
        return np.asarray(series.astype(str).str.strip(), dtype=np.str_)

    def without_gaps(self, columns: Sequence[str]) -> "Table":
        """Return the table without the rows that miss a value in one of some columns."""
        return replace(self, frame=self.frame.dropna(subset=list(columns)))

    def _at(self, position: int) -> str:
        return self.place(int(self.frame.index[position]))

    def _require_present(self, column: str, rows: Bool[np.ndarray, " n"]) -> None:
        """Raise `InputError` if a cell of some rows is missing."""
        missing = np.asarray(self.frame[column].isna(), dtype=bool) & rows
        if missing.any():
            raise InputError(
                f"a missing value in column '{column}', {self._at(int(np.argmax(missing)))} of "
                f"{self.source} ({int(missing.sum())} such cells in the column)",
                "a value in every cell",
                "fill the cells in, or see the option missing",
            )


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return names as a short list for a message.

    >>> listed(("a", "b", "c"), most=2)
    "'a', 'b', … (3 in all)"
    """
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown}, … ({len(names)} in all)"


def require_distinct(columns: Sequence[str], source: str) -> None:
    """Raise `InputError` if a column has no name or two have the same.

    >>> require_distinct(("a", "b"), "file.csv")
    """
    seen: set[str] = set()
    for number, name in enumerate(columns, start=1):
        require(
            name != "",
            f"column {number} of {source} without a name",
            "a name for every column",
            "name it, or save the table without its index",
        )
        require(
            name not in seen,
            f"two columns called '{name}' in {source}",
            "distinct names",
            "rename one",
        )
        seen.add(name)


def _to_numbers(series: Any) -> Any:
    """Return cells as floats, nan where they are none."""
    try:
        return pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):  # nested cells of a Parquet file
        return np.full(len(series), np.nan)
