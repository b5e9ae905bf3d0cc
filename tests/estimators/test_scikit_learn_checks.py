"""All of scikit-learn's own checks, none excepted."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from carnotlab.estimators.classifier import InfiniteNetworkClassifier
from carnotlab.estimators.regressor import InfiniteNetworkRegressor
from carnotlab.theories.kernel_regression.nystrom import Nystrom


@parametrize_with_checks([InfiniteNetworkRegressor(), InfiniteNetworkClassifier()])
def test_defaults(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [
        kind(**settings)
        for kind in (InfiniteNetworkRegressor, InfiniteNetworkClassifier)
        for settings in (
            {"kernel": "nngp", "ridge": 1e-3, "depth": 1},
            {"time": 20.0, "ridge": 0.0},
            {"time": 500, "learning_rate": 0.5, "ridge": 1e-3},
            {"ridge": 1e-2, "solver": "conjugate-gradients"},
            {"solver": "nystrom", "kernel": "nngp"},
            {"solver": Nystrom(50, "uniform"), "ridge": 1e-3},
        )
    ]
)
def test_other_settings(estimator, check):
    check(estimator)
