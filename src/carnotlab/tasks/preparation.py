"""What is done to a user's arrays before they are a task, as plain data."""

from dataclasses import dataclass
from typing import Literal

from carnotlab.core.errors import require
from carnotlab.tasks.checking import require_choice, require_whole
from carnotlab.tasks.standardising import STANDARDISE, Standardise


@dataclass(frozen=True)
class Preparation:
    """What is done to raw arrays, in this order: choose rows, split, reshape, scale.

    - ``kind``: ``"auto"`` follows `carnotlab.tasks.targets.detect_kind`.
    - ``rows``: how many of the samples to use at most, chosen at random; None for all.
    - ``test_fraction``: share of samples held out, chosen at random, class by class for a
      classification; of no effect where the data has held-out samples of its own.
    - ``image_shape``: (height, width, channels) to give each input; None leaves its shape.
    - ``standardise``: scale of the inputs, see `carnotlab.tasks.standardising.standardised`.
    - ``standardise_targets``: regression targets get mean 0 and variance 1 over the training
      samples; one-hot targets get 1/k subtracted, k classes.
    """

    kind: Literal["auto", "classification", "regression"] = "auto"
    standardise: Standardise = "none"
    standardise_targets: bool = False
    test_fraction: float = 0.2
    rows: int | None = None
    image_shape: tuple[int, ...] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        require_choice("kind", self.kind, ("auto", "classification", "regression"))
        require_choice("standardise", self.standardise, STANDARDISE)
        require_whole("seed", self.seed, 0)
        require(
            0.0 < self.test_fraction < 1.0,
            f"test_fraction = {self.test_fraction!r}",
            "a number between 0 and 1, both excluded",
            "try 0.2",
        )
        if self.rows is not None:
            require_whole("rows", self.rows, 2)
        if self.image_shape is not None:
            require(
                isinstance(self.image_shape, tuple) and len(self.image_shape) == 3,  # pyright: ignore[reportUnnecessaryIsInstance]
                f"image_shape = {self.image_shape!r}",
                "a tuple (height, width, channels)",
                "write image_shape=(28, 28, 1), say",
            )
            for side in self.image_shape:
                require_whole("a side of image_shape", side, 1)
