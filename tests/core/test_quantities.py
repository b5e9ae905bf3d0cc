"""Quantities label arrays with their dimensions, unit and meaning."""

import numpy as np
import pytest
import xarray as xr

from carnotlab.core.quantities import Quantity, labelled

MODES = Quantity("mode_strength", ("mode",), "1", "strength of each mode")


def test_labels_put_leading_dimensions_in_front():
    array = MODES.label(np.zeros((2, 3, 4)), ("seed", "time"), {"time": [0, 1, 2]})
    assert array.dims == ("seed", "time", "mode")
    assert array.name == "mode_strength"
    assert array.attrs == {"units": "1", "long_name": "strength of each mode"}
    assert array["time"].values.tolist() == [0, 1, 2]


def test_values_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match="dimensions"):
        MODES.label(np.zeros(3), ("time",))


def test_quantities_are_compared_by_content():
    assert Quantity("mode_strength", ("mode",), "1", "strength of each mode") == MODES
    assert Quantity("mode_strength", ("mode",), "loss", "strength of each mode") != MODES


def test_several_values_share_leading_dimensions_and_coordinates():
    loss = Quantity("train_loss", (), "loss", "loss on training samples")
    values = {MODES: np.arange(24.0).reshape(2, 3, 4), loss: np.arange(6.0).reshape(2, 3)}
    found = labelled(values, ("seed", "time"), {"time": [0, 1, 2]})
    for quantity, each in values.items():
        xr.testing.assert_identical(
            found[quantity.name],
            quantity.label(each, ("seed", "time"), {"time": [0, 1, 2]}),
        )
    assert list(found.data_vars) == ["mode_strength", "train_loss"]


def test_values_without_time_lack_the_last_leading_dimension():
    found = labelled({MODES: np.zeros((2, 4))}, ("seed", "time"), {"seed": [3, 5]})
    assert found["mode_strength"].dims == ("seed", "mode")
    with pytest.raises(ValueError, match="seed"):
        labelled({MODES: np.zeros((3, 4))}, ("seed", "time"), {"seed": [3, 5]})
    for shape in ((), (2, 3, 4, 5)):
        with pytest.raises(ValueError, match="dimensions"):
            labelled({MODES: np.zeros(shape)}, ("seed", "time"))
