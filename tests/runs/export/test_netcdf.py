"""NetCDF 3: what comes back, what it is then called, and what is said to be lost."""

import numpy as np
import pytest
import xarray as xr

from carnotlab.core.errors import InputError
from carnotlab.runs.export.formats import export

RANDOM = np.random.default_rng(0)


def back(parts, tmp_path):
    file = tmp_path / "out.nc"
    lost = export(parts, file)
    with xr.open_dataset(file, engine="scipy") as dataset:
        return dataset.load(), lost


def test_what_the_format_has_comes_back_as_it_was(tmp_path):
    whole = xr.Dataset(
        {
            "u": (("seed", "time"), RANDOM.normal(size=(2, 3)), {"units": "loss"}),
            "v": ("time", np.array([1.5, np.nan, np.inf], "f4")),
            "n": ("seed", np.array([1, -2], "i4")),
        },
        {"seed": np.array([3, 4], "i4"), "time": [0.0, 1.0, 2.5]},
    )  # fmt: skip
    found, lost = back([({}, whole)], tmp_path)
    xr.testing.assert_identical(found, whole)
    assert lost == ()


def test_integers_booleans_and_complex_numbers_are_what_is_said(tmp_path):
    values = {
        "small": np.array([2**31 - 1, -5]),
        "large": np.array([2**53, -1]),
        "flags": np.array([True, False]),
        "z": np.array([1 + 2j, -3j]),
        "bytes": np.array([200, 1], "u1"),
        "half": np.array([0.5, 2.0], "f2"),
        "text": np.array(["é", "longer"]),
    }
    found, lost = back(
        [({}, xr.Dataset({name: ("n", array) for name, array in values.items()}))], tmp_path
    )
    assert found["small"].dtype.kind == "i"
    assert found["small"].values.tolist() == [2**31 - 1, -5]
    assert found["large"].dtype.kind == "f"
    assert found["large"].values.tolist() == [2.0**53, -1.0]
    assert found["flags"].values.tolist() == [1, 0]
    assert (found["z_real"].values + 1j * found["z_imag"].values).tolist() == [1 + 2j, -3j]
    assert found["bytes"].values.tolist() == [200, 1]
    assert found["half"].values.tolist() == [0.5, 2.0]
    assert found["text"].values.tolist() == ["é", "longer"]
    said = "; ".join(lost)
    for word in ("int64, which is int32", "int64, which is float64", "booleans", "complex",
                 "uint8, which is int16", "float16, which is float32"):  # fmt: skip
        assert word in said


def test_whole_numbers_beyond_the_format_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"9007199254740993 in 'n'.*\.parquet"):
        back([({}, xr.Dataset({"n": ("i", [2**53 + 1])}))], tmp_path)
    with pytest.raises(InputError, match=r"9223372036854775808 in 'n'"):
        back([({}, xr.Dataset({"n": ("i", [-(2**63)])}))], tmp_path)


def test_groups_become_names_and_dimensions_with_the_same_labels_are_shared(tmp_path):
    def side(steps):
        return xr.Dataset(
            {"u": (("time", "mode"), np.full((len(steps), 2), float(len(steps))))},
            {"time": steps, "mode": [0.0, 1.0]},
        )

    parts = [
        ({"arm": "depth 2", "side": "prediction"}, side([0.0, 1.0])),
        ({"arm": "depth 3", "side": "prediction"}, side([0.0, 1.0, 2.0])),
        ({"arm": "depth-3", "side": "prediction"}, side([5.0])),
    ]
    found, lost = back(parts, tmp_path)
    assert set(found.sizes) == {
        "mode", "depth_2__prediction__time", "depth_3__prediction__time",
        "depth_3__prediction__2__time",
    }  # fmt: skip
    assert found["depth_3__prediction__u"].attrs == {"arm": "depth 3", "side": "prediction"}
    assert found["depth_3__prediction__2__u"].attrs["arm"] == "depth-3"
    assert found["depth_3__prediction__u"].values.tolist() == [[3.0, 3.0]] * 3
    assert found["depth_3__prediction__time"].values.tolist() == [0.0, 1.0, 2.0]
    assert "groups, which are the beginnings of names" in lost
