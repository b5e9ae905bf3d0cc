"""The network as plain data: inputs, layers, parameterization, initialisation."""

from dataclasses import dataclass, field
from math import prod

from carnotlab.core.errors import require
from carnotlab.networks.initialisation import Gaussian, Initialisation
from carnotlab.networks.layers import Layer
from carnotlab.networks.parameterization import Parameterization, Place, Standard
from carnotlab.networks.shapes import WeightedMap, behind, weighted_maps


@dataclass(frozen=True)
class Network:
    """A description with several readings: finite, linear, infinitely wide. Holds no arrays.

    ``inputs`` is a number of units, to which samples of any shape are flattened, or the shape of a
    sample with its channels last: ``(length, channels)`` or ``(height, width, channels)``.
    The weights of the first ``frozen`` linear maps are not trained.

    Raises:
        InputError: if no layer has weights, or a layer does not fit the one before it.

    >>> from carnotlab.networks.activations import Relu
    >>> from carnotlab.networks.layers import Dense
    >>> Network(2, (Dense(3), Relu(), Dense(1))).outputs
    1
    """

    inputs: int | tuple[int, ...]
    layers: tuple[Layer, ...]
    parameterization: Parameterization = field(default_factory=Standard)
    initialisation: Initialisation = field(default_factory=Gaussian)
    frozen: int = 0

    def __post_init__(self) -> None:
        require(
            len(self.shape) > 0 and min(self.shape) >= 1,
            f"inputs = {self.inputs}",
            "at least 1 along every axis",
            "give the input size",
        )
        maps = self.maps
        require(
            len(maps) > 0,
            "a network without weights",
            "at least one layer that has some",
            "add a Dense layer",
        )
        require(
            len(self.output_shape) == 1,
            f"outputs of shape {self.output_shape}",
            "outputs without positions",
            "end in Flatten or GlobalAveragePool and Dense",
        )
        require(
            0 <= self.frozen < len(maps),
            f"frozen = {self.frozen} of {len(maps)} linear maps with weights",
            f"from 0 to {len(maps) - 1}",
            "train the last one at least",
        )
        if not isinstance(self.parameterization, Standard):
            for layer in maps:
                require(
                    layer.bias_variance != 0.0,
                    f"bias_variance = 0 under {type(self.parameterization).__name__}, "
                    "where the bias could never leave zero",
                    "a variance above 0, or no bias",
                    "use bias_variance=None for no bias",
                )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a sample in front of the first layer."""
        return self.inputs if isinstance(self.inputs, tuple) else (self.inputs,)

    @property
    def input_size(self) -> int:
        """How many numbers a sample is."""
        return prod(self.shape)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of a sample behind the last layer."""
        return behind(self.shape, self.layers)

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return prod(self.output_shape)

    @property
    def maps(self) -> tuple[WeightedMap, ...]:
        """The linear maps with weights, in order of the forward pass."""
        return tuple(weighted_maps(self.shape, self.layers))

    @property
    def depth(self) -> int:
        """Number of linear maps with weights, those inside branches included."""
        return len(self.maps)

    @property
    def places(self) -> tuple[Place, ...]:
        """Where each linear map with weights stands, in order of the forward pass."""
        fan_ins = tuple(layer.fan_in for layer in self.maps)
        last = len(fan_ins) - 1
        return tuple(
            Place(n, "output" if i == last else "input" if i == 0 else "hidden", fan_ins[-1])
            for i, n in enumerate(fan_ins)
        )
