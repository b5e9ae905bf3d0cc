import numpy as np
import pytest
import xarray as xr

from carnotlab.core.errors import InputError
from carnotlab.measures.ensemble import mean_over_seeds, variance_over_seeds


@pytest.fixture
def result():
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {
            "train_loss": (("seed", "time"), rng.normal(size=(4, 3)), {"units": "loss"}),
            "test_prediction": (
                ("seed", "time", "test_sample", "output"),
                rng.normal(size=(4, 3, 5, 2)),
                {"units": "1", "long_name": "outputs"},
            ),
            "theory": ("time", np.arange(3.0), {"units": "loss"}),
        },
        coords={"time": [0.0, 1.0, 2.0], "seed": np.arange(4)},
        attrs={"version": "0"},
    )


def test_mean_matches_numpy_and_keeps_units(result):
    mean = mean_over_seeds(result)
    for name in ("train_loss", "test_prediction"):
        np.testing.assert_allclose(mean[name], result[name].values.mean(axis=0), rtol=1e-14)
    assert mean["train_loss"].attrs["units"] == "loss"
    assert mean["train_loss"].dims == ("time",)
    assert mean.attrs == {"version": "0"}
    assert "seed" not in mean.coords
    xr.testing.assert_identical(mean["theory"], result["theory"])
    np.testing.assert_array_equal(mean["time"], result["time"])


def test_variance_is_unbiased_and_in_squared_units(result):
    variance = variance_over_seeds(result)
    values = result["test_prediction"].values
    np.testing.assert_allclose(variance["test_prediction"], values.var(axis=0, ddof=1), rtol=1e-13)
    # control: the biased variance is another number
    assert np.abs(variance["test_prediction"] - values.var(axis=0)).max() > 1e-2
    assert variance["train_loss"].attrs["units"] == "(loss)^2"
    assert variance["test_prediction"].attrs == {
        "units": "1",
        "long_name": "variance over seeds of the outputs",
    }
    assert "theory" not in variance
    # the input is as it was
    assert result["train_loss"].attrs == {"units": "loss"}


def test_one_variable_alone(result):
    loss = result["train_loss"]
    np.testing.assert_allclose(mean_over_seeds(loss), loss.values.mean(axis=0))
    np.testing.assert_allclose(variance_over_seeds(loss), loss.values.var(axis=0, ddof=1))
    assert mean_over_seeds(loss).name == "train_loss"


def test_a_diverged_member_is_not_left_out(result):
    result["train_loss"][1, 2] = np.nan
    for statistic in (mean_over_seeds, variance_over_seeds):
        assert np.isnan(statistic(result)["train_loss"][2])
        assert np.isfinite(statistic(result)["train_loss"][:2]).all()


def test_results_without_enough_seeds_are_refused(result):
    with pytest.raises(InputError) as error:
        mean_over_seeds(result["theory"])
    assert str(error.value) == (
        "Got a result with dimensions ['time']; required: a seed dimension; "
        "train an ensemble with several seeds."
    )
    with pytest.raises(InputError) as error:
        variance_over_seeds(result.isel(seed=[0]))
    assert str(error.value) == "Got 1 seed; required: at least 2; train with more seeds."
    assert mean_over_seeds(result.isel(seed=[0]))["train_loss"].shape == (3,)
    with pytest.raises(InputError) as error:
        mean_over_seeds(result.isel(seed=[]))
    assert str(error.value) == "Got 0 seeds; required: at least 1; train with more seeds."
