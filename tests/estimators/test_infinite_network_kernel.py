"""As scikit-learn's kernel methods call it."""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVC

from carnotlab.core.errors import InputError
from carnotlab.estimators.infinite_network_kernel import InfiniteNetworkKernel
from carnotlab.networks.architectures import mlp
from carnotlab.networks.infinite.kernels import kernels

NETWORK = mlp(4, (8, 8), 1, bias_variance=0.5)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(30, 4))


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
def test_the_matrix_is_the_networks(x, kind):
    kernel = InfiniteNetworkKernel(NETWORK, kind)
    whole = getattr(kernels(NETWORK, x), kind)
    np.testing.assert_array_equal(kernel.matrix(x), whole)
    np.testing.assert_allclose(kernel.matrix(x[:3], x), whole[:3], rtol=1e-12)
    np.testing.assert_allclose(kernel.diagonal(x), np.diagonal(whole), rtol=1e-12)
    assert kernel(x[0], x[1]) == pytest.approx(whole[0, 1], rel=1e-12)
    # Images are the same samples in another shape.
    np.testing.assert_array_equal(kernel.matrix(x.reshape(30, 2, 2)), whole)


def test_the_diagonal_of_more_samples_than_a_block():
    many = np.random.default_rng(1).normal(size=(150, 4))
    kernel = InfiniteNetworkKernel(NETWORK)
    np.testing.assert_allclose(kernel.diagonal(many), np.diagonal(kernel.matrix(many)), rtol=1e-12)


def test_a_support_vector_machine_takes_it_both_ways(x):
    labels = (x[:, 0] * x[:, 1] > 0).astype(int)
    kernel = InfiniteNetworkKernel(NETWORK)
    called = SVC(kernel=kernel, C=10.0).fit(x[:20], labels[:20])
    given = SVC(kernel="precomputed", C=10.0).fit(kernel.matrix(x[:20]), labels[:20])
    np.testing.assert_allclose(
        called.decision_function(x[20:]),
        given.decision_function(kernel.matrix(x[20:], x[:20])),
        atol=1e-10,
    )


def test_kernel_ridge_takes_it(x):
    y = x[:, 0] ** 2
    kernel = InfiniteNetworkKernel(NETWORK)
    found = KernelRidge(alpha=0.1, kernel=kernel).fit(x[:6], y[:6]).predict(x[6:9])
    K = kernel.matrix(x[:6])
    expected = kernel.matrix(x[6:9], x[:6]) @ np.linalg.solve(K + 0.1 * np.eye(6), y[:6])
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_samples_of_another_size_and_other_kinds_are_refused(x):
    with pytest.raises(InputError, match=r"\(4,\) inputs"):
        InfiniteNetworkKernel(NETWORK)(x[:, :3])
    with pytest.raises(InputError, match="'ntk' or 'nngp'"):
        InfiniteNetworkKernel(NETWORK, "rbf")
