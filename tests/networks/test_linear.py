"""The linear reading: chains of matrices, and refusals of all else."""

import jax.numpy as jnp
import pytest

from carnotlab.core.errors import OutOfReachError
from carnotlab.networks.activations import Gelu, Linear, Sin
from carnotlab.networks.description import Network
from carnotlab.networks.layers import Dense, Residual
from carnotlab.networks.linear import linear_factors, refuse_nonlinear


def test_identity_activations_are_passed_by():
    network = Network(3, (Dense(2), Linear(), Dense(4)))
    factors = (jnp.ones((2, 3)), jnp.ones((4, 2)))
    assert linear_factors(network, factors) == factors


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((Dense(2, 1.0, 0.5),), r"a bias in the linear reading.*use bias_variance=None"),
        ((Dense(2), Gelu(), Dense(2)), r"the activation Gelu in the linear reading"),
        ((Dense(2), Sin()), r"the activation Sin in the linear reading"),
        ((Dense(2), Residual((Dense(2),))), r"a residual block.*use a plain chain"),
    ],
)
def test_refusals_name_what_to_use(layers, message):
    with pytest.raises(OutOfReachError, match=message):
        refuse_nonlinear(Network(3, layers))
