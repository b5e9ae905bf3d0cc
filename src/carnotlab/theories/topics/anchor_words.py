r"""Topics recovered from pairs of words, in polynomial time, where each topic has an anchor word.

From counts h of D documents of n words, :math:`\hat Q = \sum(hh^\top -
\mathrm{diag}\,h)/(D\,n(n-1))` has the mean Q; without the diagonal's correction a word would seem
to go with itself, a bias that no number of documents removes. Rows of Q, normalized, are averages
of the anchors' rows weighted by p(topic | word): the anchors are corners, found greedily as the
rows farthest from the affine span of those found before; the weights :math:`C_i` follow from least
squares over the simplex, and :math:`A_{ik} \propto C_{ik}\,p_i`. Exact for exact Q; from D
documents the error goes as :math:`D^{-1/2}`. Cost of order :math:`V^2K + VK^3`. Source: arora2013.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

from carnotlab.core.errors import require

Pairs = Float[np.ndarray, "words words"]
Topics = Float[np.ndarray, "words topics"]
SUM_WEIGHT = 1e3
"""Of the condition that weights sum to one, beside unit rows; they are normalized afterwards."""


def word_pairs(
    counts: Int[np.ndarray, "documents words"], *, diagonal_forgotten: bool = False
) -> Pairs:
    """Return the unbiased estimate of Q, or the biased one with ``diagonal_forgotten``.

    Raises:
        InputError: for documents of different lengths or of fewer than two words.

    >>> word_pairs(np.array([[2, 0], [1, 1]])).tolist()
    [[0.5, 0.25], [0.25, 0.0]]
    """
    lengths = counts.sum(axis=1)
    length = int(lengths[0])
    require(
        length >= 2 and bool(np.all(lengths == length)),
        f"documents of {int(lengths.min())} to {int(lengths.max())} words",
        "one length of at least two words",
        "draw equally many words of each",
    )
    h = counts.astype(np.float64)
    if diagonal_forgotten:
        return h.T @ h / (len(h) * length**2)
    return (h.T @ h - np.diag(h.sum(axis=0))) / (len(h) * length * (length - 1))


def find_anchors(
    rows: Float[np.ndarray, "words words"], topics: int, candidates: Int[np.ndarray, " some"]
) -> Int[np.ndarray, " topics"]:
    """Return the ``topics`` words whose rows are greedily farthest from the span of the others.

    >>> find_anchors(np.eye(3), 2, np.arange(3)).tolist()
    [0, 1]
    """
    found = [int(candidates[np.argmax(np.sum(rows[candidates] ** 2, axis=1))])]
    left = rows[candidates] - rows[found[0]]
    for _ in range(topics - 1):
        place = int(np.argmax(np.sum(left**2, axis=1)))
        found.append(int(candidates[place]))
        direction = left[place] / np.linalg.norm(left[place])
        left = left - np.outer(left @ direction, direction)
    return np.array(found)


def recover_topics(pairs: Pairs, topics: int, rarest: float = 0.0) -> Topics:
    """Return the topics behind ``pairs``; anchors are sought among words above ``rarest``.

    ``rarest`` is a share of all words; where there are few documents rare words have noisy rows,
    which seem to be corners.

    Raises:
        InputError: if fewer words than topics are frequent enough.

    >>> exact = np.diag([0.5, 0.5])
    >>> recover_topics(exact, 2).round(6).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    frequency = pairs.sum(axis=1)
    candidates = np.flatnonzero(frequency > rarest)
    require(
        len(candidates) >= topics,
        f"{len(candidates)} words more frequent than {rarest:g}",
        f"at least {topics}, one for each topic",
        "lower rarest",
    )
    rows = pairs / np.where(frequency > 0.0, frequency, 1.0)[:, None]
    anchors = find_anchors(rows, topics, candidates)
    # Distances within the anchors' span are all that matters: a problem of K numbers per word.
    basis, corners = np.linalg.qr(rows[anchors].T)
    system = np.vstack([corners, np.full(topics, SUM_WEIGHT)])
    weights = np.zeros((len(rows), topics))
    for word, seen in enumerate(rows @ basis):
        weights[word], _ = optimize.nnls(system, np.append(seen, SUM_WEIGHT))
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    joint = weights * frequency[:, None]
    return joint / joint.sum(axis=0)


def topic_error(found: Topics, true: Topics) -> float:
    """Return the summed difference of a topic's probabilities, its mean over topics best matched.

    >>> topic_error(np.eye(2), np.eye(2)[:, ::-1])
    0.0
    """
    apart = np.abs(found[:, :, None] - true[:, None, :]).sum(axis=0)
    rows, columns = optimize.linear_sum_assignment(apart)
    return float(apart[rows, columns].mean())
