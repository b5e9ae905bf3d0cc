"""What is seen of a learner: what is refused, and the two ways to draw it again."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.learners.learning_curve import LearningCurve, resampled, shuffled

TIME = np.arange(8.0)
SHARES = np.linspace(0.5, 0.9, 8)
TRIALS = np.full(8, 50.0)
COUNTS = LearningCurve("rat", TIME, SHARES, TRIALS, 0.5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time": TIME[::-1]}, "times that do not increase"),
        ({"time": TIME[:5], "score": SHARES[:5], "trials": None}, "of 5 blocks"),
        ({"score": SHARES + 0.5}, "more right answers than trials"),
        ({"score": np.full(8, np.nan)}, "with gaps"),
        ({"floor": None}, "counts with floor = None"),
        ({"trials": np.zeros(8)}, "0 trials in a block"),
        ({"score": SHARES[:7]}, "columns of shapes"),
    ],
)
def test_refusals_name_the_learner(changes, words):
    fields = {"time": TIME, "score": SHARES, "trials": TRIALS, "floor": 0.5, **changes}
    with pytest.raises(InputError, match=f"curve 'rat'.*{words}"):
        LearningCurve("rat", **fields)


def test_the_clock_counts_blocks_from_half_a_block_before_the_first():
    np.testing.assert_allclose(LearningCurve("x", 3.0 + 2.0 * TIME, SHARES).clock, TIME + 0.5)


def test_shuffling_keeps_scores_with_their_trials():
    marked = LearningCurve("rat", TIME, SHARES, TRIALS + TIME, 0.5)
    again = shuffled(marked, 3)
    pairs = dict(zip(marked.score, marked.trials, strict=True))
    assert [pairs[s] for s in again.score] == again.trials.tolist()
    assert sorted(again.score) == sorted(marked.score)
    assert again.score.tolist() != marked.score.tolist()


def test_resampled_answers_are_whole_and_scatter_binomially():
    draws = np.array([resampled(COUNTS, seed).score for seed in range(2000)])
    np.testing.assert_allclose(draws * 50.0, np.rint(draws * 50.0), atol=1e-9)
    spread = np.sqrt(SHARES * (1.0 - SHARES) / 50.0)
    # Sample mean and spread of 2000 draws: standard errors of 2 % and 1.6 % of the spread.
    assert np.all(np.abs(draws.mean(axis=0) - SHARES) < 5 * spread / np.sqrt(2000))
    np.testing.assert_allclose(draws.std(axis=0), spread, rtol=0.08)
