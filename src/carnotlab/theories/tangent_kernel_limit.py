"""The tangent kernel of a wide network is that of infinite width, and stays so while it trains."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from carnotlab.core.assumptions import Assumption
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.kernel_change import TANGENT_KERNEL, tangent_kernel_on
from carnotlab.networks.finite import Weights
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.theories.base import Theory, TheoryAssumption


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

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Return the limiting kernel, the same at all record times."""
        del start
        limit = kernels(experiment.network, self._inputs(experiment)).ntk
        times = experiment.training.times
        values = np.broadcast_to(limit, (len(times), *limit.shape))
        return TANGENT_KERNEL.label(values, ("time",), {"time": times}).to_dataset()

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measure of the kernel on the probe inputs."""
        return (tangent_kernel_on(self._inputs(experiment)),)

    def _inputs(self, experiment: Experiment) -> np.ndarray:
        return np.asarray(experiment.task.data().train.x)[: self.probe]

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        Assumption(
            "wide layers",
            "one over the narrowest hidden width",
            1.0 / 32.0,
            lambda experiment, _: (
                1.0 / min((p.fan_in for p in experiment.network.places[1:]), default=1)
            ),
        ),
    )
