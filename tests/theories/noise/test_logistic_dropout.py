import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.theories.noise.logistic_dropout import exact_logistic_penalty, logistic_penalty

RANDOM = np.random.default_rng(0)
X, W = RANDOM.standard_normal((6, 5)), RANDOM.standard_normal(5)


def test_the_exact_penalty_by_monte_carlo_of_the_log_loss_for_either_label():
    masks = (RANDOM.random((40_000, 6, 5)) < 0.7) / 0.7
    for label in (0, 1):
        z = np.einsum("dnp,p->dn", X * masks, W)
        loss = np.mean(np.logaddexp(0, z) - label * z, axis=1)
        clean = np.mean(np.logaddexp(0, X @ W) - label * (X @ W))
        exact = exact_logistic_penalty(X, W, 0.7)
        assert loss.mean() - clean == pytest.approx(exact, abs=4.5 * loss.std() / 200)


def test_the_second_order_is_approached_as_weights_shrink():
    """The relative error falls with the size of the noise of z, at least linearly."""
    errors = [
        abs(logistic_penalty(X, s * W, 0.7) / exact_logistic_penalty(X, s * W, 0.7) - 1)
        for s in (0.4, 0.2, 0.1)
    ]
    assert errors[0] < 0.2
    assert errors[1] < 0.6 * errors[0]
    assert errors[2] < 0.6 * errors[1]


def test_it_is_an_approximation_that_large_weights_break():
    """A model sure of itself pays nothing to second order, and in truth in proportion to w."""
    sure = X[np.abs(X @ W) > 0.3]
    exact = [exact_logistic_penalty(sure, s * W, 0.5) for s in (100, 200)]
    assert exact[1] / exact[0] == pytest.approx(2.0, abs=0.05)
    assert logistic_penalty(sure, 200 * W, 0.5) < 0.01 * exact[1]


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="keep"):
        logistic_penalty(X, W, 0.0)
    with pytest.raises(OutOfReachError, match="at most 16"):
        exact_logistic_penalty(np.ones((1, 17)), np.ones(17), 0.5)
