r"""The spectrum of features that spread down a family tree, and what it makes of representations.

A node of level k−1 has as many children as the branching says, level k has :math:`M_k` nodes, the
P leaves are the items. Items whose last common ancestor has level k agree with covariance
:math:`q_k`, and with :math:`q_{-1} = 0` the eigenvalues of their similarity are

.. math:: \lambda_l = \sum_{k \ge l} (q_k - q_{k-1})\,P/M_k, \qquad
          \lambda_l - \lambda_{l+1} = (q_l - q_{l-1})\,P/M_l > 0,

so that broad distinctions are always the stronger ones. Source: saxe2019.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.errors import require
from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
from carnotlab.theories.deep_linear.mode_dynamics import time_to_reach


class TreeSpectrum(NamedTuple):
    """Eigenvalues of the items' similarity, one per item, broad first, with their eigenvectors.

    ``values``: ``[items]``. ``levels``: ``[items]``, the level of the tree a mode distinguishes,
    0 for what all items share. ``vectors``: ``[items, items]``, orthonormal columns.
    """

    values: Float[np.ndarray, " items"]
    levels: Int[np.ndarray, " items"]
    vectors: Float[np.ndarray, "items items"]


def tree_spectrum(tree: FeatureHierarchy) -> TreeSpectrum:
    r"""Return the whole spectrum of :math:`\langle YY^\top\rangle/N` over draws of the features.

    Exact for any branching; one draw of N features scatters around it by a relative order
    :math:`\sqrt{P/N}`. The vectors are contrasts between sisters, the same for every flip
    probability. Source: saxe2019.

    >>> found = tree_spectrum(FeatureHierarchy((3, 2), 0.1, 10))
    >>> found.levels.tolist(), found.values.round(2).tolist()
    ([0, 1, 1, 2, 2, 2], [3.28, 0.82, 0.82, 0.36, 0.36, 0.36])
    """
    depth = range(len(tree.branching) + 1)
    levels = np.repeat(np.arange(len(tree.branching) + 1), tree.multiplicities)
    vectors = np.concatenate([tree.contrasts(level) for level in depth], axis=1)
    return TreeSpectrum(tree.eigenvalues[levels], levels, vectors)


def level_eigenvalues(
    branching: Sequence[int], flips: Sequence[float]
) -> Float[np.ndarray, " levels"]:
    r"""Return the eigenvalues of a tree whose edges flip at a rate of their own on every level.

    Edges into level k flip with probability :math:`\varepsilon_k`, hence
    :math:`q_k = \prod_{j > k} (1 - 2\varepsilon_j)^2`. With equal rates these are
    `FeatureHierarchy.eigenvalues`. The order broad to fine needs no equal rates: it holds for any
    :math:`0 < \varepsilon_k < 1/2`.

    Raises:
        InputError: unless there is one flip probability in (0, 1/2) for every level.

    >>> level_eigenvalues((2, 2), (0.1, 0.1)).round(4)
    array([2.4592, 0.8208, 0.36  ])
    """
    rates = np.asarray(flips, dtype=np.float64)
    require(
        len(rates) == len(branching) > 0 and bool(np.all((rates > 0.0) & (rates < 0.5))),
        f"branching {tuple(branching)} with flips {tuple(flips)}",
        "one probability between 0 and 1/2 for every level",
        "give as many flips as numbers of children",
    )
    nodes = np.array(list(accumulate((1, *branching), lambda count, more: count * more)))
    agreement = np.cumprod(np.concatenate([[1.0], (1.0 - 2.0 * rates[::-1]) ** 2]))[::-1]
    steps = np.diff(agreement, prepend=0.0) * nodes[-1] / nodes
    return np.cumsum(steps[::-1])[::-1]


def similarity_by_ancestor(
    tree: FeatureHierarchy, strengths: Float[np.ndarray, "*lead levels"]
) -> Float[np.ndarray, "*lead levels"]:
    r"""Return the similarity of two items whose last common ancestor has level k, for every k.

    For a representation in which the modes of level l have strength :math:`a_l`,

    .. math:: h_k = \frac1P \Big[\sum_{l \le k} a_l M_l - \sum_{1 \le l \le k+1} a_l M_{l-1}\Big],

    from the projectors onto the spaces of each level. The last entry is an item with itself.

    >>> tree = FeatureHierarchy((2, 2), 0.1, 10)
    >>> bool(np.allclose(similarity_by_ancestor(tree, tree.eigenvalues), tree.similarities))
    True
    """
    values = np.asarray(strengths, dtype=np.float64)
    nodes = np.asarray(tree.nodes, dtype=np.float64)
    levels = np.arange(len(nodes))
    # Level l contributes M_l to pairs that share a node there, minus M_(l-1) to those that share
    # the parent's.
    shares = (levels[:, None] >= levels[None, :]) * nodes[None, :]
    shares[:, 1:] -= (levels[:, None] >= levels[None, 1:] - 1) * nodes[None, :-1]
    return values @ shares.T / tree.items


def distance_by_ancestor(
    tree: FeatureHierarchy, strengths: Float[np.ndarray, "*lead levels"]
) -> Float[np.ndarray, "*lead levels"]:
    r"""Return the squared distance of two items by the level k of their last common ancestor.

    :math:`2(h_D - h_k)`: only modes below the ancestor keep items apart, hence items of one
    family stay together until their own distinctions are learned.

    >>> tree = FeatureHierarchy((2, 2), 0.1, 10)
    >>> distance_by_ancestor(tree, np.array([1.0, 1.0, 0.0])).tolist()  # fine level not learned
    [1.0, 0.0, 0.0]
    """
    near = similarity_by_ancestor(tree, strengths)
    return 2.0 * (near[..., -1:] - near)


def level_half_times(tree: FeatureHierarchy, depth: int, start: float) -> Float[np.ndarray, " l"]:
    r"""Return the flow time at which each level's distinctions are half learned.

    From balanced aligned layers of end-to-end strength ``start``, for the expected singular values
    of the tree and inputs as it gives them. Levels rise broad to fine at depth 2 and beyond; at
    depth 1 all at one time.

    >>> tree = FeatureHierarchy((2, 2), 0.1, 1000, whiten=True)
    >>> level_half_times(tree, 2, 1e-3).round(2), level_half_times(tree, 1, 1e-3).round(2)
    (array([0.2 , 0.33, 0.48]), array([0.69, 0.69, 0.69]))
    """
    power = 1.0 if tree.whiten else 1.0 / tree.items
    strengths = tree.singular_values
    return time_to_reach(
        0.5 * strengths / power, depth, strengths, np.full(strengths.shape, start), power
    )
