r"""Documents from topics: what is expected of pairs of words, and when topics are not determined.

A document mixes K topics in proportions :math:`\theta`, drawn with second moment R, and draws words
from :math:`A\theta`, the columns of A being the topics' distributions over V words. Two words of
one document have the joint distribution :math:`Q = A R A^\top`.

If every topic gives every word some probability, all topics can be pushed away from their mean,
:math:`A' = (1 + \varepsilon)A - \varepsilon\bar A`, with every document the same: :math:`A\theta =
A'\theta'` for the proportions :math:`\theta' = (\theta + \varepsilon/K)/(1 + \varepsilon)`, valid
whatever :math:`\theta` is. Then no method can recover the topics from any number of documents of
any length. A word that only one topic uses (an *anchor*) would become negative in the others: with
one of each topic the topics are determined. Sources: arora2012, arora2013.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.errors import require, require_positive


@dataclass(frozen=True, eq=False)
class TopicModel:
    """Topics ``[words, topics]``, columns that sum to 1, mixed in Dirichlet proportions.

    ``concentration`` is the Dirichlet's parameter, the same for all topics.
    """

    words: Float[np.ndarray, "words topics"]
    concentration: float

    def __post_init__(self) -> None:
        require_positive("concentration", self.concentration)
        worst = float(np.abs(self.words.sum(axis=0) - 1.0).max())
        require(
            worst < 1e-9 and bool(np.all(self.words >= 0.0)),
            f"topics whose columns sum to 1 within {worst:.2g}, smallest {self.words.min():.2g}",
            "columns of probabilities",
            "divide each column by its sum",
        )

    @classmethod
    def random(
        cls,
        words: int,
        topics: int,
        random: np.random.Generator,
        *,
        anchor: float = 0.05,
        spread: float = 0.5,
        concentration: float = 0.2,
    ) -> Self:
        """Draw topics evenly at ``spread``; the first words are their anchors, each so probable.

        Without anchors (0) no word is a topic's own.

        >>> TopicModel.random(20, 3, np.random.default_rng(0)).words[:3].round(3).tolist()
        [[0.05, 0.0, 0.0], [0.0, 0.05, 0.0], [0.0, 0.0, 0.05]]
        """
        require(
            0.0 <= anchor < 1.0 and words > topics,
            f"anchors of probability {anchor:g} for {topics} topics of {words} words",
            "a probability below 1, and more words than topics",
            "use more words",
        )
        first = topics if anchor > 0.0 else 0
        matrix = np.zeros((words, topics))
        matrix[first:] = (1.0 - anchor) * random.dirichlet(
            np.full(words - first, spread), size=topics
        ).T
        if first:
            matrix[:first] = anchor * np.eye(topics)
        return cls(matrix, concentration)

    @property
    def moment(self) -> Float[np.ndarray, "topics topics"]:
        """The second moment R of the proportions."""
        k = self.words.shape[1]
        total = k * self.concentration
        same = self.concentration * np.eye(k)
        return (self.concentration**2 + same) / (total * (total + 1.0))

    @property
    def cooccurrence(self) -> Float[np.ndarray, "words words"]:
        """The joint distribution Q of two words of a document."""
        return self.words @ self.moment @ self.words.T

    def documents(
        self, random: np.random.Generator, number: int, length: int
    ) -> Int[np.ndarray, "number words"]:
        """Draw ``number`` documents of ``length`` words, as counts.

        >>> model = TopicModel.random(20, 3, np.random.default_rng(0))
        >>> model.documents(np.random.default_rng(1), 4, 30).sum(axis=1).tolist()
        [30, 30, 30, 30]
        """
        k = self.words.shape[1]
        proportions = random.dirichlet(np.full(k, self.concentration), size=number)
        return random.multinomial(length, _normalized(proportions @ self.words.T))


def pushed_apart(
    words: Float[np.ndarray, "words topics"], share: float = 1.0
) -> tuple[Float[np.ndarray, "words topics"], float]:
    r"""Return other topics of the same documents and :math:`\varepsilon`, ``share`` of the largest.

    With anchors the largest is 0.

    >>> words = np.array([[0.6, 0.3], [0.4, 0.7]])
    >>> other, push = pushed_apart(words)
    >>> other.round(3).tolist(), round(push, 3)
    ([[0.9, 0.0], [0.1, 1.0]], 2.0)
    """
    mean = words.mean(axis=1, keepdims=True)
    below = mean - words
    room = np.where(below > 0.0, words / np.where(below > 0.0, below, 1.0), np.inf)
    push = share * float(room.min())
    return np.maximum((1.0 + push) * words - push * mean, 0.0), push


def pushed_proportions(
    proportions: Float[np.ndarray, "*lead topics"], push: float
) -> Float[np.ndarray, "*lead topics"]:
    """Return the proportions with which topics pushed apart make the same documents.

    >>> pushed_proportions(np.array([1.0, 0.0]), 1.0).tolist()
    [0.75, 0.25]
    """
    return (proportions + push / proportions.shape[-1]) / (1.0 + push)


def _normalized(rows: Float[np.ndarray, "n words"]) -> Float[np.ndarray, "n words"]:
    return rows / rows.sum(axis=1, keepdims=True)
