"""Reading CSV: the structure is checked line by line first, so that faults have a line number."""

import csv
from itertools import islice
from pathlib import Path

from carnotlab.core.errors import InputError, require
from carnotlab.tasks.tables import Table, pd, require_distinct

MISSING = ("", "NA", "N/A", "NaN", "nan")
"""What counts as an empty cell."""


def read_csv(path: Path, *, max_bytes: int, named_rows: bool = False) -> Table:
    """Return a comma-separated, UTF-8 file with a header line as a table.

    Empty lines are skipped. With ``named_rows`` the first column's header may be empty.

    Raises:
        InputError: for no header, lines of different lengths, columns without a name or with the
            same, text that is not UTF-8, or a table over ``max_bytes`` in memory.
    """
    source = path.name
    columns, rows = _structure(path, source)
    if named_rows and columns[0] == "":
        columns = ("item", *columns[1:])
    require_distinct(columns, source)
    require(
        8 * rows * len(columns) <= max_bytes,
        f"{rows} rows × {len(columns)} columns in {source}",
        f"at most {max_bytes} bytes as float64",
        "use a part of the file, or raise max_bytes",
    )
    frame = pd.read_csv(
        path,
        header=0,
        names=list(columns),
        index_col=False,
        encoding="utf-8-sig",
        keep_default_na=False,
        na_values=list(MISSING),
        skipinitialspace=True,
        low_memory=False,
        dtype={columns[0]: str} if named_rows else None,
    )
    return Table(source, columns, frame, lambda row: f"line {_line(path, row)}")


def _structure(path: Path, source: str) -> tuple[tuple[str, ...], int]:
    """Return the header and the number of rows, having seen that every line has its length."""
    columns: tuple[str, ...] = ()
    rows = line = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            for cells in reader:
                line = reader.line_num
                if not cells:
                    continue
                if not columns:
                    columns = tuple(cell.strip() for cell in cells)
                    _require_header(columns, source)
                    continue
                rows += 1
                require(
                    len(cells) == len(columns),
                    f"{len(cells)} cells in line {line} of {source}",
                    f"{len(columns)}, as in the header line",
                    "correct that line (a comma inside a cell needs quotes around the cell)",
                )
    except UnicodeDecodeError as error:
        raise InputError(
            f"bytes that are not UTF-8 in line {_undecodable(path)} of {source}",
            "UTF-8 text",
            "save the file in UTF-8",
        ) from error
    except csv.Error as error:
        raise InputError(
            f"line {line + 1} of {source} that cannot be read as CSV ({error})",
            "comma-separated values",
            "correct that line",
        ) from error
    require(bool(columns), f"{source}, which is empty", "a header line and rows", "fill it")
    return columns, rows


def _require_header(columns: tuple[str, ...], source: str) -> None:
    if len(columns) == 1:
        for mark, name in ((";", "semicolons"), ("\t", "tabs")):
            require(
                mark not in columns[0],
                f"{source} with cells separated by {name}",
                "cells separated by commas",
                "save it with commas",
            )
    require(
        not all(_is_number(name) for name in columns),
        f"a first line of numbers in {source}",
        "a header line with the names of the columns",
        "add one",
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _line(path: Path, row: int) -> int:
    """Return the line on which a row, counted from 0 below the header, ends."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, skipinitialspace=True)
        lines = (reader.line_num for cells in reader if cells)
        return next(islice(lines, row + 1, None))


def _undecodable(path: Path) -> int:
    """Return the first line that is not UTF-8."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 0
