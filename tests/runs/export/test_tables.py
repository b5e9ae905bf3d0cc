"""CSV and Parquet: every number comes back with the same bits, in rows of its own coordinates."""

import os

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
import xarray as xr

from carnotlab.core.errors import InputError
from carnotlab.runs.export import tidy
from carnotlab.runs.export.formats import export

RANDOM = np.random.default_rng(0)


def single(values):
    return values.astype("f4")


@pytest.fixture
def parts():
    """Two arms of other lengths, quantities with other dimensions, labels of every type."""
    units = {"units": "loss", "long_name": "what it is"}
    made = []
    for arm, steps in (('a, "1"', 3), ("b\n2", 4)):
        observation = xr.Dataset(
            {
                "loss": (("seed", "time"), RANDOM.normal(size=(2, steps)), units),
                "strength": (("seed", "time", "mode"), single(RANDOM.normal(size=(2, steps, 2)))),
                "diverged": ("seed", [True, False]),
                "steps": ("seed", [2**60, -1]),
                "whole": 7.5,
            },
            {
                "seed": [3, 4],
                "time": np.arange(steps) * 10.0,
                "mode": ["first", "second"],
                "epochs": ("time", np.arange(steps) / 7),
            },
        )  # fmt: skip
        observation["loss"][0, 1] = np.nan
        observation["loss"][1, 0] = np.inf
        made.append(({"arm": arm, "side": "observation"}, observation))
    made.append(({"arm": "b\n2", "side": "prediction"}, made[1][1][["loss"]].mean("seed")))
    return made


def read(file):
    if file.suffix == ".parquet":
        return pyarrow.parquet.read_table(file)
    options = pyarrow.csv.ConvertOptions(
        null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    return pyarrow.csv.read_csv(file, convert_options=options, parse_options=parse)


def cell(rows, quantity, **where):
    found = [
        row[quantity]
        for row in rows
        if row[quantity] is not None and all(row[name] == value for name, value in where.items())
    ]
    assert len(found) == 1, (quantity, where, found)
    return found[0]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_every_number_is_in_the_row_of_its_coordinates(parts, tmp_path, suffix):
    file = tmp_path / f"table.{suffix}"
    export(parts, file)
    rows = read(file).to_pylist()
    compared = 0
    for labels, dataset in parts:
        for name, array in dataset.data_vars.items():
            for place in np.ndindex(array.shape):
                where = {
                    str(dim): dataset[dim].values[i].item()
                    for dim, i in zip(array.dims, place, strict=True)
                }
                value = array.values[place].item()
                absent = {dim: None for dim in ("seed", "time", "mode") if dim not in where}
                seen = cell(rows, name, **labels, **where, **absent)
                if isinstance(value, float) and array.dtype == np.float32:
                    assert np.float32(seen) == np.float32(value)
                else:
                    assert seen == value or (np.isnan(seen) and np.isnan(value))
                compared += 1
    assert compared == sum(array.size for _, d in parts for array in d.data_vars.values())
    cells = sum(row[name] is not None for row in rows for name in
                ("loss", "strength", "diverged", "steps", "whole"))  # fmt: skip
    assert cells == compared


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_quantities_of_the_same_dimensions_share_rows(parts, tmp_path, suffix):
    file = tmp_path / f"table.{suffix}"
    export(parts, file)
    rows = read(file).num_rows
    # Per arm: seed x time, seed x time x mode, seed, and one; the prediction has time alone.
    assert rows == sum(2 * t + 4 * t + 2 + 1 for t in (3, 4)) + 4


def test_other_coordinates_are_columns(parts, tmp_path):
    export(parts, tmp_path / "table.parquet")
    rows = pyarrow.parquet.read_table(tmp_path / "table.parquet").to_pylist()
    timed = [row for row in rows if row["time"] is not None]
    assert all(row["epochs"] == row["time"] / 10 / 7 for row in timed)
    assert all(row["epochs"] is None for row in rows if row["time"] is None)


def test_parquet_keeps_types_units_and_meanings(parts, tmp_path):
    export(parts, tmp_path / "table.parquet")
    schema = pyarrow.parquet.read_schema(tmp_path / "table.parquet")
    assert schema.names[:2] == ["arm", "side"]
    types = {name: str(schema.field(name).type) for name in schema.names}
    assert types["steps"] == "int64"
    assert types["strength"] == "float"
    assert types["diverged"] == "bool"
    assert types["mode"] == "string"
    assert schema.field("loss").metadata[b"units"] == b"loss"
    assert schema.field("loss").metadata[b"long_name"] == b"what it is"


def test_large_tables_are_made_in_parts_with_the_same_rows(parts, tmp_path, monkeypatch):
    export(parts, tmp_path / "whole.csv")
    monkeypatch.setattr(tidy, "ROWS", 3)
    export(parts, tmp_path / "parts.csv")
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "parts.csv").read_bytes()


def test_types_that_differ_between_parts_are_widened(tmp_path):
    made = [({"side": s}, xr.Dataset({"u": ("n", np.array([1, 2], kind))}))
            for s, kind in (("x", "int32"), ("y", "float64"))]  # fmt: skip
    export(made, tmp_path / "t.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "t.parquet")["u"].to_pylist() == [1.0, 2.0] * 2


@pytest.mark.parametrize("values", [np.array([1j]), np.array([1 + 2j, 0], "complex64")])
def test_complex_numbers_are_refused_with_where_they_can_go(tmp_path, values):
    with pytest.raises(InputError, match=r"complex numbers in 'u'.*\.nc"):
        export([({}, xr.Dataset({"u": ("n", values)}))], tmp_path / "t.csv")
    assert os.listdir(tmp_path) == []


def test_a_dimension_named_like_a_label_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"named 'side'"):
        export([({"side": "x"}, xr.Dataset({"u": ("side", [1.0])}))], tmp_path / "t.csv")


def test_text_in_one_part_and_numbers_in_another_are_refused(tmp_path):
    made = [({}, xr.Dataset({"u": ("n", values)})) for values in ([1.0], ["a"])]
    with pytest.raises(InputError, match="text in one part"):
        export(made, tmp_path / "t.csv")


@pytest.mark.parametrize("suffix", ["csv", "parquet", "nc"])
def test_a_full_disk_is_one_line_and_leaves_nothing(small_disk, suffix):
    (small_disk / f"old.{suffix}").write_text("old")
    large = xr.Dataset({"u": ("n", RANDOM.normal(size=50_000))})
    with pytest.raises(InputError, match=r"No space left on device.*choose another with --to"):
        export([({}, large)], small_disk / f"old.{suffix}", force=True)
    assert (small_disk / f"old.{suffix}").read_text() == "old"
    assert os.listdir(small_disk) == [f"old.{suffix}"]
