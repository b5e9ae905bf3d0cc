"""The linear reading: a deep linear network as the chain of matrices it multiplies by."""

from collections.abc import Sequence

from jaxtyping import Array, Float

from carnotlab.core.errors import OutOfReachError
from carnotlab.networks.activations import Linear
from carnotlab.networks.description import Network
from carnotlab.networks.elementwise import Elementwise
from carnotlab.networks.layers import Dense, Residual


def refuse_nonlinear(network: Network) -> None:
    """Raise `OutOfReachError` unless the network is a chain of matrices.

    >>> from carnotlab.networks.architectures import deep_linear
    >>> refuse_nonlinear(deep_linear(4, (8,), 2))
    """
    for layer in network.layers:
        match layer:
            case Dense(bias_variance=None) | Linear():
                continue
            case Dense():
                reason, mend = "a bias", "use bias_variance=None and centre the data"
            case Elementwise():
                reason, mend = f"the activation {type(layer).__name__}", "use Linear() or none"
            case Residual():
                reason, mend = "a residual block", "use a plain chain of Dense layers"
            case _:
                reason, mend = f"a {type(layer).__name__}", "use a plain chain of Dense layers"
        raise OutOfReachError(f"{reason} in the linear reading", "dense layers only", mend)


def linear_factors(
    network: Network, effective: Sequence[Float[Array, "out in"]]
) -> tuple[Float[Array, "out in"], ...]:
    """Return the matrices of a deep linear network, first layer first.

    Raises:
        OutOfReachError: if the network has a bias, a nonlinearity or a residual block.
    """
    refuse_nonlinear(network)
    return tuple(effective)
