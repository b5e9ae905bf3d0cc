"""Images of smooth curves through three random points: high-dimensional, with six causes."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import require_positive
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_whole
from carnotlab.tasks.drawing import generator, sealed

BLOCK = 256


@dataclass(frozen=True)
class Curves(Task):
    r"""Gray images in [0, 1] of parabolas through three random points; targets are the points.

    Points :math:`P_0, P_1, P_2` are uniform in the square without its margins of a tenth. The
    curve :math:`c(t)` passes them at t = 0, ½, 1. A pixel is :math:`\max_t e^{-|p - c(t)|^2/2s^2}`
    with pen width s pixels. Inputs are flattened rows, targets the six coordinates in [0, 1].
    After the synthetic curves of hinton2006, whose exact drawing is not published.

    Raises:
        InputError: for sizes below 1, or a pen width that is not above 0.

    >>> batch = Curves(samples=5, size=12).data().train
    >>> batch.x.shape, batch.y.shape
    ((5, 144), (5, 6))
    """

    samples: int
    size: int = 28
    pen: float = 0.7
    held_out: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("samples", "held_out"):
            require_whole(name, getattr(self, name), 1)
        require_whole("size", self.size, 2)
        require_whole("seed", self.seed, 0)
        require_positive("pen", self.pen)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input: ``(size²,)``."""
        return (self.size**2,)

    @property
    def output_size(self) -> int:
        """Six coordinates."""
        return 6

    def data(self) -> Data:
        """Return the images and their points, read-only float64."""
        return _data(self)


def drawn_curves(
    points: Float[np.ndarray, "n 3 2"], size: int, pen: float
) -> Float[np.ndarray, "n size size"]:
    """Return images of the curves through some points, given as (row, column) in [0, 1].

    >>> line = np.array([[[0.5, 0.1], [0.5, 0.5], [0.5, 0.9]]])
    >>> drawn_curves(line, 5, 0.5)[0].argmax(axis=0).tolist()
    [2, 2, 2, 2, 2]
    """
    t = np.linspace(0.0, 1.0, 6 * size)
    basis = np.stack([2 * (t - 0.5) * (t - 1.0), 4 * t * (1.0 - t), 2 * t * (t - 0.5)])
    places = np.arange(size)
    images = np.empty((len(points), size, size))
    for begin in range(0, len(points), BLOCK):
        curve = np.einsum("njd,jt->ntd", points[begin : begin + BLOCK] * (size - 1), basis)
        rows, columns = (
            np.exp(-((curve[:, :, axis, None] - places) ** 2) / (2.0 * pen**2)) for axis in (0, 1)
        )
        block = images[begin : begin + BLOCK]
        block[:] = 0.0
        # A pixel's value is a product of its row's and its column's: one moment after the other.
        for moment in range(len(t)):
            np.maximum(block, rows[:, moment, :, None] * columns[:, moment, None, :], out=block)
    return images


@lru_cache(maxsize=4)
def _data(task: Curves) -> Data:
    def draw(count: int, purpose: str) -> Batch:
        points = generator(task.seed, purpose).uniform(0.1, 0.9, (count, 3, 2))
        images = drawn_curves(points, task.size, task.pen)
        return sealed(images.reshape(count, -1), points.reshape(count, -1))

    return Data(draw(task.samples, "train"), draw(task.held_out, "test"))
