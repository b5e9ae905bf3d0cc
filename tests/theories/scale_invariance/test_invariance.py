"""Scale invariance measured: where it holds to rounding, and how epsilon and a head break it."""

import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.precision import precision
from carnotlab.networks.architectures import mlp
from carnotlab.networks.finite import Model
from carnotlab.networks.layers import BatchNorm
from carnotlab.networks.parameterization import Standard
from carnotlab.theories.scale_invariance.invariance import (
    autocorrelation,
    change_at_double,
    drift,
    epsilon_share,
    radial_share,
)

X = np.random.default_rng(0).normal(size=(20, 5))


@pytest.fixture(autouse=True)
def _float64():
    with precision("float64"):
        yield


def model_of(epsilon, normalized=True):
    normalization = BatchNorm(epsilon) if normalized else None
    return Model(mlp(5, (8, 8), 3, normalization=normalization, parameterization=Standard()))


def loss_of(model):
    return lambda weights: jnp.mean(jnp.sin(model.apply(weights, X)) ** 2)


def test_normalized_layers_have_no_scale_alone_and_together():
    model = model_of(0.0)
    weights, loss = model.start(0), loss_of(model)
    for group in ((0,), (1,), (0, 1)):
        assert float(radial_share(loss, weights, group)) < 1e-14
        assert float(change_at_double(loss, weights, group)) == 0.0
    assert float(radial_share(loss, weights, (2,))) > 1e-2  # the head
    assert float(change_at_double(loss, weights, (2,))) > 1e-2


def test_without_batch_norm_they_have():
    model = model_of(0.0, normalized=False)
    assert float(radial_share(loss_of(model), model.start(0), (0, 1))) > 1e-2


def test_epsilon_breaks_it_by_its_share_of_the_variance():
    """Small epsilons: the radial derivative is in proportion to them."""
    shares, radial = [], []
    for epsilon in (1e-6, 1e-5):
        model = model_of(epsilon)
        weights = model.start(0)
        moments = model.statistics(weights, jnp.asarray(X))
        expected = max(float(jnp.max(epsilon / each.variance)) for each in moments)
        shares.append(float(epsilon_share(model, weights, jnp.asarray(X))))
        assert shares[-1] == pytest.approx(expected)
        radial.append(float(radial_share(loss_of(model), weights, (0, 1))))
    assert shares[1] / shares[0] == pytest.approx(10.0, rel=1e-3)
    assert radial[1] / radial[0] == pytest.approx(10.0, rel=1e-2)


def test_correlation_of_a_first_order_process():
    random, keep = np.random.default_rng(0), 0.6
    series = [random.normal(size=50)]
    for _ in range(4000):
        series.append(keep * series[-1] + np.sqrt(1 - keep**2) * random.normal(size=50))
    gradients = np.array(series)
    assert autocorrelation(gradients) == pytest.approx(keep, abs=0.02)
    assert autocorrelation(gradients, 2) == pytest.approx(keep**2, abs=0.02)
    assert drift(np.sum(gradients**2, axis=1)) < 0.05
    assert drift(np.exp(0.01 * np.arange(300))) == pytest.approx(2.0, rel=0.01)
