"""CSV and Parquet: one tidy table of everything."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from carnotlab.runs.export.tidy import Part, tidy_batches, tidy_schema


def write_csv(parts: Sequence[Part], file: Path) -> tuple[str, ...]:
    """Write a CSV file; return in words what it cannot hold.

    Numbers are written such that reading gives the same bits. A cell that does not apply is empty.
    """
    schema = tidy_schema(parts)
    with pa.OSFile(str(file), "wb") as sink, pyarrow.csv.CSVWriter(sink, schema) as writer:
        for batch in tidy_batches(parts, schema):
            writer.write_batch(batch)
    return ("units and meanings", *_attributes(parts))


def write_parquet(parts: Sequence[Part], file: Path) -> tuple[str, ...]:
    """Write a Parquet file with units and meanings as metadata of its fields."""
    schema = tidy_schema(parts)
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        for batch in tidy_batches(parts, schema):
            writer.write_batch(batch)
    return _attributes(parts)


def _attributes(parts: Iterable[Part]) -> tuple[str, ...]:
    names = sorted({str(name) for _, dataset in parts for name in dataset.attrs})
    return (f"attributes of groups ({', '.join(names)})",) if names else ()
