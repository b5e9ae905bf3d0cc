"""Networks of different widths in arrays of one shape, trained as if each had its own."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from carnotlab.core.errors import OutOfReachError, require
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import rule_kind
from carnotlab.networks.activations import activation
from carnotlab.networks.description import Network
from carnotlab.networks.elementwise import Elementwise
from carnotlab.networks.finite import Weights
from carnotlab.networks.initialisation import Gaussian
from carnotlab.networks.layers import Dense, Layer
from carnotlab.networks.parameterization import MeanField


@lru_cache(maxsize=64)
def _rests_at_zero(layer: Any) -> bool:
    """Whether an activation is 0 at 0."""
    # By NumPy around it: each operation of JAX's would be compiled to run once.
    return not np.any(activation(layer)(jax.device_put(np.zeros(1, np.float32))))


def hidden_widths(network: Network) -> tuple[int, ...]:
    """Return the units of every hidden layer of a multilayer perceptron.

    Raises:
        OutOfReachError: for layers other than dense ones and activations, or an activation that is
            not 0 at 0, whose idle units would learn.

    >>> from carnotlab.networks.architectures import mlp
    >>> hidden_widths(mlp(3, (5, 4), 2))
    (5, 4)
    """
    for layer in network.layers:
        match layer:
            case Dense():
                fits = True
            case Elementwise():
                fits = _rests_at_zero(layer)
            case _:
                fits = False
        if not fits:
            raise OutOfReachError(
                f"{layer} in a network with units that stay idle",
                "dense layers, and activations that are 0 at 0",
                "use Relu() or Tanh(), or train it with train()",
            )
    return tuple(layer.units for layer in network.layers if isinstance(layer, Dense))[:-1]


def widened(experiment: Experiment, widths: Sequence[int]) -> Experiment:
    r"""Return the experiment with hidden layers of ``widths``, made for `padded` starts.

    Variances of weights are set such that every multiplier :math:`m = \sqrt{\sigma^2/n}` on stored
    weights stays that of the narrow network, and with it the course of training. What training
    starts from is the narrow network's business: this one is not to be started itself.

    A unit whose weights and bias in and out are zero passes no activity on, if its activation is
    0 at 0, and no gradient back: it is idle, and stays so under any rule that leaves a weight of
    zero gradient and zero value alone (gradient descent, momentum, Adam, weight decay).

    Raises:
        OutOfReachError: see `hidden_widths`; and for mean-field networks of several hidden layers
            under rules that normalize the gradient, whose rates depend on widths.
        InputError: for a width below the network's own.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.tasks.gaussian_regression import GaussianRegression
    >>> narrow = Experiment(GaussianRegression(3, samples=5), mlp(3, (5,), 1), Training())
    >>> widened(narrow, (8,)).network.layers[2].weight_variance
    1.6
    """
    network, kind = experiment.network, experiment.network.parameterization
    own = hidden_widths(network)
    require(
        len(widths) == len(own) and all(a <= b for a, b in zip(own, widths, strict=True)),
        f"widths {own} widened to {tuple(widths)}",
        "as many layers, none narrower",
        "give a width for each hidden layer",
    )
    if isinstance(kind, MeanField) and own:
        if len(own) > 1 and rule_kind(experiment.training.rule) == "adaptive":
            raise OutOfReachError(
                "several hidden layers of mean-field networks under an adaptive rule",
                "rates that do not depend on widths",
                "use one hidden layer, or Standard()",
            )
        kind = replace(kind, richness=kind.richness * (max(own[-1:]) / max(widths[-1:])) ** 0.5)
    units = iter((*widths, network.outputs))
    fan_ins = iter(zip((network.input_size, *own), (network.input_size, *widths), strict=True))
    layers: list[Layer] = []
    for layer in network.layers:
        if isinstance(layer, Dense):
            narrow, wide = next(fan_ins)
            variance = layer.weight_variance * wide / narrow
            layers.append(replace(layer, units=next(units), weight_variance=variance))
        else:
            layers.append(layer)
    wider = replace(network, layers=tuple(layers), parameterization=kind, initialisation=Gaussian())
    return replace(experiment, network=wider)


def padded(weights: Weights, network: Network) -> Weights:
    """Return stored weights ``[members, ...]`` with zeros for the units that ``network`` has more.

    >>> from carnotlab.networks.architectures import mlp
    >>> narrow = ({"weight": np.ones((2, 3, 4))}, {"weight": np.ones((2, 1, 3))})
    >>> [layer["weight"].shape for layer in padded(narrow, mlp(4, (8,), 1))]
    [(2, 8, 4), (2, 1, 8)]
    """

    def grown(array: Array, shape: tuple[int, ...]) -> Any:
        # Not by the compiler, which would take longer over each new shape than training does.
        more = [(0, b - a) for a, b in zip(array.shape[1:], shape, strict=True)]
        return np.pad(np.asarray(array), [(0, 0), *more])

    return tuple(
        {
            name: grown(array, its.shape if name == "weight" else (its.outputs,))
            for name, array in layer.items()
        }
        for layer, its in zip(weights, network.maps, strict=True)
    )


def start_by_cutting(narrow: Experiment, widths: Sequence[int], seeds: Sequence[int]) -> Weights:
    """Return the network's start, cut out of that of one with hidden layers of ``widths``.

    The first entries of a stream of random numbers do not depend on how many are drawn. So networks
    of many widths share what draws them in the widest, where each of its own takes seconds to
    compile. Equal to the network's own start to rounding; starts other than Gaussian are drawn.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.tasks.gaussian_regression import GaussianRegression
    >>> narrow = Experiment(GaussianRegression(3, samples=5), mlp(3, (5,), 1), Training())
    >>> cut, own = start_by_cutting(narrow, (8,), (0, 1)), narrow.start((0, 1))
    >>> bool(np.allclose(cut[0]["weight"], own[0]["weight"]))
    True
    """
    kind = narrow.network.initialisation
    if not isinstance(kind, Gaussian):
        return narrow.start(seeds)
    wide = widened(narrow, widths)
    drawn = replace(wide, network=replace(wide.network, initialisation=kind)).start(seeds)

    def cut(array: Array, shape: tuple[int, ...]) -> Any:
        flat = np.asarray(array).reshape(len(seeds), -1)
        return flat[:, : math.prod(shape)].reshape(-1, *shape)

    return tuple(
        {
            name: cut(array, its.shape if name == "weight" else (its.outputs,))
            for name, array in layer.items()
        }
        for layer, its in zip(drawn, narrow.network.maps, strict=True)
    )


def bucket(size: int, growth: int = 2) -> int:
    """Return the size of the arrays that hold ``size``: 16, or 16 times a power of ``growth``.

    >>> [bucket(size) for size in (3, 16, 17, 400)], bucket(17, growth=8)
    ([16, 16, 32, 512], 128)
    """
    require(growth >= 2, f"growth = {growth}", "at least 2", "use 2, which wastes least")
    found = 16
    while found < size:
        found *= growth
    return found
