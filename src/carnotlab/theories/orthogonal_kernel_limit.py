"""Wide networks with orthogonal weights have the tangent kernel of those with Gaussian ones."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import xarray as xr

from carnotlab.core.errors import OutOfReachError
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.kernel_change import TANGENT_KERNEL
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Weights
from carnotlab.networks.initialisation import Gaussian, Orthogonal
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.fixed_kernel import WIDE_LAYERS, limiting_kernel, probed_kernel


@dataclass(frozen=True)
class OrthogonalKernelLimit(Theory):
    r"""The kernel on the first ``probe`` training inputs is that of Gaussian weights, at any time.

    It needs entries of one variance, gain² over the longer side for orthogonal and
    :math:`\sigma_w^2` over the fan-in for Gaussian matrices, hence
    gain² = :math:`\sigma_w^2 \max(1, n_{out}/n_{in})` in every layer: a layer with more outputs
    than inputs, as the first often is, must be given a smaller :math:`\sigma_w^2`, and its inputs
    scaled up as much. Networks with a Gaussian start are predicted too. With ``any_gain`` this is
    not asked for, a mistake made on purpose to see what it costs. Source: huang2021.

    >>> OrthogonalKernelLimit(probe=4).name
    'orthogonal_kernel_limit'
    """

    probe: int = 16
    any_gain: bool = False
    name: ClassVar[str] = "orthogonal_kernel_limit"
    claim: ClassVar[str] = "orthogonal and Gaussian weights have one tangent kernel at large width"
    references: ClassVar[tuple[str, ...]] = ("huang2021", "jacot2018")
    predicts: ClassVar[tuple[Quantity, ...]] = (TANGENT_KERNEL,)
    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (WIDE_LAYERS,)

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Return the limiting kernel, the same at all record times.

        Raises:
            OutOfReachError: for entries of another variance than Gaussian ones would have.
        """
        del start
        network = experiment.network
        if self.any_gain:
            gaussian = replace(network, initialisation=Gaussian())
        else:
            gaussian = gaussian_counterpart(network)
        return limiting_kernel(gaussian, experiment, self.probe)

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measure of the kernel on the probe inputs."""
        return (probed_kernel(experiment, self.probe),)


def gaussian_counterpart(network: Network) -> Network:
    """Return the network with Gaussian weights whose entries have the same variance.

    Raises:
        OutOfReachError: if the gain does not fit the layers' weight variances.

    >>> from carnotlab.networks.architectures import mlp
    >>> square = mlp(8, (8,), 8, weight_variance=1.0, initialisation=Orthogonal())
    >>> gaussian_counterpart(square).initialisation
    Gaussian(scale=1.0)
    """
    start = network.initialisation
    match start:
        case Gaussian():
            return network
        case Orthogonal(gain):
            for layer in network.maps:
                entries = gain**2 / max(layer.outputs, layer.fan_in)
                wanted = layer.weight_variance / layer.fan_in
                if not math.isclose(entries, wanted, rel_tol=1e-9):
                    raise OutOfReachError(
                        f"gain {gain:g} for a layer of {layer.fan_in} inputs, {layer.outputs} "
                        f"outputs and weight variance {layer.weight_variance:g}",
                        "gain² = weight_variance · max(1, outputs / inputs), as entries of "
                        "Gaussian matrices have",
                        f"use weight_variance={entries * layer.fan_in:g} there",
                    )
            return replace(network, initialisation=Gaussian())
        case _:
            raise OutOfReachError(
                f"the initialisation {type(start).__name__} for a kernel limit",
                "Gaussian or orthogonal weights",
                "use Gaussian() or Orthogonal()",
            )
