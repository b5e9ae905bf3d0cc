"""The network as plain data: inputs, layers, parameterization, initialisation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from carnotlab.core.errors import InputError, require
from carnotlab.networks.activations import Activation, Elementwise, Relu
from carnotlab.networks.initialisation import Gaussian, Initialisation
from carnotlab.networks.layers import Dense, Layer, Residual
from carnotlab.networks.parameterization import NTK, Parameterization, Place, Standard


@dataclass(frozen=True)
class Network:
    """A description with several readings: finite, linear, infinitely wide. Holds no arrays.

    Inputs of any shape are flattened to ``inputs`` numbers.

    Raises:
        InputError: if there is no dense layer, or a residual block changes the size of its input.

    >>> Network(2, (Dense(3), Relu(), Dense(1))).outputs
    1
    """

    inputs: int
    layers: tuple[Layer, ...]
    parameterization: Parameterization = field(default_factory=Standard)
    initialisation: Initialisation = field(default_factory=Gaussian)

    def __post_init__(self) -> None:
        require(self.inputs >= 1, f"inputs = {self.inputs}", "at least 1", "give the input size")
        count = sum(1 for _ in dense_layers(self.layers))
        require(count > 0, "a network without dense layers", "at least one", "add a Dense layer")
        sizes(self.inputs, self.layers)
        if not isinstance(self.parameterization, Standard):
            for layer in dense_layers(self.layers):
                require(
                    layer.bias_variance != 0.0,
                    f"bias_variance = 0 under {type(self.parameterization).__name__}, "
                    "where the bias could never leave zero",
                    "a variance above 0, or no bias",
                    "use bias_variance=None for no bias",
                )

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return sizes(self.inputs, self.layers)

    @property
    def depth(self) -> int:
        """Number of weight layers, those inside residual blocks included."""
        return sum(1 for _ in dense_layers(self.layers))

    @property
    def places(self) -> tuple[Place, ...]:
        """Where each dense layer stands, in order of the forward pass."""
        fan_ins = tuple(_fan_ins(self.inputs, self.layers))
        last = len(fan_ins) - 1
        return tuple(
            Place(n, "output" if i == last else "input" if i == 0 else "hidden", fan_ins[-1])
            for i, n in enumerate(fan_ins)
        )


def dense_layers(layers: Sequence[Layer]) -> Iterator[Dense]:
    """Yield the dense layers in order of the forward pass, residual blocks included."""
    for layer in layers:
        match layer:
            case Dense():
                yield layer
            case Residual(inside):
                yield from dense_layers(inside)
            case Elementwise():
                pass
            case _:
                assert_never(layer)


def sizes(inputs: int, layers: Sequence[Layer]) -> int:
    """Return the number of outputs of some layers on ``inputs`` numbers.

    >>> sizes(4, (Dense(3), Residual((Relu(), Dense(3)))))
    3
    """
    size = inputs
    for layer in layers:
        match layer:
            case Dense(units):
                size = units
            case Residual(inside):
                after = sizes(size, inside)
                if after != size:
                    raise InputError(
                        f"a residual block from {size} to {after} units",
                        "the same size before and after",
                        f"end the block in Dense({size})",
                    )
            case Elementwise():
                pass
            case _:
                assert_never(layer)
    return size


def _fan_ins(inputs: int, layers: Sequence[Layer]) -> Iterator[int]:
    size = inputs
    for layer in layers:
        match layer:
            case Dense(units):
                yield size
                size = units
            case Residual(inside):
                yield from _fan_ins(size, inside)
            case Elementwise():
                pass
            case _:
                assert_never(layer)


def mlp(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: Activation | None = None,
    weight_variance: float = 2.0,
    output_variance: float = 1.0,
    bias_variance: float | None = None,
    parameterization: Parameterization | None = None,
    initialisation: Initialisation | None = None,
) -> Network:
    r"""Return a multilayer perceptron, rectifying by default, with NTK parameterization.

    ``weight_variance`` is :math:`\sigma_w^2` of every layer but the last, whose variance is
    ``output_variance``: it sets the size of the output at the start.

    >>> mlp(64, (512, 512), 10).depth
    3
    """
    chosen: Activation = Relu() if activation is None else activation
    layers: list[Layer] = []
    for units in hidden:
        layers += [Dense(units, weight_variance, bias_variance), chosen]
    return Network(
        inputs,
        (*layers, Dense(outputs, output_variance, bias_variance)),
        NTK() if parameterization is None else parameterization,
        Gaussian() if initialisation is None else initialisation,
    )


def deep_linear(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    initialisation: Initialisation | None = None,
) -> Network:
    """Return a deep linear network: dense layers and nothing else, standard parameterization.

    >>> deep_linear(8, (16,), 4).depth
    2
    """
    return Network(
        inputs,
        tuple(Dense(units) for units in (*hidden, outputs)),
        Standard(),
        Gaussian() if initialisation is None else initialisation,
    )
