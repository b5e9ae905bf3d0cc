"""Grids, lists and samples of settings."""

import numpy as np
import pytest

import carnotlab as carnot
from carnotlab.runs.sweeps.settings import Range, Settings, grid, listed, sampled


def test_a_grid_is_in_c_order():
    found = grid(lr=(0.1, 0.3), width=(8, 16, 32))
    assert found.shape == (2, 3)
    rows = [found.row(at) for at in range(len(found))]
    assert rows[:4] == [
        {"lr": 0.1, "width": 8},
        {"lr": 0.1, "width": 16},
        {"lr": 0.1, "width": 32},
        {"lr": 0.3, "width": 8},
    ]
    assert len(grid()) == 1
    assert grid().row(0) == {}


def test_samples_fill_their_ranges_evenly():
    """In the logarithm where they are logarithmic: the share below the middle is a half."""
    n = 4000
    found = sampled(
        n, 1, lr=Range(1e-4, 1.0, "log"), x=Range(-1.0, 1.0), k=Range(1, 4), w=("a", "b")
    )
    middle = 3 / np.sqrt(n)
    assert abs(np.mean(found.column("lr") < 1e-2) - 0.5) < middle
    assert abs(np.mean(found.column("x") < 0.5) - 0.75) < middle
    counts = np.bincount(found.column("k"), minlength=5)[1:] / n
    assert np.abs(counts - 0.25).max() < middle
    assert abs(np.mean(found.column("w") == "a") - 0.5) < middle
    assert found.shape is None


def test_whole_logarithmic_samples_reach_both_ends():
    found = sampled(3000, 0, width=Range(1, 8, "log"), x=Range(0.0, 1.0)).column("width")
    assert set(found.tolist()) == set(range(1, 9))
    # P(k) = log((k + 1) / k) / log 9
    expected = np.log(2) / np.log(9)
    assert abs(np.mean(found == 1) - expected) < 3 / np.sqrt(3000)


def test_whole_numbers_of_a_range_are_drawn_evenly_below_zero_too():
    parts = [(place + 0.5) / 5 for place in range(5)]
    assert [Range(-2, 2).between(part) for part in parts] == [-2, -1, 0, 1, 2]


def test_a_longer_sample_begins_as_a_shorter_one():
    few, many = (sampled(n, 3, lr=Range(1e-3, 1.0, "log")).rows for n in (5, 50))
    assert many[:5] == few
    assert sampled(5, 4, lr=Range(1e-3, 1.0, "log")).rows != few


@pytest.mark.parametrize(
    "make",
    [
        lambda: grid(lr=()),
        lambda: grid(seeds=(1, 2)),
        lambda: grid(lr=(float("nan"),)),
        lambda: grid(lr=(0.1, "word")),
        lambda: grid(**{f"a{k}": range(100) for k in range(4)}),
        lambda: listed([]),
        lambda: listed([{"lr": 0.1}, {"width": 3}]),
        lambda: sampled(0, lr=(0.1,)),
        lambda: sampled(3),
        lambda: sampled(3, lr=()),
        lambda: Range(1.0, 0.5),
        lambda: Range(0.0, 1.0, "log"),
        lambda: Range(0.0, float("inf")),
        lambda: Settings(("lr",), ((0.1,), (0.1,))),
        lambda: Settings(("lr", "width"), ((0.1,),)),
        lambda: Settings(("not a name",), ((1,),)),
    ],
)
def test_what_is_no_table_of_settings_is_refused(make):
    with pytest.raises(carnot.InputError):
        make()
