"""Where real data sets that are not shipped may lie on this machine."""

import os
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
