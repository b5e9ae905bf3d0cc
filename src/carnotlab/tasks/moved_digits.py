"""Handwritten digits at random places of a larger canvas: where a digit lies says nothing."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.data import Data
from carnotlab.core.errors import require
from carnotlab.tasks.balanced_order import balanced_order
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_whole
from carnotlab.tasks.digits import all_digits
from carnotlab.tasks.drawing import generator, sealed
from carnotlab.tasks.pixels import shuffled
from carnotlab.tasks.targets import one_hot

SIDE = 8
CLASSES = 10
RAREST = 174
"""Images of the digit that has fewest (8)."""


@dataclass(frozen=True)
class MovedDigits(Task):
    """Scikit-learn's digits, 8 × 8 pixels, each put at a place of its own on an empty canvas.

    Places are uniform over all at which a digit fits, drawn once for each image, for training and
    held-out images alike. ``seed`` draws ``held_out_per_class`` images and, of the others,
    ``per_class`` to train on, both in rounds of one of each class (`balanced_order`: a smaller
    sample is a prefix of a larger one, with the same held-out images). ``shuffle`` is the seed of
    one permutation of pixels in all images. Pixels have mean 0 and variance 1 over all images on
    the canvas. Targets are one-hot.

    Raises:
        InputError: for more images than there are or a canvas smaller than a digit.

    >>> MovedDigits(per_class=2, held_out_per_class=1, canvas=10).data().train.x.shape
    (20, 10, 10, 1)
    """

    per_class: int = 4
    held_out_per_class: int = 10
    canvas: int = 12
    shuffle: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        require_whole("per_class", self.per_class, 1)
        require_whole("held_out_per_class", self.held_out_per_class, 1)
        require_whole("canvas", self.canvas, SIDE)
        require_whole("seed", self.seed, 0)
        wanted = self.per_class + self.held_out_per_class
        require(
            wanted <= RAREST,
            f"per_class + held_out_per_class = {wanted}",
            f"at most the {RAREST} images of the rarest digit",
            "use fewer",
        )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input: the canvas, one channel."""
        return (self.canvas, self.canvas, 1)

    @property
    def output_size(self) -> int:
        """Number of classes."""
        return CLASSES

    @property
    def is_classification(self) -> bool:
        """Targets are one-hot classes."""
        return True

    def data(self) -> Data:
        """Return the images drawn, read-only float64."""
        return _data(self)


@lru_cache(maxsize=8)
def _data(task: MovedDigits) -> Data:
    flat, codes = all_digits()
    pixels = flat.reshape(-1, SIDE, SIDE)
    order = balanced_order(codes, RAREST, classes=CLASSES, seed=task.seed, purpose="images")
    test = order[: CLASSES * task.held_out_per_class]
    train = order[len(test) : len(test) + CLASSES * task.per_class]
    free = task.canvas - SIDE + 1
    places = generator(task.seed, "places").integers(0, free, size=(len(pixels), 2))
    # Mean and variance of a canvas follow from those of the digits: all else on it is zero.
    share = (SIDE / task.canvas) ** 2
    mean = share * pixels.mean()
    deviation = np.sqrt(share * np.mean(pixels**2) - mean**2)

    def placed(indices: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n height width 1"]:
        images = np.zeros((len(indices), task.canvas, task.canvas))
        for image, index in zip(images, indices, strict=True):
            top, left = places[index]
            image[top : top + SIDE, left : left + SIDE] = pixels[index]
        scaled = ((images - mean) / deviation)[..., None]
        return scaled if task.shuffle is None else shuffled(scaled, task.shuffle)

    return Data(
        sealed(placed(train), one_hot(codes[train], CLASSES)),
        sealed(placed(test), one_hot(codes[test], CLASSES)),
    )
