"""What theories of a tangent kernel that stays fixed share: the inputs probed, and width."""

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Assumption
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.kernel_change import TANGENT_KERNEL, tangent_kernel_on
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.theories.base import TheoryAssumption

WIDE_LAYERS: TheoryAssumption = Assumption(
    "wide layers",
    "one over the narrowest hidden width",
    1.0 / 32.0,
    lambda experiment, _: 1.0 / min((p.fan_in for p in experiment.network.places[1:]), default=1),
)


def limiting_kernel(network: Network, experiment: Experiment, probe: int) -> xr.Dataset:
    """Return the network's kernel of infinite width, the same at all record times.

    It is taken on the experiment's first ``probe`` training inputs.
    """
    limit = kernels(network, _inputs(experiment, probe)).ntk
    times = experiment.training.times
    values = np.broadcast_to(limit, (len(times), *limit.shape))
    return TANGENT_KERNEL.label(values, ("time",), {"time": times}).to_dataset()


def probed_kernel(experiment: Experiment, probe: int) -> Measure:
    """Return the measure of a network's own kernel on the same inputs."""
    return tangent_kernel_on(_inputs(experiment, probe))


def _inputs(experiment: Experiment, probe: int) -> Float[np.ndarray, "probe *input"]:
    return np.asarray(experiment.task.data().train.x)[:probe]
