"""Topics: exact recovery, its rate, the diagonal, and models that no data can tell apart."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.topics.anchor_words import recover_topics, topic_error, word_pairs
from carnotlab.theories.topics.topic_model import TopicModel, pushed_apart, pushed_proportions


def test_exact_pairs_give_exact_topics():
    model = TopicModel.random(300, 10, np.random.default_rng(0))
    assert topic_error(recover_topics(model.cooccurrence, 10), model.words) < 1e-8


def test_pairs_are_unbiased_and_proportions_have_their_moment():
    random = np.random.default_rng(1)
    model = TopicModel.random(12, 3, random)
    assert model.cooccurrence.sum() == pytest.approx(1.0)
    draws = random.dirichlet(np.full(3, model.concentration), size=200_000)
    np.testing.assert_allclose(draws.T @ draws / len(draws), model.moment, atol=2e-3)
    counts = model.documents(random, 100_000, 5)
    np.testing.assert_allclose(word_pairs(counts), model.cooccurrence, atol=2e-3)
    biased = word_pairs(counts, diagonal_forgotten=True)
    assert np.abs(biased - model.cooccurrence).max() > 0.01


def test_more_documents_help_unless_the_diagonal_is_forgotten():
    random = np.random.default_rng(2)
    model = TopicModel.random(100, 5, random)
    errors = {
        forgotten: [
            topic_error(
                recover_topics(
                    word_pairs(model.documents(random, number, 50), diagonal_forgotten=forgotten),
                    5,
                    rarest=0.003,
                ),
                model.words,
            )
            for number in (1000, 16_000)
        ]
        for forgotten in (False, True)
    }
    assert errors[False][1] < 0.4 * errors[False][0]
    assert errors[True][1] > 2.0 * errors[False][1]


def test_topics_without_anchors_are_not_determined_and_with_them_cannot_be_pushed():
    random = np.random.default_rng(3)
    words = TopicModel.random(30, 4, random, anchor=0.0, spread=5.0).words
    other, push = pushed_apart(words)
    proportions = random.dirichlet(np.ones(4), size=100)
    np.testing.assert_allclose(
        proportions @ words.T, pushed_proportions(proportions, push) @ other.T, atol=1e-15
    )
    assert other.min() == 0.0
    assert np.allclose(other.sum(axis=0), 1.0)
    assert topic_error(other, words) > 0.05
    assert pushed_apart(TopicModel.random(30, 4, random).words)[1] == 0.0


def test_what_is_refused():
    with pytest.raises(InputError, match="one length"):
        word_pairs(np.array([[2, 0], [1, 0]]))
    with pytest.raises(InputError, match="more frequent"):
        recover_topics(np.diag([0.5, 0.5]), 2, rarest=0.9)
    with pytest.raises(InputError, match="columns"):
        TopicModel(np.ones((3, 2)), 0.1)
