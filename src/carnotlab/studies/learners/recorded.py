"""Learning curves from files: two real sets of the data folder, and the user's own table."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from carnotlab.core.errors import require
from carnotlab.studies.data_folder import find_data
from carnotlab.tasks.csv_files import read_csv
from carnotlab.tasks.reading import MAX_BYTES, resolved
from carnotlab.theories.learners.learning_curve import LearningCurve, resampled, shuffled

PEOPLE = "learning/nosofsky1994_shj_types_by_block.csv"
RAT = "learning/rat_W053_sessions.npz"

ANSWERS = 640
"""Answers in each mean of the people's table: 40 people, blocks of 16 trials (nosofsky1994)."""


@dataclass(frozen=True)
class Recorded:
    """Curves of real learners, as they were seen or with their blocks shuffled.

    Each learner is one member; a single learner is followed by draws of its answers anew, so that
    there are ``members``; shuffled ones are shuffled as often as that takes.
    """

    seen: tuple[LearningCurve, ...]
    members: int
    shuffle: bool = False
    truth: None = field(default=None, init=False)

    def curves(self) -> tuple[LearningCurve, ...]:
        """Return what is to be judged."""
        if self.shuffle:
            turns = -(-self.members // len(self.seen))
            return tuple(shuffled(each, turn) for turn in range(turns) for each in self.seen)
        first, *others = self.seen
        if others or not first.counted:
            return self.seen
        return (first, *(resampled(first, seed) for seed in range(1, self.members)))


def people() -> tuple[LearningCurve, ...] | None:
    """Return the mean curves of people learning six types of categories; None if not at hand."""
    path = find_data(PEOPLE)
    if path is None:
        return None
    table = read_csv(path, max_bytes=MAX_BYTES)
    kind, block, error = (table.numbers(name) for name in ("type", "block", "error"))
    curves: list[LearningCurve] = []
    for number in range(1, 7):
        rows = kind == number
        right = np.rint((1.0 - error[rows]) * ANSWERS)
        trials = np.full(int(rows.sum()), float(ANSWERS))
        name = f"people, type {('I', 'II', 'III', 'IV', 'V', 'VI')[number - 1]}"
        curves.append(LearningCurve(name, block[rows], right / trials, trials, 0.5))
    return tuple(curves)


def rat() -> tuple[LearningCurve, ...] | None:
    """Return one rat's curve over its training sessions; None if not at hand."""
    path = find_data(RAT)
    if path is None:
        return None
    with np.load(path, allow_pickle=False) as arrays:
        lengths, correct = arrays["dayLength"].astype(np.int64), arrays["correct"]
    right = np.add.reduceat(correct.astype(np.float64), np.cumsum(lengths) - lengths)
    sessions = np.arange(1.0, len(lengths) + 1.0)
    trials = lengths.astype(np.float64)
    return (LearningCurve("rat, sessions", sessions, right / trials, trials, 0.5),)


def users_curves(file: str, chance: float) -> tuple[LearningCurve, ...]:
    r"""Read learning curves from a user's CSV file.

    Columns: ``block`` (a number or time, increasing for each learner); then ``correct`` and
    ``trials`` (counts), or ``score`` (any number); ``learner`` if there are several. Other columns
    are left alone. ``chance`` is the level of one who knows nothing; of scores it is not used,
    since their floor is fitted.

    Raises:
        InputError: for missing columns, counts that are not whole or do not fit, cells that are no
            numbers, or a learner with fewer than six blocks, naming column, line or learner.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mine.csv"
    ...     lines = [f"{block},{5 + block // 2},10" for block in range(8)]
    ...     _ = path.write_text("block,correct,trials\n" + "\n".join(lines))
    ...     users_curves(str(path), 0.5)[0].score.tolist()
    [0.5, 0.5, 0.6, 0.6, 0.7, 0.7, 0.8, 0.8]
    """
    path = Path(resolved(file))
    table = read_csv(path, max_bytes=MAX_BYTES)
    has = set(table.columns)
    counted = {"correct", "trials"} <= has
    require(
        "block" in has and (counted or "score" in has),
        f"{path.name} with columns {', '.join(table.columns)}",
        "columns block, and correct with trials or score",
        "name them so (learner is optional)",
    )
    block = table.numbers("block")
    score = table.numbers("correct" if counted else "score")
    trials = table.numbers("trials") if counted else None
    if trials is not None:
        for name, values in (("correct", score), ("trials", trials)):
            odd = values != np.rint(values)
            require(
                not odd.any(),
                f"{values[np.argmax(odd)]:g} in column '{name}' of {path.name}",
                "whole numbers of answers",
                "give shares as a column score instead",
            )
        require(
            bool(np.all(trials >= 1.0)),
            f"a block without trials in {path.name}",
            "at least one trial in each",
            "leave empty blocks out",
        )
        score = score / trials
    if "learner" in has:
        learner = np.asarray(table.frame["learner"].astype(str))
    else:
        learner = np.full(len(block), path.stem)
    curves: list[LearningCurve] = []
    for name in dict.fromkeys(learner.tolist()):
        rows = learner == name
        counts = None if trials is None else trials[rows]
        floor = chance if counted else None
        curves.append(LearningCurve(str(name), block[rows], score[rows], counts, floor))
    return tuple(curves)
