"""Which file suffix stands for which format."""

from collections.abc import Sequence
from pathlib import Path

from carnotlab.core.errors import InputError
from carnotlab.runs.export.tidy import Part
from carnotlab.runs.export.writing import exported, require_absent

SUFFIXES = (".csv", ".parquet", ".nc")


def require_known(target: Path, *, force: bool = False) -> None:
    """Raise `InputError` unless a file has a known suffix and may be written.

    >>> require_known(Path("results.csv"))
    """
    if target.suffix.lower() not in SUFFIXES:
        raise InputError(f"file {target}", f"one that ends in {', '.join(SUFFIXES)}", "rename it")
    require_absent(target, force=force)


def export(parts: Sequence[Part], target: Path, *, force: bool = False) -> tuple[str, ...]:
    """Write labelled datasets to a file, whole or not at all, in the format of its suffix.

    Args:
        parts: Datasets with what tells them apart, such as arm and side.
        target: A ``.csv``, ``.parquet`` or ``.nc`` file.
        force: Whether a file that is there already is replaced.

    Returns:
        In words, what the format cannot hold as it was.

    Raises:
        InputError: for an unknown suffix, a file that is there, or one that cannot be written.

    >>> import tempfile
    >>> import xarray as xr
    >>> data = xr.Dataset({"loss": ("time", [1.0, 0.5])}, {"time": [0, 10]})
    >>> file = Path(tempfile.mkdtemp()) / "loss.csv"
    >>> export([({"arm": "a"}, data)], file)
    ('units and meanings',)
    >>> file.read_text().splitlines()[1:]
    ['"a",0,1', '"a",10,0.5']
    """
    require_known(target, force=force)
    with exported(target, force=force) as temporary:
        match target.suffix.lower():
            case ".csv":
                from carnotlab.runs.export.tables import write_csv as write
            case ".parquet":
                from carnotlab.runs.export.tables import write_parquet as write
            case _:
                from carnotlab.runs.export.netcdf import write_netcdf as write
        return write(parts, temporary)
