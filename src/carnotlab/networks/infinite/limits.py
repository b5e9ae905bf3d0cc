"""Which descriptions have an infinite-width limit, and what to use instead where they do not."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, assert_never

from carnotlab.core.errors import OutOfReachError
from carnotlab.networks.activations import Linear
from carnotlab.networks.description import Network
from carnotlab.networks.elementwise import Elementwise
from carnotlab.networks.infinite.gains import gaussian_scale
from carnotlab.networks.infinite.prefix import weighted_layers
from carnotlab.networks.layers import (
    AveragePool,
    BatchNorm,
    CausalAttention,
    Convolution,
    Dense,
    DropConnect,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalSumPool,
    GroupNorm,
    LastPosition,
    Layer,
    LayerNorm,
    MaxPool,
    OneHot,
    PositionOneHot,
    Product,
    Recurrent,
    Residual,
    SelfAttention,
    Sum,
    SumPool,
    branches_of,
)

State: TypeAlias = Literal["inputs", "Gaussian", "activated", "mixed"]
"""What the units hold.

The raw inputs; a Gaussian process, equal from unit to unit; a function of one; or units that are
not equally distributed, behind `Flatten`.
"""


def refuse_without_limit(network: Network) -> None:
    """Raise `OutOfReachError` unless the network tends to a Gaussian process as it widens.

    >>> from carnotlab.networks.architectures import mlp
    >>> refuse_without_limit(mlp(2, (8,), 1))
    """
    gaussian_scale(network)
    state = _follow(weighted_layers(network), "inputs")
    if state != "Gaussian" or not _ends_in_weights(network.layers):
        raise OutOfReachError(
            f"a network that ends in {type(network.layers[-1]).__name__} in the "
            "infinite-width reading",
            "a layer with weights at the end, without which outputs are not alike and Gaussian",
            "add a Dense layer",
        )


def _follow(layers: Sequence[Layer], state: State) -> State:
    for layer in layers:
        match layer:
            case Dense() | Convolution() | SelfAttention():
                state = "Gaussian"
            case Linear() | AveragePool() | SumPool() | GlobalAveragePool() | GlobalSumPool():
                pass
            case Flatten():
                state = "mixed" if state == "Gaussian" else state
            case Elementwise():
                # On the raw inputs an activation only makes other inputs.
                _refuse_unless_gaussian(layer, state)
                state = state if state == "inputs" else "activated"
            case LayerNorm():
                _refuse_unless_gaussian(layer, state)
            case Dropout():
                # Masked units are uncorrelated, but no longer Gaussian.
                state = state if state == "inputs" else "activated"
            case Residual() | Sum() | Product():
                state = _joined(layer, state)
            case DropConnect(units, keep):
                raise OutOfReachError(
                    "DropConnect in the infinite-width reading",
                    "noise on units, whose limit is the same: every variance grows to 1/keep",
                    f"use Dropout({keep:g}) in front of Dense({units})",
                )
            case MaxPool():
                raise OutOfReachError(
                    "MaxPool in the infinite-width reading",
                    "pooling that is linear, since the covariance of maxima has no closed form",
                    "use AveragePool",
                )
            case CausalAttention():
                raise OutOfReachError(
                    "CausalAttention in the infinite-width reading",
                    "a form with a closed limit, which the softmax of q k / sqrt d has not",
                    f"use SelfAttention({layer.units})",
                )
            case Recurrent():
                raise OutOfReachError(
                    "Recurrent in the infinite-width reading",
                    "weights that act once, since the limit of shared ones is not computed here",
                    f"use Convolution({layer.units})",
                )
            case LastPosition() | OneHot() | PositionOneHot():
                raise OutOfReachError(
                    f"{type(layer).__name__} behind weights in the infinite-width reading",
                    "it in front of all weights, where it only makes other inputs",
                    "move it to the front, or use GlobalAveragePool to leave positions",
                )
            case BatchNorm() | GroupNorm():
                raise OutOfReachError(
                    f"{type(layer).__name__} in the infinite-width reading",
                    "normalization over the units of each sample, whose number grows",
                    "use LayerNorm()",
                )
            case _:
                assert_never(layer)
    return state


def _refuse_unless_gaussian(layer: Layer, state: State) -> None:
    name = type(layer).__name__
    if state == "activated":
        raise OutOfReachError(
            f"{name} on units that are no Gaussian process "
            "(two activations in a row, or one after a sum with activated units)",
            f"a layer with weights in front of every {name}",
            "put a Dense layer between the two",
        )
    if state == "mixed":
        raise OutOfReachError(
            f"{name} behind Flatten, where units of different positions differ in variance",
            "units that are alike",
            f"put {name} in front of Flatten, or Dense between the two",
        )


def _joined(layer: Residual | Sum | Product, state: State) -> State:
    name = "a residual block" if isinstance(layer, Residual) else f"a {type(layer).__name__}"
    parts = branches_of(layer)
    if state == "inputs" and any(len(part) == 0 for part in parts):
        raise OutOfReachError(
            f"{name} on the raw inputs, where its width stays the number of inputs",
            "a width that can grow",
            "put a Dense layer in front of the block",
        )
    dependent = [part for part in parts if _origin(part) != "weights"]
    if len(dependent) > 1:
        end = next(part for part in reversed(dependent) if part)
        raise OutOfReachError(
            f"{name} that ends in {type(end[-1]).__name__}",
            "a layer with weights at the end of all branches but one, which makes them independent",
            "end the block in Dense",
        )
    states = [_follow(part, state) for part in parts]
    if isinstance(layer, Product):
        return "activated"
    worst: tuple[State, ...] = ("activated", "mixed", "inputs", "Gaussian")
    return next(kind for kind in worst if kind in states)


def _ends_in_weights(layers: Sequence[Layer]) -> bool:
    """Whether outputs are sums over wide layers, nothing but which makes them Gaussian."""
    for layer in reversed(layers):
        match layer:
            case Dense() | Convolution() | SelfAttention():
                return True
            case Linear() | AveragePool() | SumPool() | GlobalAveragePool() | GlobalSumPool():
                continue
            case Sum():
                return all(_ends_in_weights(branch) for branch in layer.branches)
            case _:
                return False
    return False


def _origin(layers: Sequence[Layer]) -> Literal["weights", "input", "other"]:
    """Say what a branch's outputs are linear in: weights of its own, also its input, or neither."""
    for layer in reversed(layers):
        match layer:
            case Dense() | Convolution() | SelfAttention() | CausalAttention() | Recurrent():
                return "weights"
            case Linear() | AveragePool() | SumPool() | GlobalAveragePool() | GlobalSumPool():
                continue
            case Flatten():
                continue
            case Residual() | Sum() | Product():
                origins = {_origin(branch) for branch in branches_of(layer)}
                if origins == {"weights"}:
                    return "weights"
                if "other" in origins or isinstance(layer, Product):
                    return "other"
            case _:
                return "other"
    return "input"
