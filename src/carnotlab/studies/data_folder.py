"""Where real data sets that are not shipped may lie on this machine."""

import os
from collections.abc import Sequence
from pathlib import Path

from carnotlab.core.provenance import PACKAGE

VARIABLE = "CARNOT_DATA"


def find_data(name: str) -> Path | None:
    """Return a data file by its name inside the data folder, or None where there is none.

    The folder is the one named by the environment variable ``CARNOT_DATA``, else ``shared/data``
    in or beside the working folder or the source checkout.

    >>> find_data("no such file.csv") is None
    True
    """
    checkout = PACKAGE.parent.parent
    places = [Path.cwd(), Path.cwd().parent, checkout, checkout.parent]
    folders = [place / "shared" / "data" for place in places]
    given = os.environ.get(VARIABLE)
    if given:
        folders = [Path(given)]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    return None


def find_tables(names: Sequence[str]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return those tables that are in the data folder, and of each of the others in words so.

    >>> find_tables(["no such file.csv"])[0]
    ()
    """
    found = {name: find_data(name) for name in names}
    paths = tuple(path for path in found.values() if path is not None)
    return paths, tuple(not_found(name, "a table") for name in names if found[name] is None)


def not_found(name: str, instead: str) -> str:
    """Say that a file is not in the data folder, and what the user can do or give instead."""
    return (
        f"{name} is not in the data folder; name the folder with {VARIABLE}, or give {instead} "
        "with --data"
    )
