"""The tangent kernel of a wide network is that of infinite width, and stays so while it trains."""

from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.kernel_change import TANGENT_KERNEL
from carnotlab.networks.finite import Weights
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.fixed_kernel import WIDE_LAYERS, limiting_kernel, probed_kernel


@dataclass(frozen=True)
class TangentKernelLimit(Theory):
    r"""The kernel on the first ``probe`` training inputs equals :math:`\Theta_\infty` at any time.

    Deviations are of order one over the square root of the width. Source: jacot2018.

    >>> TangentKernelLimit(probe=4).name
    'tangent_kernel_limit'
    """

    probe: int = 16
    name: ClassVar[str] = "tangent_kernel_limit"
    claim: ClassVar[str] = "the tangent kernel converges with width to a fixed one"
    references: ClassVar[tuple[str, ...]] = ("jacot2018",)
    predicts: ClassVar[tuple[Quantity, ...]] = (TANGENT_KERNEL,)
    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (WIDE_LAYERS,)

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Return the limiting kernel, the same at all record times."""
        del start
        return limiting_kernel(experiment.network, experiment, self.probe)

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measure of the kernel on the probe inputs."""
        return (probed_kernel(experiment, self.probe),)
