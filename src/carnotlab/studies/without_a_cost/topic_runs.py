"""Topics recovered from documents and from exact pairs of words, and where nothing can."""

import time
from dataclasses import dataclass

import numpy as np

from carnotlab.core.quantities import Quantity
from carnotlab.studies.without_a_cost.simulation import Found, Simulation, slope
from carnotlab.theories.topics.anchor_words import recover_topics, topic_error, word_pairs
from carnotlab.theories.topics.topic_model import (
    TopicModel,
    pushed_apart,
    pushed_proportions,
)

ERROR = Quantity(
    "topic_error", ("estimate", "documents"), "1", "summed difference of a topic's probabilities"
)
SLOPE = Quantity("error_slope", ("estimate",), "1", "slope of log error over log documents")
EXACT = Quantity("exact_error", ("case",), "1", "error of topics from exact pairs of words")
SAME = Quantity("documents_apart", (), "1", "largest difference of two models' documents")
TOPICS_APART = Quantity("topics_apart", (), "1", "difference of the topics of two such models")
BY_ANCHOR = Quantity("error_by_anchor", ("anchor",), "1", "error by the anchors' probability")
SECONDS = Quantity("seconds", ("vocabulary",), "1", "seconds that recovery takes")
DEGREE = Quantity("degree", (), "1", "slope of log seconds over log vocabulary")
ESTIMATES = ("unbiased", "diagonal forgotten")
CASES = ("anchors", "diagonal forgotten", "no anchors")


@dataclass(frozen=True)
class DocumentsRun(Simulation):
    """Random topics with anchors; documents of ``length`` words in each number."""

    documents: tuple[int, ...]
    seeds: int
    words: int = 300
    topics: int = 10
    length: int = 50
    anchor: float = 0.05

    @property
    def rarest(self) -> float:
        """Half of the share of all words that an anchor has on average."""
        return 0.5 * self.anchor / self.topics

    def find(self) -> Found:
        """Recover topics of one model a seed from each number of documents, either way."""
        errors = np.empty((self.seeds, len(ESTIMATES), len(self.documents)))
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, self.words, 91])
            model = TopicModel.random(self.words, self.topics, random, anchor=self.anchor)
            for j, number in enumerate(self.documents):
                counts = model.documents(random, number, self.length)
                for i, forgotten in enumerate((False, True)):
                    pairs = word_pairs(counts, diagonal_forgotten=forgotten)
                    found = recover_topics(pairs, self.topics, self.rarest)
                    errors[seed, i, j] = topic_error(found, model.words)
        slopes = slope(np.log(np.array(self.documents, dtype=np.float64)), np.log(errors))
        coords = {"estimate": list(ESTIMATES), "documents": list(self.documents)}
        return Found(
            {ERROR: errors, SLOPE: slopes}, {SLOPE: np.full(len(ESTIMATES), -0.5)}, coords=coords
        )


@dataclass(frozen=True)
class ExactRun(Simulation):
    """Pairs of words known exactly: with anchors, with the diagonal forgotten, without anchors.

    And two models without anchors that make the same documents; and errors by how probable anchors
    are, from a number of documents.
    """

    seeds: int
    words: int = 300
    topics: int = 10
    length: int = 50
    documents: int = 4000
    anchors: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1)

    def find(self) -> Found:
        """Recover topics in every case."""
        exact, by_anchor = np.empty((self.seeds, 3)), np.empty((self.seeds, len(self.anchors)))
        same, apart = np.empty(self.seeds), np.empty(self.seeds)
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, self.words, 92])
            model = TopicModel.random(self.words, self.topics, random)
            bare = TopicModel.random(self.words, self.topics, random, anchor=0.0, spread=5.0)
            Q = model.cooccurrence
            biased = (1.0 - 1.0 / self.length) * Q + np.diag(Q.sum(axis=1)) / self.length
            for i, (pairs, true) in enumerate(
                ((Q, model), (biased, model), (bare.cooccurrence, bare))
            ):
                exact[seed, i] = topic_error(recover_topics(pairs, self.topics), true.words)
            other, push = pushed_apart(bare.words)
            mixed = random.dirichlet(np.full(self.topics, 0.2), size=100)
            gap = mixed @ bare.words.T - pushed_proportions(mixed, push) @ other.T
            same[seed], apart[seed] = np.abs(gap).max(), topic_error(other, bare.words)
            for j, anchor in enumerate(self.anchors):
                rare = TopicModel.random(self.words, self.topics, random, anchor=anchor)
                counts = rare.documents(random, self.documents, self.length)
                found = recover_topics(word_pairs(counts), self.topics, 0.5 * anchor / self.topics)
                by_anchor[seed, j] = topic_error(found, rare.words)
        coords = {"case": list(CASES), "anchor": list(self.anchors)}
        return Found(
            {EXACT: exact, SAME: same, TOPICS_APART: apart, BY_ANCHOR: by_anchor}, {}, coords=coords
        )


@dataclass(frozen=True)
class CostRun(Simulation):
    """Seconds of recovery from exact pairs, by number of words; not a statement about errors."""

    seeds: int
    vocabularies: tuple[int, ...]
    topics: int = 10

    def find(self) -> Found:
        """Recover once to warm up, then once at each size."""
        seconds = np.empty((self.seeds, len(self.vocabularies)))
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, 93])
            for j, words in enumerate(self.vocabularies):
                pairs = TopicModel.random(words, self.topics, random).cooccurrence
                if seed == j == 0:
                    recover_topics(pairs, self.topics)
                began = time.perf_counter()
                recover_topics(pairs, self.topics)
                seconds[seed, j] = time.perf_counter() - began
        degree = slope(np.log(np.array(self.vocabularies, dtype=np.float64)), np.log(seconds))
        coords = {"vocabulary": list(self.vocabularies)}
        return Found({SECONDS: seconds, DEGREE: degree}, {}, coords=coords)
