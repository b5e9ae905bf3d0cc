"""Reading Parquet; the size is known from its footer before anything is loaded."""

from pathlib import Path
from typing import Any, cast

from carnotlab.core.errors import InputError, require
from carnotlab.tasks.tables import Table, pd, require_distinct


def read_parquet(path: Path, *, max_bytes: int) -> Table:
    """Return a Parquet file as a table.

    Raises:
        InputError: for a damaged file, columns with the same name, or a table over ``max_bytes``
            in memory.
    """
    from pyarrow import parquet  # pyright: ignore[reportMissingTypeStubs]

    source = path.name
    try:
        footer: Any = cast("Any", parquet).read_metadata(path)
        columns = tuple(str(name) for name in footer.schema.to_arrow_schema().names)
        require_distinct(columns, source)
        require(
            8 * footer.num_rows * len(columns) <= max_bytes,
            f"{footer.num_rows} rows × {len(columns)} columns in {source}",
            f"at most {max_bytes} bytes as float64",
            "use a part of the file, or raise max_bytes",
        )
        frame = pd.read_parquet(path, engine="pyarrow").reset_index(drop=True)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(
            f"{source}, which cannot be read as Parquet ({error})",
            "an undamaged Parquet file",
            "write it again",
        ) from error
    names = tuple(str(name) for name in frame.columns)
    return Table(source, names, frame, lambda row: f"row {row + 1}")
