r"""Inputs that have some statistics of real data and are otherwise random.

Take inputs :math:`X` (``[n, d]``) apart into what the targets' columns span and a rest
:math:`R = U S V^\top`, and replace :math:`U` by random orthonormal columns that the targets do not
reach either. Then :math:`X^\top X`, :math:`Y^\top X` and the mean are what they were, exactly and
not on average, whatever the number of samples; all else is that of Gaussian numbers as long as the
rank of :math:`R` is small against n. Training and held-out samples each keep their own.
"""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import OutOfReachError
from carnotlab.tasks.changed_task import ChangedTask
from carnotlab.tasks.checking import require_whole
from carnotlab.tasks.drawing import generator, orthonormal_columns, sealed
from carnotlab.tasks.statistics import flattened


@dataclass(frozen=True)
class _OtherInputs(ChangedTask):
    """A task with the targets of another and inputs of its own, drawn by ``seed``."""

    seed: int = 0

    def __post_init__(self) -> None:
        require_whole("seed", self.seed, 0)

    def changed(self, data: Data) -> Data:
        """Return the samples with other inputs."""
        parts: list[Batch] = []
        for purpose, batch in (("matched inputs", data.train), ("held-out inputs", data.test)):
            x = self.inputs(batch, generator(self.seed, purpose))
            parts.append(sealed(x.reshape(np.shape(batch.x)), np.asarray(batch.y)))
        return Data(*parts)

    @abstractmethod
    def inputs(self, batch: Batch, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Return other inputs for some samples."""


@dataclass(frozen=True)
class SpectrumMatched(_OtherInputs):
    r"""Any task with Gaussian inputs of the same spectrum, and as related to the targets.

    The mean of the inputs, their second moments :math:`\Sigma_{xx}` and their moments with the
    targets :math:`\Sigma_{yx}` are exactly those of the task, on the training samples as on those
    held out. For a classification those are the class means and the covariance within classes,
    pooled over them. Linear networks cannot tell the two apart at any time, as their course under
    a squared loss depends on these moments alone.

    Raises:
        InputError: for a seed that is no whole number from 0.

    >>> from carnotlab.tasks.digits import Digits
    >>> from carnotlab.tasks.statistics import input_covariance
    >>> real, matched = Digits(200, 100), SpectrumMatched(Digits(200, 100))
    >>> bool(np.allclose(input_covariance(real), input_covariance(matched)))
    True
    """

    def inputs(self, batch: Batch, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Return the inputs with all samples mixed at random."""
        x, y = flattened(batch)
        return _mixed(x, np.hstack([np.ones((len(y), 1)), y]), random)


@dataclass(frozen=True)
class ClassMatched(_OtherInputs):
    """Any classification with Gaussian classes, each of its own mean and covariance.

    Samples are mixed within each class, so that the mean and the second moments of every class
    are exactly those of the task. A class of rank near its number of samples stays less than
    Gaussian: it has few directions to be mixed into.

    Raises:
        InputError: for a seed that is no whole number from 0.
        OutOfReachError: if the task is no classification.

    >>> from carnotlab.tasks.digits import Digits
    >>> ClassMatched(Digits(200, 100)).data().train.x.shape
    (200, 64)
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.task.is_classification:
            raise OutOfReachError(
                f"{type(self.task).__name__} in ClassMatched, which is no classification",
                "one-hot classes",
                "use SpectrumMatched",
            )

    def inputs(self, batch: Batch, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Return the inputs with the samples of each class mixed at random."""
        x, y = flattened(batch)
        mixed, codes = x.copy(), y.argmax(axis=1)
        for code in np.unique(codes):
            rows: Bool[np.ndarray, " n"] = codes == code
            mixed[rows] = _mixed(x[rows], np.ones((int(rows.sum()), 1)), random)
        return mixed


@dataclass(frozen=True)
class WhiteInputs(_OtherInputs):
    """Any task with inputs that know nothing: independent Gaussian numbers of the mean variance.

    Every entry has the same variance, that of the training inputs averaged over entries, and mean
    zero. Targets stay and are now unrelated to the inputs.

    Raises:
        InputError: for a seed that is no whole number from 0.

    >>> from carnotlab.tasks.digits import Digits
    >>> white = WhiteInputs(Digits(500, 100)).data().train.x
    >>> bool(abs(np.corrcoef(white.T) - np.eye(64)).max() < 0.25)
    True
    """

    def inputs(self, batch: Batch, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Return white noise."""
        train, _ = flattened(self.task)
        scale = float(np.sqrt(train.var(axis=0).mean())) or 1.0
        x, _ = flattened(batch)
        return scale * random.standard_normal(x.shape)


def _mixed(
    x: Float[np.ndarray, "n d"], kept: Float[np.ndarray, "n c"], random: np.random.Generator
) -> Float[np.ndarray, "n d"]:
    """Mix rows by a random rotation that leaves the columns of ``kept`` where they are."""
    basis, strengths, _ = np.linalg.svd(kept, full_matrices=True)
    rank = int(np.sum(strengths > 1e-10 * strengths.max(initial=0.0)))
    fixed, free = basis[:, :rank], basis[:, rank:]
    rest = free.T @ x
    left, singular, right = np.linalg.svd(rest, full_matrices=False)
    other = orthonormal_columns(random, *left.shape)
    return fixed @ (fixed.T @ x) + free @ (other * singular) @ right
