"""Features that spread down a family tree of items: hierarchical data with a known spectrum."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Data
from carnotlab.core.errors import InputError, require
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_whole
from carnotlab.tasks.drawing import generator, sealed


@dataclass(frozen=True)
class FeatureHierarchy(Task):
    r"""P items, the leaves of a tree; each feature is ±1 at the root and flips down its edges.

    A node of level k−1 has ``branching[k-1]`` children, so level k has :math:`M_k` nodes and
    P = :math:`M_D` for D levels. Every edge flips a feature with probability ``flip``
    :math:`\varepsilon`, each of the N ``features`` independently. Two items whose last common
    ancestor has level k agree with covariance :math:`q_k = (1-2\varepsilon)^{2(D-k)}`, so
    :math:`\langle YY^\top\rangle/N` over the draw of features has, for l = 0 … D, the eigenvalues

    .. math:: \lambda_l = \sum_{k\ge l}(q_k - q_{k-1})\,P/M_k,\qquad q_{-1} = 0,

    of multiplicity :math:`M_l - M_{l-1}`, falling strictly from broad to fine distinctions; the
    eigenvectors are the contrasts between sisters of level l. These are exact in the mean over
    draws; one draw of N features scatters around them by a relative order :math:`\sqrt{P/N}`.

    Inputs are one-hot items, all equally likely: :math:`\Sigma_{xx} = I/P`, and the expected
    singular values of :math:`\Sigma_{yx}` are :math:`\sqrt{N\lambda_l}/P`. With ``whiten`` inputs
    are :math:`\sqrt P` times as large: :math:`\Sigma_{xx} = I`, singular values
    :math:`\sqrt{N\lambda_l/P}`. Data has P rows, x ``[P, P]`` and y ``[P, N]``, dimensionless;
    the held-out set is the training set, the knowledge of the same items.

    Raises:
        InputError: for an empty tree, one child, or a flip probability outside (0, 1/2).

    References: saxe2019.

    >>> tree = FeatureHierarchy(branching=(2, 2), flip=0.1, features=1000)
    >>> tree.eigenvalues.round(4), tree.multiplicities
    (array([2.4592, 0.8208, 0.36  ]), (1, 1, 2))
    """

    branching: tuple[int, ...]
    flip: float
    features: int
    whiten: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.branching, tuple) or not self.branching:  # pyright: ignore[reportUnnecessaryIsInstance]
            required = "a non-empty tuple of children per level"
            raise InputError(f"branching = {self.branching!r}", required, "try (2, 2, 2)")
        for children in self.branching:
            require_whole("a number of children in branching", children, 2)
        require_whole("features", self.features, 1)
        require_whole("seed", self.seed, 0)
        require(
            0.0 < self.flip < 0.5,
            f"flip = {self.flip!r}",
            "a probability between 0 and 1/2, both excluded",
            "try 0.1",
        )

    @property
    def nodes(self) -> tuple[int, ...]:
        """Number of nodes on each level, from the root's 1 to the number of items."""
        return tuple(accumulate((1, *self.branching), lambda count, more: count * more))

    @property
    def items(self) -> int:
        """Number of items P."""
        return self.nodes[-1]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input: ``(items,)``."""
        return (self.items,)

    @property
    def output_size(self) -> int:
        """Number of features."""
        return self.features

    @property
    def similarities(self) -> Float[np.ndarray, " levels"]:
        r"""Covariance :math:`q_k` of two items whose last common ancestor has level k = 0 … D."""
        depth = len(self.branching)
        return (1.0 - 2.0 * self.flip) ** (2.0 * (depth - np.arange(depth + 1)))

    @property
    def eigenvalues(self) -> Float[np.ndarray, " levels"]:
        r"""Eigenvalues :math:`\lambda_l` of the expected item covariance, one for each level."""
        steps = np.diff(self.similarities, prepend=0.0) * self.items / np.asarray(self.nodes)
        return np.cumsum(steps[::-1])[::-1]

    @property
    def multiplicities(self) -> tuple[int, ...]:
        """How many modes each level has."""
        return tuple(np.diff(self.nodes, prepend=0).tolist())

    @property
    def singular_values(self) -> Float[np.ndarray, " levels"]:
        """Expected singular values of the input–output covariance, one for each level."""
        scale = np.sqrt(self.items) if self.whiten else self.items
        return np.sqrt(self.features * self.eigenvalues) / scale

    @property
    def covariance(self) -> Float[np.ndarray, "items items"]:
        """The expected item covariance: the similarity of each pair's last common ancestor."""
        total = np.zeros((self.items, self.items))
        for count, step in zip(self.nodes, np.diff(self.similarities, prepend=0.0), strict=True):
            family = np.arange(self.items) // (self.items // count)
            total += step * (family[:, None] == family[None, :])
        return total

    def contrasts(self, level: int) -> Float[np.ndarray, "items modes"]:
        """Return the orthonormal eigenvectors of one level: sisters against each other.

        Level 0 is the mean of all items. Contrasts among more than two sisters are Helmert's.

        Raises:
            InputError: if the tree has no such level.

        >>> FeatureHierarchy((2, 2), 0.1, 10).contrasts(1).ravel().round(9)
        array([ 0.5,  0.5, -0.5, -0.5])
        """
        deepest = len(self.branching)
        require(
            0 <= level <= deepest, f"level {level}", f"0 to {deepest}", "choose a level of the tree"
        )
        if level == 0:
            return np.full((self.items, 1), 1.0 / np.sqrt(self.items))
        sisters = self.branching[level - 1]
        helmert = np.zeros((sisters, sisters - 1))
        for j in range(1, sisters):
            helmert[:j, j - 1], helmert[j, j - 1] = 1.0, -j
        helmert /= np.linalg.norm(helmert, axis=0)
        leaves = self.items // self.nodes[level]
        one_family = np.repeat(helmert, leaves, axis=0) / np.sqrt(leaves)
        families = np.arange(self.nodes[level - 1])
        every_family = np.zeros((len(families), len(one_family), len(families), sisters - 1))
        every_family[families, :, families, :] = one_family
        return every_family.reshape(self.items, -1)

    def data(self) -> Data:
        """Return one draw of features for every item, read-only float64."""
        return _data(self)


@lru_cache(maxsize=8)
def _data(task: FeatureHierarchy) -> Data:
    random = generator(task.seed, "features")
    values = random.choice((-1.0, 1.0), size=(1, task.features))
    for children in task.branching:
        values = np.repeat(values, children, axis=0)
        values *= np.where(random.random(values.shape) < task.flip, -1.0, 1.0)
    x = np.eye(task.items) * (np.sqrt(task.items) if task.whiten else 1.0)
    batch = sealed(x, values)
    return Data(batch, batch)
