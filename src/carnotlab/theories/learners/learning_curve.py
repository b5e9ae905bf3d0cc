"""What is seen of a learner: how well it did, block by block."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require

FEWEST = 6
"""Blocks below which a curve of three constants has nothing left to be judged by."""


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Scores of one learner at increasing times, as counts of right answers or as numbers.

    Args:
        name: What it is called in tables.
        time: When each block was, in any unit, increasing.
        score: The share of right answers of each block, or any real-valued score.
        trials: Answers in each block, if ``score`` is a share of them; else None.
        floor: The score of one who has learned nothing (chance); None if it is not known. Known
            for counts.

    Raises:
        InputError: for fewer than 6 blocks, times that do not increase, shares outside 0 to 1 or
            that are no number of answers, or counts without a floor.

    >>> LearningCurve("rat", np.arange(6.0), np.linspace(0.5, 1, 6), np.full(6, 10.0), 0.5).counted
    True
    """

    name: str
    time: Float[np.ndarray, " blocks"]
    score: Float[np.ndarray, " blocks"]
    trials: Float[np.ndarray, " blocks"] | None = None
    floor: float | None = None

    def __post_init__(self) -> None:
        shapes = {self.time.shape, self.score.shape}
        shapes |= set() if self.trials is None else {self.trials.shape}
        who = f"the curve '{self.name}'"
        require(
            len(shapes) == 1 and self.time.ndim == 1,
            f"{who} with columns of shapes {sorted(shapes)}",
            "one length for all",
            "give one entry for each block",
        )
        require(
            len(self.time) >= FEWEST,
            f"{who} of {len(self.time)} blocks",
            f"at least {FEWEST}",
            "cut the answers into more blocks",
        )
        finite = np.isfinite(self.time).all() and np.isfinite(self.score).all()
        require(bool(finite), f"{who} with gaps", "finite numbers", "leave those blocks out")
        require(
            bool(np.all(np.diff(self.time) > 0.0)),
            f"{who} with times that do not increase",
            "increasing times",
            "sort the blocks and join those of one time",
        )
        if self.trials is not None:
            require(
                bool(np.all(self.trials >= 1.0)),
                f"{who} with {np.min(self.trials):g} trials in a block",
                "at least one trial in each",
                "leave empty blocks out",
            )
            require(
                bool(np.all((self.score >= 0.0) & (self.score <= 1.0))),
                f"{who} with more right answers than trials",
                "shares from 0 to 1",
                "check which column is which",
            )
            require(
                self.floor is not None and 0.0 <= self.floor < 1.0,
                f"{who} of counts with floor = {self.floor}",
                "the chance level, from 0 to below 1",
                "set it to 1 over the number of choices",
            )

    @property
    def counted(self) -> bool:
        """Whether scores are counts of right answers."""
        return self.trials is not None

    @property
    def span(self) -> float:
        """Time from the first block to the last, and one block more."""
        return float(self.time[-1] - self.time[0]) * len(self.time) / (len(self.time) - 1)

    @property
    def clock(self) -> Float[np.ndarray, " blocks"]:
        """Time since half a block before the first, in blocks of the mean length."""
        return (self.time - self.time[0]) / self.span * len(self.time) + 0.5

    def with_scores(self, score: Float[np.ndarray, " blocks"]) -> "LearningCurve":
        """Return the same blocks with other scores."""
        return LearningCurve(self.name, self.time, score, self.trials, self.floor)

    def __describe__(self) -> dict[str, Any]:
        """Name the content."""
        return {
            "kind": "LearningCurve",
            "name": self.name,
            "time": self.time,
            "score": self.score,
            "trials": self.trials,
            "floor": self.floor,
        }


def shuffled(curve: LearningCurve, seed: int) -> LearningCurve:
    """Return a curve with its blocks in random order: the same scores, and no learning.

    >>> before = LearningCurve("x", np.arange(6.0), np.arange(6.0))
    >>> sorted(shuffled(before, 0).score.tolist()) == before.score.tolist()
    True
    """
    order = np.random.default_rng([seed, 1]).permutation(len(curve.time))
    trials = None if curve.trials is None else curve.trials[order]
    return LearningCurve(curve.name, curve.time, curve.score[order], trials, curve.floor)


def resampled(curve: LearningCurve, seed: int) -> LearningCurve:
    r"""Return a curve with its answers drawn again, binomially at the shares seen.

    It varies as the same learner's answers would at the least. Real-valued scores are returned as
    they are: one score a block says nothing about its scatter.

    >>> curve = LearningCurve("x", np.arange(6.0), np.full(6, 0.5), np.full(6, 100.0), 0.5)
    >>> bool(np.all(resampled(curve, 0).score == curve.score))
    False
    """
    if curve.trials is None:
        return curve
    random = np.random.default_rng([seed, 2])
    right = random.binomial(curve.trials.astype(np.int64), curve.score)
    return curve.with_scores(right / curve.trials)
