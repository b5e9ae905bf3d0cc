"""Wrong, random or shuffled labels on any classification: what is left when labels say less."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import OutOfReachError, require
from carnotlab.tasks.changed_task import ChangedTask
from carnotlab.tasks.checking import require_whole
from carnotlab.tasks.drawing import generator, sealed


@dataclass(frozen=True)
class _Relabelled(ChangedTask):
    """A task with the inputs of another and labels of its own."""

    def __post_init__(self) -> None:
        if not (self.task.is_classification and self.task.output_size > 1):
            raise OutOfReachError(
                f"{type(self.task).__name__} in {type(self).__name__}, which is no classification",
                "one-hot classes",
                "for real-valued targets use the noise of the task itself",
            )
        for field in fields(self):
            if field.name == "seed":
                require_whole("seed", getattr(self, field.name), 0)


@dataclass(frozen=True)
class NoisyLabels(_Relabelled):
    r"""Any classification with a ``share`` of its training labels wrong; held-out ones are clean.

    Exactly ``share`` of them, rounded, are replaced by one of the other :math:`k - 1` classes,
    uniformly. A network that knows the truth is then right on :math:`1 - \text{share}` of what it
    was taught. Scaled or centred one-hot targets stay so.

    Raises:
        InputError: for a share outside [0, 1].
        OutOfReachError: if the task is no classification.

    >>> from carnotlab.tasks.digits import Digits
    >>> clean = Digits(200, 100)
    >>> noisy = NoisyLabels(clean, share=0.2)
    >>> int(np.any(noisy.data().train.y != clean.data().train.y, axis=1).sum())
    40
    """

    share: float
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            0.0 <= self.share <= 1.0,
            f"share = {self.share!r}",
            "a share of labels between 0 and 1",
            "try 0.1",
        )

    def changed(self, data: Data) -> Data:
        """Return the samples with some training labels wrong."""
        y = partly_wrong(data.train.y, self.share, generator(self.seed, "wrong labels"))
        return Data(sealed(np.asarray(data.train.x), y), data.test)


@dataclass(frozen=True)
class RandomLabels(_Relabelled):
    """Any classification with labels that know nothing: every label uniform and independent.

    Held-out labels are random too, so that both come from one distribution, on which every
    classifier errs on :math:`1 - 1/k` of k classes.

    Raises:
        OutOfReachError: if the task is no classification.

    >>> from carnotlab.tasks.digits import Digits
    >>> RandomLabels(Digits(500, 500)).data().train.y.shape
    (500, 10)
    """

    seed: int = 0

    def changed(self, data: Data) -> Data:
        """Return the samples with random labels."""
        parts: list[Batch] = []
        for purpose, batch in (
            ("random labels", data.train),
            ("random held-out labels", data.test),
        ):
            # A uniform shift of whatever class there is makes a uniform class.
            draw = generator(self.seed, purpose)
            shifts = draw.integers(0, self.output_size, size=batch.size)
            parts.append(sealed(np.asarray(batch.x), _shifted(batch.y, shifts)))
        return Data(*parts)


@dataclass(frozen=True)
class ShuffledLabels(_Relabelled):
    """Any classification with its labels dealt out anew: classes as frequent, inputs unrelated.

    Labels of the training samples are permuted among themselves, and so are the held-out ones.

    Raises:
        OutOfReachError: if the task is no classification.

    >>> from carnotlab.tasks.digits import Digits
    >>> clean, shuffled = Digits(200, 100), ShuffledLabels(Digits(200, 100))
    >>> bool(np.all(clean.data().train.y.sum(axis=0) == shuffled.data().train.y.sum(axis=0)))
    True
    """

    seed: int = 0

    def changed(self, data: Data) -> Data:
        """Return the samples with permuted labels."""
        parts: list[Batch] = []
        for purpose, batch in (("label order", data.train), ("held-out label order", data.test)):
            order = generator(self.seed, purpose).permutation(batch.size)
            parts.append(sealed(np.asarray(batch.x), np.asarray(batch.y)[order]))
        return Data(*parts)


def label_shifts(
    n: int, classes: int, share: float, random: np.random.Generator
) -> Int[np.ndarray, " n"]:
    """Draw by how many classes each of n labels is off: exactly the share, rounded, are wrong.

    Wrong labels fall on each of the other classes with the same probability.

    >>> np.bincount(label_shifts(10, 2, 0.4, np.random.default_rng(0))).tolist()
    [6, 4]
    """
    wrong = random.permutation(n)[: round(share * n)]
    shifts = np.zeros(n, dtype=np.int64)
    shifts[wrong] = random.integers(1, classes, size=len(wrong))
    return shifts


def partly_wrong(y: Any, share: float, random: np.random.Generator) -> Float[np.ndarray, "n k"]:
    """Return targets ``[n, k]`` of which exactly the share, rounded, are of another class.

    >>> partly_wrong(np.eye(2), 1.0, np.random.default_rng(0))
    array([[0., 1.],
           [1., 0.]])
    """
    n, classes = np.shape(y)
    return _shifted(y, label_shifts(n, classes, share, random))


def _shifted(y: Any, shifts: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n k"]:
    """Return targets moved on by so many classes, which keeps their scale and offset."""
    targets = np.asarray(y)
    places = (np.arange(targets.shape[1]) - shifts[:, None]) % targets.shape[1]
    return np.take_along_axis(targets, places, axis=1)
