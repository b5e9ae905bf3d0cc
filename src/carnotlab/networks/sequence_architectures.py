"""Ready-made networks that read a sequence and answer at its end."""

from collections.abc import Sequence

from carnotlab.core.errors import require
from carnotlab.networks.activations import Activation, Relu, Tanh
from carnotlab.networks.description import Network
from carnotlab.networks.layers import (
    CausalAttention,
    Dense,
    Flatten,
    LastPosition,
    Layer,
    LayerNorm,
    OneHot,
    PositionOneHot,
    Recurrent,
    Residual,
)


def window_mlp(
    inputs: tuple[int, int],
    hidden: Sequence[int],
    outputs: int,
    *,
    symbols: int | None = None,
    activation: Activation | None = None,
) -> Network:
    """Return a multilayer perceptron that sees all positions of a sequence at once.

    ``inputs`` are length and channels; with ``symbols`` the one channel holds codes of so many
    symbols. Biases start at zero.

    >>> window_mlp((8, 1), (32,), 5, symbols=5).maps[0].shape
    (32, 40)
    """
    chosen: Activation = Relu() if activation is None else activation
    layers: list[Layer] = [*_reading(inputs, symbols), Flatten()]
    for index, units in enumerate(hidden):
        layers += [Dense(units, 2.0 * _rarity(index, symbols), 0.0), chosen]
    return Network(inputs, (*layers, Dense(outputs, 1.0, 0.0)))


def recurrent(
    inputs: tuple[int, int],
    hidden: Sequence[int],
    outputs: int,
    *,
    symbols: int | None = None,
    activation: Activation | None = None,
) -> Network:
    """Return recurrent layers on one another, read out at the last position.

    ``inputs`` and ``symbols`` are those of `window_mlp`.

    >>> [layer.shape for layer in recurrent((8, 3), (16,), 2).maps]
    [(16, 3), (16, 16), (2, 16)]
    """
    chosen: Activation = Tanh() if activation is None else activation
    layers: list[Layer] = _reading(inputs, symbols)
    for index, units in enumerate(hidden):
        layers.append(Recurrent(units, chosen, _rarity(index, symbols), bias_variance=0.0))
    ends = (LastPosition(), Dense(outputs, 1.0, 0.0))
    return Network(inputs, (*layers, *ends))


def transformer(
    inputs: tuple[int, int],
    units: int,
    outputs: int,
    *,
    blocks: int = 1,
    heads: int = 2,
    expansion: int = 4,
    symbols: int | None = None,
) -> Network:
    """Return a decoder: blocks of causal attention and a perceptron, read out at the end.

    Each half of a block is normalized in front and added to what it reads; the perceptron has
    ``expansion`` times as many units. Symbols and positions are embedded by one trained vector
    each. Behind the last attention positions no longer meet, so only the last is followed.
    ``inputs`` and ``symbols`` are those of `window_mlp`. Source: vaswani2017.

    Raises:
        InputError: if ``heads`` do not divide ``units``.

    >>> transformer((8, 1), 16, 5, symbols=5).depth
    8
    """
    require(
        units % heads == 0,
        f"{units} units in {heads} heads",
        "heads of equal size",
        "use a number of heads that divides the units",
    )
    require(blocks >= 1, f"blocks = {blocks}", "at least 1", "use blocks=1")
    channels = inputs[1] if symbols is None else inputs[1] * symbols
    attention = CausalAttention(units, heads, units // heads)
    perceptron = Residual(
        (LayerNorm(), Dense(expansion * units, 2.0, 0.0), Relu(), Dense(units, 1.0, 0.0))
    )
    layers: list[Layer] = [
        *_reading(inputs, symbols),
        PositionOneHot(),
        Dense(units, float(channels + inputs[0])),
    ]
    for block in range(blocks):
        layers.append(Residual((LayerNorm(), attention)))
        layers += [LastPosition()] if block == blocks - 1 else []
        layers.append(perceptron)
    return Network(inputs, (*layers, LayerNorm(), Dense(outputs, 1.0, 0.0)))


def _reading(inputs: tuple[int, int], symbols: int | None) -> list[Layer]:
    require(
        len(inputs) == 2,
        f"inputs = {inputs}",
        "length and channels of a sequence",
        "give both",
    )
    return [] if symbols is None else [OneHot(symbols)]


def _rarity(index: int, symbols: int | None) -> float:
    """Return one over the share of a layer's inputs that are on, which variances make up for."""
    return float(symbols) if symbols is not None and index == 0 else 1.0
