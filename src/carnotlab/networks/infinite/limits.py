"""Which descriptions have an infinite-width limit, and what to use instead where they do not."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, assert_never

from carnotlab.core.errors import OutOfReachError
from carnotlab.networks.activations import Elementwise, Linear
from carnotlab.networks.description import Network
from carnotlab.networks.initialisation import Aligned, Balanced, Gaussian, Orthogonal
from carnotlab.networks.layers import Dense, Layer, Residual

State: TypeAlias = Literal["inputs", "Gaussian", "activated"]
"""What the units hold: the raw inputs, a Gaussian process, or a function of one."""


def gaussian_scale(network: Network) -> float:
    """Return the factor on every initial weight; only Gaussian weights have the limit.

    >>> gaussian_scale(Network(2, (Dense(1),), initialisation=Gaussian(0.5)))
    0.5
    """
    match network.initialisation:
        case Gaussian(scale):
            return scale
        case Orthogonal() | Aligned() | Balanced():
            raise OutOfReachError(
                f"the initialisation {type(network.initialisation).__name__} in the "
                "infinite-width reading",
                "independent Gaussian weights",
                "use Gaussian()",
            )
        case _:
            assert_never(network.initialisation)


def refuse_without_limit(network: Network) -> None:
    """Raise `OutOfReachError` unless the network tends to a Gaussian process as it widens.

    >>> from carnotlab.networks.description import mlp
    >>> refuse_without_limit(mlp(2, (8,), 1))
    """
    gaussian_scale(network)
    if not isinstance(network.layers[-1], Dense):
        raise OutOfReachError(
            f"a network that ends in {type(network.layers[-1]).__name__} in the "
            "infinite-width reading",
            "a Dense layer at the end, without which outputs are not Gaussian",
            "add a Dense layer",
        )
    _follow(network.layers, "inputs")


def _follow(layers: Sequence[Layer], state: State) -> State:
    for layer in layers:
        match layer:
            case Dense():
                state = "Gaussian"
            case Linear():
                pass
            case Elementwise():
                # On the raw inputs an activation only makes other inputs.
                if state == "activated":
                    raise OutOfReachError(
                        f"{type(layer).__name__} on units that are no Gaussian process "
                        "(two activations in a row, or one after a sum with activated units)",
                        "a Dense layer in front of every activation",
                        "put a Dense layer between the two",
                    )
                state = state if state == "inputs" else "activated"
            case Residual(inside):
                _refuse_residual(inside, state)
            case _:
                assert_never(layer)
    return state


def _refuse_residual(inside: Sequence[Layer], state: State) -> None:
    if state == "inputs":
        raise OutOfReachError(
            "a residual block on the raw inputs, where its width stays the number of inputs",
            "a width that can grow",
            "put a Dense layer in front of the block",
        )
    if not isinstance(inside[-1], Dense):
        raise OutOfReachError(
            f"a residual block that ends in {type(inside[-1]).__name__}",
            "a Dense layer at its end, which makes the branch independent of the skip",
            "end the block in Dense",
        )
    _follow(inside, state)
