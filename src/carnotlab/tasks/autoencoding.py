"""Any task's inputs as their own targets."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Data
from carnotlab.core.errors import require
from carnotlab.tasks.changed_task import ChangedTask
from carnotlab.tasks.drawing import sealed
from carnotlab.tasks.statistics import flattened


@dataclass(frozen=True)
class Autoencoding(ChangedTask):
    """The inputs of another task, flattened, with themselves as targets.

    >>> from carnotlab.tasks.digits import Digits
    >>> batch = Autoencoding(Digits(20, 10)).data().train
    >>> batch.y.shape, bool((batch.x == batch.y).all())
    ((20, 64), True)
    """

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one flattened input."""
        return (self.task.input_size,)

    @property
    def output_size(self) -> int:
        """As many outputs as inputs."""
        return self.task.input_size

    @property
    def is_classification(self) -> bool:
        """Targets are inputs, not classes."""
        return False

    def changed(self, data: Data) -> Data:
        """Return the samples with their inputs as targets."""
        return Data(*(sealed(x, x) for x, _ in map(flattened, data)))


def linear_reconstruction_errors(x: Float[np.ndarray, "n d"], units: int) -> tuple[float, float]:
    r"""Return what is left by the mean alone, and by the best linear autoencoder.

    Means over samples of squared distances :math:`|x - \hat x|^2`. The second is the variance
    outside the ``units`` first principal components.

    Raises:
        InputError: for fewer than 0 units or more than there are inputs.

    >>> mean, best = linear_reconstruction_errors(np.array([[0.0, 0.0], [2.0, 2.0]]), 1)
    >>> mean, best < 1e-12
    (2.0, True)
    """
    x = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
    require(0 <= units <= x.shape[1], f"units = {units}", f"from 0 to {x.shape[1]}", "use fewer")
    powers = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2 / len(x)
    return float(powers.sum()), float(powers[units:].sum())
