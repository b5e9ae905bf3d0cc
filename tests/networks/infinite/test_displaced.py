"""Kernels by displacement against all pairs of positions at once."""

import numpy as np
import pytest

from carnotlab.core.errors import OutOfReachError
from carnotlab.networks.activations import Relu, Tanh
from carnotlab.networks.convolutional_architectures import convolutional, myrtle, resnet
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.general import general_kernels
from carnotlab.networks.layers import Convolution, Dense, GlobalSumPool, LayerNorm
from carnotlab.networks.parameterization import NTK

SHAPE = (5, 4, 2)
X = np.random.default_rng(0).normal(size=(3, *SHAPE))
Z = np.random.default_rng(1).normal(size=(2, *SHAPE))
NETWORKS = {
    "pooling": convolutional(SHAPE, (4, 4), 2, bias_variance=0.2),
    "strides and shortcuts": resnet(SHAPE, 2, blocks=(1, 1), width=4),
    "norm, valid windows and layers behind the pooling": Network(
        SHAPE,
        (
            Convolution(4, 3, 2, bias_variance=0.1),
            LayerNorm(),
            Tanh(),
            Convolution(4, 2, padding="valid"),
            Relu(),
            GlobalSumPool(),
            Dense(5),
            Relu(),
            Dense(2),
        ),
        NTK(),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_displacements_add_up_to_all_pairs_of_positions(name):
    network = NETWORKS[name]
    expected = general_kernels(network, X, block=2)
    seen = general_kernels(network, X, by_displacement=True, block=2)
    for one, other in zip(seen, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


def test_blocks_and_other_samples_change_nothing():
    network = NETWORKS["pooling"]
    whole = general_kernels(network, np.concatenate([X, Z]), by_displacement=True)
    part = general_kernels(network, X, Z, by_displacement=True, block=1)
    for one, other in zip(part, whole, strict=True):
        np.testing.assert_allclose(one, other[:3, 3:], rtol=1e-13)


@pytest.mark.parametrize(
    "network",
    [
        myrtle((8, 8, 2)),
        convolutional(SHAPE, (4,), 2, pooling=False),
        Network(SHAPE, (Convolution(4, padding="circular"), GlobalSumPool()), NTK()),
    ],
    ids=["pooling inside", "no pooling", "circular"],
)
def test_networks_that_couple_displacements_are_refused(network):
    with pytest.raises(OutOfReachError, match=r"displacements do not decouple.*method='general'"):
        general_kernels(network, np.ones((1, *network.shape)), by_displacement=True)
