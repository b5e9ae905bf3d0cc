r"""Mean field of a random wide network: lengths, correlations and gradients through its layers."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Assumption
from carnotlab.core.errors import OutOfReachError
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.activity import (
    ACTIVITY_CORRELATION,
    ACTIVITY_LENGTH,
    GRADIENT_LENGTH,
    activity_correlation_on,
    activity_length_on,
    gradient_length_on,
)
from carnotlab.measures.base import Measure
from carnotlab.networks.activations import Activation
from carnotlab.networks.description import Network
from carnotlab.networks.elementwise import Elementwise
from carnotlab.networks.finite import Weights
from carnotlab.networks.initialisation import Gaussian, Orthogonal
from carnotlab.networks.layers import Dense
from carnotlab.networks.parameterization import Standard
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.correlation_map import expectations

Matrix = Float[np.ndarray, "probe probe"]


class Hidden(NamedTuple):
    """One hidden layer: its weights' and biases' variance, its size and its activation."""

    units: int
    weight_variance: float
    bias_variance: float
    activation: Activation


@dataclass(frozen=True)
class SignalPropagation(Theory):
    r"""Layer by layer, at the start: :math:`K = \sigma_w^2 E[\phi(u)\phi(v)] + \sigma_b^2`.

    From the Gram matrix of the first ``probe`` training inputs, over their number of entries. It
    gives the mean square of hidden units, the cosine between inputs, and, with
    :math:`|\delta_l|^2 = \sigma_w^2 E[\phi'^2] |\delta_{l+1}|^2` back from the output, the squared
    gradient :math:`|\partial f / \partial W_l|^2 = |\delta_l|^2 |h_{l-1}|^2`. For chains of `Dense`
    and activations in the standard parameterization; equal at all times, which training makes
    wrong. Orthogonal weights have the same mean field as Gaussian ones of their variance. Without
    ``biases`` they are left out of the maps, a mistake made on purpose to see what it costs.
    Sources: poole2016, schoenholz2017.

    >>> SignalPropagation(probe=4).name
    'signal_propagation'
    """

    probe: int = 8
    biases: bool = True
    name: ClassVar[str] = "signal_propagation"
    claim: ClassVar[str] = "lengths and correlations pass through random layers by two fixed maps"
    references: ClassVar[tuple[str, ...]] = ("poole2016", "schoenholz2017")
    predicts: ClassVar[tuple[Quantity, ...]] = (
        ACTIVITY_LENGTH,
        ACTIVITY_CORRELATION,
        GRADIENT_LENGTH,
    )

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Return what the start looks like, the same at all record times.

        Raises:
            OutOfReachError: for other layers, parameterizations or starts.
        """
        del start
        network, x = experiment.network, self._inputs(experiment)
        times = experiment.training.times
        lengths, correlations, gains = self._forward(network, x)
        parts: list[xr.DataArray] = []
        for quantity, values in (
            (ACTIVITY_LENGTH, np.stack(lengths)),
            (ACTIVITY_CORRELATION, np.stack(correlations)),
            (GRADIENT_LENGTH, _gradients(network, x, lengths, gains)),
        ):
            over_time = np.broadcast_to(values, (len(times), *values.shape))
            parts.append(quantity.label(over_time, ("time",), {"time": times}))
        return xr.merge(parts)

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measures of activity and gradients on the probe inputs."""
        x = self._inputs(experiment)
        return (activity_length_on(x), activity_correlation_on(x), gradient_length_on(x))

    def _inputs(self, experiment: Experiment) -> Float[np.ndarray, "probe inputs"]:
        x = np.asarray(experiment.task.data().train.x)[: self.probe]
        return x.reshape(len(x), -1)

    def _forward(
        self, network: Network, x: Float[np.ndarray, "probe inputs"]
    ) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
        """Return, per hidden layer, lengths, correlations and E[phi'^2] of every input."""
        activity = x @ x.T / x.shape[1]
        pairs = np.triu_indices(len(x), k=1)
        lengths: list[np.ndarray] = []
        correlations: list[np.ndarray] = []
        gains: list[np.ndarray] = []
        for layer in hidden_layers(network):
            bias = layer.bias_variance if self.biases else 0.0
            before = layer.weight_variance * activity + bias
            spread = np.diag(before)
            a, b = np.broadcast_arrays(spread[:, None], spread[None, :])
            found = expectations(layer.activation, a, b, before)
            activity = found.value
            scale = np.sqrt(np.diag(activity))
            lengths.append(np.diag(activity))
            correlations.append((activity / np.outer(scale, scale))[pairs])
            gains.append(np.diag(found.slope))
        return lengths, correlations, gains

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        Assumption(
            "wide compared with depth",
            "hidden layers over the narrowest hidden width: corrections of a width add up",
            0.1,
            lambda experiment, _: _depth_over_width(experiment.network),
        ),
    )


def hidden_layers(network: Network) -> tuple[Hidden, ...]:
    """Return the hidden layers of a chain of dense layers and activations.

    Raises:
        OutOfReachError: for anything else, and as `weight_variances`.

    >>> from carnotlab.networks.activations import Tanh
    >>> chain = Network(4, (Dense(8), Tanh(), Dense(2)))
    >>> [layer.units for layer in hidden_layers(chain)]
    [8]
    """
    *inner, last = network.layers
    linear, activations = inner[::2], inner[1::2]
    fits = (
        isinstance(last, Dense)
        and len(linear) == len(activations) > 0
        and all(isinstance(layer, Dense) for layer in linear)
        and all(isinstance(layer, Elementwise) for layer in activations)
        and len(network.shape) == 1
    )
    if not fits:
        raise OutOfReachError(
            "a network that is not a chain of Dense layers with an activation between any two",
            "such a chain",
            "use mlp(); for other layers see kernels()",
        )
    found: list[Hidden] = []
    for layer, variance, activation in zip(
        linear, weight_variances(network), activations, strict=False
    ):
        assert isinstance(layer, Dense)
        assert isinstance(activation, Elementwise)
        found.append(Hidden(layer.units, variance, layer.bias_variance or 0.0, activation))
    return tuple(found)


def weight_variances(network: Network) -> tuple[float, ...]:
    r"""Return fan-in times the variance of entries of every weight matrix at the start.

    That is :math:`\sigma_w^2` for Gaussian matrices, and gain² for orthogonal ones that have at
    most as many outputs as inputs; with more outputs less of it falls on each.

    Raises:
        OutOfReachError: for another parameterization or start.

    >>> from carnotlab.networks.architectures import deep_linear
    >>> weight_variances(deep_linear(4, (8,), 2, initialisation=Orthogonal()))
    (0.5, 1.0)
    """
    match network.parameterization, network.initialisation:
        case Standard(), Gaussian(scale):
            return tuple(scale**2 * layer.weight_variance for layer in network.maps)
        case Standard(), Orthogonal(gain):
            return tuple(
                gain**2 * layer.fan_in / max(layer.fan_in, layer.outputs) for layer in network.maps
            )
        case kind, start:
            raise OutOfReachError(
                f"{type(kind).__name__} from {type(start).__name__}",
                "the standard parameterization with Gaussian or orthogonal weights",
                "use Standard() with Gaussian() or Orthogonal()",
            )


def _gradients(
    network: Network,
    x: Float[np.ndarray, "probe inputs"],
    lengths: list[np.ndarray],
    gains: list[np.ndarray],
) -> Float[np.ndarray, " weight_layer"]:
    """Return the squared derivative by each layer's weights, mean over inputs."""
    layers = hidden_layers(network)
    squares = [np.sum(x**2, axis=1)]
    squares += [layer.units * length for layer, length in zip(layers, lengths, strict=True)]
    above = weight_variances(network)[1:]
    error = np.ones(len(x))
    found = [squares[-1] * error]
    for square, variance, gain in zip(squares[-2::-1], above[::-1], gains[::-1], strict=True):
        error = variance * gain * error
        found.append(square * error)
    return np.stack(found[::-1]).mean(axis=1)


def _depth_over_width(network: Network) -> float:
    layers = hidden_layers(network)
    return len(layers) / min(layer.units for layer in layers)
