"""Quantities label arrays with their dimensions, unit and meaning."""

import numpy as np
import pytest

from carnotlab.core.quantities import Quantity

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
