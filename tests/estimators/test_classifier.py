"""Classes from outputs; probabilities from the ensemble that the theory describes."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from carnotlab.core.errors import InputError
from carnotlab.estimators.classifier import InfiniteNetworkClassifier
from carnotlab.networks.architectures import mlp
from carnotlab.networks.infinite.kernels import kernels

NETWORK = mlp(2, (8, 8), 3, bias_variance=0.3)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 2.0], [-1.5, -1.0], [1.5, -1.0]])
    codes = np.arange(45) % 3
    return centres[codes] + rng.normal(size=(45, 2)), np.array(["red", "green", "blue"])[codes]


@pytest.mark.parametrize("standardize", [False, True])
def test_outputs_are_those_of_regression_on_one_hot_targets(data, standardize):
    x, labels = data
    model = InfiniteNetworkClassifier(NETWORK, ridge=0.5, standardize=standardize)
    model.fit(x[:30], labels[:30])
    assert model.classes_.tolist() == ["blue", "green", "red"]
    hot = (labels[:30, None] == model.classes_).astype(float)
    share = hot.mean(axis=0) if standardize else np.full(3, 1 / 3)
    z = (x - x[:30].mean(axis=0)) / x[:30].std(axis=0) if standardize else x
    theta = kernels(NETWORK, z).ntk
    weights = theta[30:, :30] @ np.linalg.inv(theta[:30, :30] + 0.5 * np.eye(30))
    expected = share + weights @ (hot - share)
    np.testing.assert_allclose(model.predict_outputs(x[30:]), expected, atol=1e-10)
    chosen = model.classes_[np.argmax(expected, axis=1)]
    np.testing.assert_array_equal(model.predict(x[30:]), chosen)


def test_probabilities_are_shares_of_a_drawn_ensemble(data):
    x, labels = data
    model = InfiniteNetworkClassifier(NETWORK, ridge=0.5, standardize=False)
    found = model.fit(x[:30], labels[:30]).predict_proba(x[30:])
    # Draw starts on all samples together, and move them by the trained linear model.
    draws, rng = 40_000, np.random.default_rng(1)
    both = kernels(NETWORK, x)
    weights = both.ntk[30:, :30] @ np.linalg.inv(both.ntk[:30, :30] + 0.5 * np.eye(30))
    hot = (labels[:30, None] == model.classes_) - 1 / 3
    root = np.linalg.cholesky(both.nngp + 1e-10 * np.eye(45))
    start = root @ rng.normal(size=(draws, 45, 3))
    outputs = start[:, 30:] + weights @ (hot - start[:, :30])
    winners = np.argmax(outputs, axis=-1)
    shares = np.stack([(winners == c).mean(axis=0) for c in range(3)], axis=1)
    error = np.sqrt(np.maximum(found * (1 - found), 1e-4) / draws)
    assert (np.abs(found - shares) < 5 * error).all()
    assert ((found > 0.05) & (found < 0.95)).any()


@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
def test_probabilities_agree_with_predictions(data, kernel):
    x, labels = data
    model = InfiniteNetworkClassifier(kernel=kernel, depth=1).fit(x[:30], labels[:30])
    found = model.predict_proba(x)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(model.classes_[np.argmax(found, axis=1)], model.predict(x))


def test_nothing_is_known_before_training(data):
    x, labels = data
    untrained = InfiniteNetworkClassifier(ridge=0.0, time=0.0, standardize=False)
    untrained.fit(x, labels)
    np.testing.assert_allclose(untrained.predict_proba(x), 1 / 3, atol=1e-12)


def test_two_classes_are_mirror_images(data):
    x, labels = data
    two = labels != "blue"
    x, labels = x[two], labels[two]
    model = InfiniteNetworkClassifier(ridge=0.1).fit(x, labels)
    outputs = model.predict_outputs(x)
    np.testing.assert_allclose(outputs.sum(axis=1), 1.0, atol=1e-12)
    swapped = InfiniteNetworkClassifier(ridge=0.1).fit(x, np.where(labels == "red", 0, 1))
    np.testing.assert_allclose(swapped.predict_outputs(x)[:, ::-1], outputs, atol=1e-12)


def test_digits_in_a_pipeline():
    x, y = load_digits(return_X_y=True)
    x, z, y, labels = train_test_split(x, y, train_size=300, test_size=400, random_state=0)
    model = make_pipeline(StandardScaler(with_std=False), InfiniteNetworkClassifier())
    found, peer = (one.fit(x, y).score(z, labels) for one in (model, SVC()))
    # No worse than the usual choice, by more than 3 standard errors of a share near 0.95.
    assert found > peer - 3 * np.sqrt(0.95 * 0.05 / 400)
    assert found > 0.9


def test_one_class_is_refused():
    with pytest.raises(InputError, match="two classes"):
        InfiniteNetworkClassifier().fit(np.eye(3), [1, 1, 1])
