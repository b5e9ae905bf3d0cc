"""The band of an ensemble: from lowest to highest, or the middle half of it."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from carnotlab.studies.style import draw_experiment


@pytest.mark.parametrize(("middle_half", "ends"), [(False, (0.0, 9.0)), (True, (1.0, 3.0))])
def test_the_band_has_the_right_ends_and_the_marks_are_the_mean(middle_half, ends):
    axes = Figure().add_subplot()
    members = np.array([0.0, 1.0, 2.0, 3.0, 9.0])[:, None] * np.ones(4)
    members = np.concatenate([members, np.full((1, 4), np.nan)])  # one that diverged
    draw_experiment(axes, np.arange(4.0), members, 0, middle_half=middle_half)
    heights = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == ends
    assert np.all(axes.lines[0].get_ydata() == 3.0)
