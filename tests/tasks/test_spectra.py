import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.tasks.spectra import Eigenvalues, Geometric, Isotropic, PowerLaw, eigenvalues


def test_means_ratios_and_slopes_are_as_described() -> None:
    assert eigenvalues(Isotropic(3.0), 4).tolist() == [3.0] * 4
    values = eigenvalues(PowerLaw(1.5, variance=2.0), 50)
    np.testing.assert_allclose(values.mean(), 2.0)
    slopes = np.diff(np.log(values)) / np.diff(np.log(np.arange(1, 51)))
    np.testing.assert_allclose(slopes, -1.5)
    values = eigenvalues(Geometric(100.0), 7)
    np.testing.assert_allclose([values.mean(), values[0] / values[-1]], [1.0, 100.0])
    assert eigenvalues(Geometric(100.0), 1).tolist() == [1.0]
    assert eigenvalues(Eigenvalues((1.0, 5.0)), 2).tolist() == [1.0, 5.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Isotropic(0.0), "variance = 0.0"),
        (lambda: PowerLaw(-1.0), "exponent = -1.0"),
        (lambda: Geometric(0.5), "condition = 0.5"),
        (lambda: Geometric(float("nan")), "condition = nan"),
        (lambda: Eigenvalues((1.0, -1.0)), "-1.0 in values"),
        (lambda: eigenvalues(Eigenvalues((1.0,)), 2), "1 eigenvalues for 2 inputs"),
    ],
)
def test_impossible_spectra_are_refused(make, message) -> None:
    with pytest.raises(InputError, match=message):
        make()
