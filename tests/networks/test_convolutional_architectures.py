"""Ready-made networks: their layers counted by hand, and images they cannot take."""

import pytest

from carnotlab.core.errors import InputError
from carnotlab.networks.convolutional_architectures import (
    convolutional,
    lenet,
    myrtle,
    resnet,
    vgg,
)
from carnotlab.networks.layers import Flatten, GlobalAveragePool


def _weights(network):
    biases = sum(its.outputs for its in network.maps if its.bias_variance is not None)
    return sum(its.fan_in * its.outputs for its in network.maps) + biases


def test_lenet_has_the_weights_of_the_original():
    # LeCun's C1, C3 (fully connected here), C5 as a dense layer, F6 and 10 outputs, no biases.
    assert _weights(lenet()) == 25 * 6 + 25 * 6 * 16 + 400 * 120 + 120 * 84 + 84 * 10


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_vgg_is_as_deep_as_its_name(depth):
    network = vgg(depth=depth)
    assert network.depth == depth
    assert network.maps[-3].fan_in == 512  # one position is left
    assert [its.outputs for its in network.maps[-3:]] == [512, 512, 10]


def test_resnet_halves_positions_and_doubles_channels():
    network = resnet(blocks=(2, 2, 2), width=16)
    # One in front, two a block, one shortcut for each later stage, one dense layer.
    assert network.depth == 1 + 2 * 6 + 2 + 1
    assert network.maps[-1].fan_in == 64
    assert network.outputs == 10


@pytest.mark.parametrize(("depth", "convolutions"), [(5, 4), (7, 6), (10, 9)])
def test_myrtle_is_as_deep_as_its_name(depth, convolutions):
    network = myrtle(depth=depth)
    assert network.depth == depth == convolutions + 1


def test_convolutional_ends_in_pooling_or_not():
    assert GlobalAveragePool() in convolutional((8, 8, 3), (4,), 2).layers
    without = convolutional((8, 8, 3), (4,), 2, pooling=False)
    assert Flatten() in without.layers
    assert without.maps[-1].fan_in == 8 * 8 * 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vgg((16, 16, 3)), r"AveragePool of size \(2, 2\) on \(1, 1\) positions.*larger"),
        (lambda: lenet((8, 8, 1)), r"Convolution of size \(5, 5\) on \(4, 4\) positions.*larger"),
        (lambda: vgg(depth=12), r"vgg of depth 12; required: one of 11, 13, 16, 19"),
        (lambda: myrtle(depth=6), r"myrtle of depth 6; required: one of 5, 7, 10"),
        (lambda: resnet(blocks=()), r"blocks = \(\)"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
