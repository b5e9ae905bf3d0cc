"""Weights at time zero with few inputs for each unit, so that deep networks do not fade."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import OutOfReachError, require_positive
from carnotlab.networks.description import Network
from carnotlab.networks.initialisation import Given, given
from carnotlab.tasks.drawing import generator


def sparse_start(
    network: Network, seeds: Sequence[int], *, inputs: int = 15, scale: float = 1.0
) -> Given:
    r"""Return a start in which each unit has ``inputs`` weights drawn from N(0, ``scale``²).

    All its other weights are zero, so that a unit's input has the same size at any width, and
    different units see different things. Source: martens2010.

    Raises:
        OutOfReachError: for convolutions.

    >>> from carnotlab.networks.architectures import mlp
    >>> start = sparse_start(mlp(20, (6,), 1), (0, 1), inputs=4)
    >>> [int(n) for n in (start.matrices[0][1] != 0.0).sum(axis=1)]
    [4, 4, 4, 4, 4, 4]
    """
    require_positive("inputs", inputs)
    require_positive("scale", scale)
    matrices: list[Float[np.ndarray, "members out in"]] = []
    for place, its in enumerate(network.maps):
        if len(its.shape) != 2:
            raise OutOfReachError("a sparse start of filters", "dense layers", "use Orthogonal()")
        rows, columns = its.shape
        members = np.zeros((len(seeds), rows, columns))
        for member, seed in zip(members, seeds, strict=True):
            random = generator(seed, f"sparse start {place}")
            chosen = np.argsort(random.random((rows, columns)), axis=1)[:, :inputs]
            drawn = scale * random.standard_normal(chosen.shape)
            np.put_along_axis(member, chosen, drawn, axis=1)
        matrices.append(members)
    return given(matrices)
