"""Network descriptions: sizes, places, and what is refused."""

import pytest

from carnotlab.core.errors import InputError
from carnotlab.networks.activations import LeakyRelu, Relu, Tanh
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.description import Network
from carnotlab.networks.layers import Dense, Residual
from carnotlab.networks.parameterization import NTK, MeanField, Place, Standard


def test_places_of_dense_layers_inside_blocks():
    block = Residual((Relu(), Dense(5), Residual((Dense(5),)), Dense(6)))
    network = Network(4, (Dense(6), block, Relu(), Dense(2)))
    assert network.outputs == 2
    assert network.depth == 5
    assert [layer.outputs for layer in network.maps] == [6, 5, 5, 6, 2]
    assert network.places == (
        Place(4, "input", 6),
        Place(6, "hidden", 6),
        Place(5, "hidden", 6),
        Place(5, "hidden", 6),
        Place(6, "output", 6),
    )


def test_a_single_layer_is_the_output():
    assert Network(3, (Dense(2),)).places == (Place(3, "output", 3),)


def test_mlp_is_what_it_says():
    network = mlp(3, (4, 5), 2, activation=Tanh(), weight_variance=1.5, bias_variance=0.1)
    assert network.layers == (
        Dense(4, 1.5, 0.1),
        Tanh(),
        Dense(5, 1.5, 0.1),
        Tanh(),
        Dense(2, 1.0, 0.1),
    )
    assert network.parameterization == NTK()
    assert mlp(3, (), 2).layers == (Dense(2, 1.0, None),)


def test_deep_linear_is_dense_layers_and_nothing_else():
    network = deep_linear(3, (4,), 2)
    assert network.layers == (Dense(4), Dense(2))
    assert network.parameterization == Standard()


def test_descriptions_are_compared_and_hashed_by_content():
    assert mlp(3, (4,), 2) == mlp(3, (4,), 2)
    assert hash(mlp(3, (4,), 2)) == hash(mlp(3, (4,), 2))
    assert mlp(3, (4,), 2) != mlp(3, (4,), 2, activation=LeakyRelu())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network(0, (Dense(1),)), r"inputs = 0; required: at least 1"),
        (lambda: Network(2, (Relu(),)), r"a network without weights.*add a Dense layer"),
        (
            lambda: Network(2, (Dense(3), Residual((Dense(4),)))),
            r"a residual block from 3 to 4 units.*end the block in Dense\(3\)",
        ),
        (lambda: Residual(()), r"an empty residual block"),
        (lambda: Dense(0), r"units = 0; required: at least 1"),
        (lambda: Dense(1, 0.0), r"weight_variance = 0.0"),
        (lambda: Dense(1, 1.0, -1.0), r"bias_variance = -1.0"),
        (
            lambda: Network(2, (Dense(1, 1.0, 0.0),), NTK()),
            r"bias_variance = 0 under NTK.*use bias_variance=None",
        ),
        (
            lambda: Network(2, (Dense(1, 1.0, 0.0),), MeanField()),
            r"bias_variance = 0 under MeanField",
        ),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_standard_bias_may_start_at_zero():
    assert Network(2, (Dense(1, 1.0, 0.0),)).outputs == 1
