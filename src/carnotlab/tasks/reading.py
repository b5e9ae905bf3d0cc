"""Reading a user's file: what it is, whether it may be read, and its arrays."""

import hashlib
import os
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from carnotlab.core.errors import InputError, require
from carnotlab.tasks.csv_files import read_csv
from carnotlab.tasks.npz_files import read_npz
from carnotlab.tasks.parquet_files import read_parquet
from carnotlab.tasks.preparing import Raw
from carnotlab.tasks.tables import Table, listed

MissingRows: TypeAlias = Literal["refuse", "drop rows"]

FORMATS = {".csv": "CSV", ".parquet": "Parquet", ".npz": "a NumPy archive"}
MAX_BYTES = 2 * 2**30
"""The most a file may take, on disk and as float64 in memory, unless told otherwise: 2 GiB."""


def resolved(path: str | os.PathLike[str]) -> str:
    """Return an absolute path, ``~`` expanded, so that it means the same from any folder.

    >>> resolved("/data/../data/file.csv")
    '/data/file.csv'
    """
    return str(Path(path).expanduser().resolve())


def file_digest(path: str, *, max_bytes: int = MAX_BYTES) -> str:
    """Return the SHA-256 of a file that can be read.

    Raises:
        InputError: if the file is missing, no regular file, unreadable or over ``max_bytes``.
    """
    file = Path(path)
    require(file.exists(), f"'{path}', which does not exist", "a file", "correct the path")
    require(not file.is_dir(), f"the folder '{path}'", "a file", "name a file inside it")
    require(file.is_file(), f"'{path}', which is no regular file", "a file", "save it as one")
    try:
        size = file.stat().st_size
        require(
            size <= max_bytes,
            f"{file.name} of {size} bytes",
            f"at most {max_bytes} bytes",
            "use a part of it, or raise max_bytes",
        )
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"'{path}', which cannot be opened ({error.strerror})",
            "a file you may read",
            "check its permissions",
        ) from error


def require_unchanged(
    path: str, sha256: str, *, max_bytes: int = MAX_BYTES, instead: str = "describe it again"
) -> None:
    """Refuse a file whose content is no longer that of its description.

    Raises:
        InputError: if its digest is another, or as `file_digest` does.
    """
    require(
        file_digest(path, max_bytes=max_bytes) == sha256,
        f"'{path}', which has changed since it was described",
        "the same content",
        instead,
    )


def described_by_content(task: Any, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what identifies a task that is a dataclass with the fields ``path`` and ``sha256``.

    All its fields, with the file's name in place of its path: content counts, not the folder.
    """
    kept = {each.name: getattr(task, each.name) for each in fields(task)}
    file = Path(kept.pop("path")).name
    kept = {name: value for name, value in kept.items() if name not in leave_out}
    return {"kind": type(task).__name__, "file": file, **kept}


def read(
    path: str,
    *,
    target: str | None,
    features: tuple[str, ...] | None,
    regression: bool,
    missing: MissingRows = "refuse",
    max_bytes: int = MAX_BYTES,
) -> Raw:
    """Return the arrays of a CSV, Parquet or NPZ file.

    ``target`` names the target column of a table; ``features`` names the input columns, all
    others by default. An NPZ file names its arrays itself. ``regression`` insists on numbers.
    With ``missing="drop rows"`` rows that miss a value in a column used are left out.

    Raises:
        InputError: for an unknown or mistaken extension, columns that are not there, or cells
            that are not usable; with column and line where there are such.
    """
    file = Path(path)
    match _format(file):
        case ".npz":
            require(
                target is None and features is None,
                f"column names for {file.name}, a NumPy archive",
                "arrays called x and y in the archive",
                "leave target and features out",
            )
            return read_npz(file, max_bytes=max_bytes)
        case ".csv":
            table = read_csv(file, max_bytes=max_bytes)
        case _:
            table = read_parquet(file, max_bytes=max_bytes)
    return _columns(table, target, features, regression, missing)


def _format(file: Path) -> str:
    """Return the extension, having seen that the content begins as such a file does."""
    extension = file.suffix.lower()
    require(
        extension in FORMATS,
        f"'{file.name}', whose extension is none that can be read",
        f"one of {', '.join(FORMATS)}",
        "convert the file",
    )
    with file.open("rb") as content:
        start = content.read(4096)
    require(len(start) > 0, f"{file.name}, which is empty", "a file with data", "fill it")
    if start.startswith(b"PK"):
        found = ".npz"
    elif start.startswith(b"PAR1"):
        found = ".parquet"
    else:
        found = "a binary file" if b"\0" in start else ".csv"
    content_is = FORMATS.get(found, found)
    require(
        found == extension,
        f"{file.name}, whose content looks like {content_is}",
        f"{FORMATS[extension]}, as its extension says",
        f"rename it to end in {found}" if found in FORMATS else "convert it",
    )
    return extension


def _columns(
    table: Table,
    target: str | None,
    features: tuple[str, ...] | None,
    regression: bool,
    missing: MissingRows,
) -> Raw:
    """Return the chosen columns of a table as arrays."""
    if target is None:
        raise InputError(
            f"no target for {table.source}",
            f"the name of the column to predict, one of {listed(table.columns)}",
            "pass target=…",
        )
    table.require_column(target)
    chosen = tuple(c for c in table.columns if c != target) if features is None else features
    for column in chosen:
        table.require_column(column)
    require(
        len(chosen) > 0 and target not in chosen,
        f"{'the target among the' if chosen else 'no'} input columns of {table.source}",
        "at least one column besides the target",
        "add one" if not chosen else "leave the target out of features",
    )
    if missing == "drop rows":
        table = table.without_gaps((*chosen, target))
    x = np.stack([table.numbers(column) for column in chosen], axis=1)
    y = table.numbers(target) if regression else table.labels(target)
    return Raw(x, y, source=table.source, target=f"column '{target}'", feature_names=chosen)
