"""Ready-made networks."""

from collections.abc import Sequence

from carnotlab.networks.activations import Activation, Relu
from carnotlab.networks.description import Network
from carnotlab.networks.initialisation import Gaussian, Initialisation
from carnotlab.networks.layers import Dense, Layer, Normalization
from carnotlab.networks.parameterization import NTK, Parameterization, Standard


def mlp(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: Activation | None = None,
    normalization: Normalization | None = None,
    weight_variance: float = 2.0,
    output_variance: float = 1.0,
    bias_variance: float | None = None,
    parameterization: Parameterization | None = None,
    initialisation: Initialisation | None = None,
) -> Network:
    r"""Return a multilayer perceptron, rectifying by default, with NTK parameterization.

    ``weight_variance`` is :math:`\sigma_w^2` of every layer but the last, whose variance is
    ``output_variance``: it sets the size of the output at the start. A ``normalization`` stands in
    front of every activation.

    >>> mlp(64, (512, 512), 10).depth
    3
    """
    chosen: Activation = Relu() if activation is None else activation
    between = () if normalization is None else (normalization,)
    layers: list[Layer] = []
    for units in hidden:
        layers += [Dense(units, weight_variance, bias_variance), *between, chosen]
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
