r"""Trainable depth: networks learn if the signal of their inputs reaches the outputs at all."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from carnotlab.core.assumptions import Assumption
from carnotlab.core.errors import OutOfReachError
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.learned_share import LEARNED_SHARE, learned_share
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Weights
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.correlation_map import Phase, phase
from carnotlab.theories.signal_propagation import Hidden, hidden_layers


@dataclass(frozen=True)
class TrainableDepth(Theory):
    r"""A network learns where its depth is below ``scales`` times :math:`\xi_c`, and not beyond.

    Over :math:`\xi_c` layers the correlation of two inputs forgets all but 1/e of what it was, and
    after about six times that many nothing is left to tell them apart. Predicts the share of the
    training loss that is learned: 1 or 0, and 0 at the start. A rule of thumb for a few hundred
    steps, with the edge blurred by a factor of about two. Source: schoenholz2017.

    >>> TrainableDepth().scales
    6.0
    """

    scales: float = 6.0
    name: ClassVar[str] = "trainable_depth"
    claim: ClassVar[str] = "networks train up to a depth of a few correlation lengths"
    references: ClassVar[tuple[str, ...]] = ("schoenholz2017",)
    predicts: ClassVar[tuple[Quantity, ...]] = (LEARNED_SHARE,)

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Return 1 behind the start if the depth is within reach, else 0.

        Raises:
            OutOfReachError: unless all hidden layers are alike, in activation and variances.
        """
        del start
        times = experiment.training.times
        within = relative_depth(experiment.network) <= self.scales
        values = np.where(times > 0.0, float(within), 0.0)
        return LEARNED_SHARE.label(values, ("time",), {"time": times}).to_dataset()

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measure of the share learned."""
        del experiment
        return (learned_share,)

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        Assumption(
            "wide compared with depth",
            "hidden layers over the narrowest hidden width: corrections of a width add up",
            1.0,
            lambda experiment, _: (
                len(hidden_layers(experiment.network))
                / min(layer.units for layer in hidden_layers(experiment.network))
            ),
        ),
    )


def relative_depth(network: Network) -> float:
    r"""Return the number of hidden layers over :math:`\xi_c`.

    Raises:
        OutOfReachError: unless all hidden layers are alike.

    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.networks.activations import Tanh
    >>> from carnotlab.networks.parameterization import Standard
    >>> def deep(layers, variance):
    ...     hidden = (8,) * layers
    ...     settings = {"weight_variance": variance, "bias_variance": 0.05}
    ...     kind = {"activation": Tanh(), "parameterization": Standard()}
    ...     return mlp(2, hidden, 1, **settings, **kind)
    >>> round(relative_depth(deep(20, 0.5)), 2), round(relative_depth(deep(20, 1.7)), 2)
    (16.79, 0.27)
    """
    return len(hidden_layers(network)) / phase_of(network).correlation_depth


def phase_of(network: Network) -> Phase:
    """Return the phase of a network whose hidden layers are alike.

    Raises:
        OutOfReachError: if they are not.
    """
    alike: set[Hidden] = {layer._replace(units=0) for layer in hidden_layers(network)}
    if len(alike) > 1:
        raise OutOfReachError(
            f"hidden layers of {len(alike)} kinds for one depth scale",
            "the same activation and variances in all",
            "build the network with mlp()",
        )
    layer = alike.pop()
    return phase(layer.activation, layer.weight_variance, layer.bias_variance)
