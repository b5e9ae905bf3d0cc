"""Which course of learning does a learner's curve show, if any: depth by depth, and plain ones?"""

from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.errors import require
from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.data_folder import not_found
from carnotlab.studies.errors import mean_of
from carnotlab.studies.learners.learner_panels import (
    curves_table,
    draw_claims,
    draw_networks,
    draw_real,
    draw_worse_by,
)
from carnotlab.studies.learners.recorded import PEOPLE, RAT, Recorded, people, rat, users_curves
from carnotlab.studies.learners.simulated import Simulated
from carnotlab.studies.learners.weighing import Learners, Weighing, claims, truths
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Results,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline
from carnotlab.theories.learners.evidence import Criterion
from carnotlab.theories.learners.families import Readout

NOT_RECOVERED = Tolerance(
    Quantity("not_recovered", (), "fraction", "learners not said to be of their own kind"),
    0.35,
    "the nearest curves, of depths 3 and 4, fit each other to 0.5 to 0.9 % of the rise; in 60 "
    "blocks of 1 % noise a rival is worse by 60 ln(1 + 0.5^2) = 13 to 36, with a scatter of twice "
    "its root: up to one in four of the nearest stays within the margin of 6",
)
MISATTRIBUTED = Tolerance(
    Quantity("misattributed", (), "fraction", "learners said to be of a kind that they are not"),
    0.1,
    "a margin of 6 is a relative likelihood of one in twenty, and there are two near rivals",
)
SEEN_IN_NOTHING = Tolerance(
    Quantity("seen_in_nothing", (), "fraction", "learners of whom more is claimed than can be"),
    0.1,
    "of each family with two constants more, the margin and the penalty leave less than 1 % of "
    "flat curves; of curves too short to tell families apart, as few as of one in twenty",
)
LEARNING_MISSED = Tolerance(
    Quantity("learning_missed", (), "fraction", "learners of whom no learning is seen"),
    0.1,
    "learners that went from chance to their best over many hundreds of answers; in one of ten "
    "draws of the answers anew scatter may hide it",
)
SHORT_BLOCKS, SHORT_NOISE = 8, 0.1
"""A curve too short: families leave a tenth at most, 8 ln(1 + 1) = 6 against a margin of 6."""

PEOPLE_ARM, RAT_ARM = "people, six types of categories", "rat, 80 sessions"
SHUFFLED = ", blocks shuffled"
FLAT, SHORT, AVERAGED = "flat scores", "few blocks", "means of forty networks"
POWER = "power law, scores"


class LearnerSettings(Settings, frozen=True, kw_only=True):
    """Settings of `StagesInALearner`; ``seeds`` are learners of each simulated kind.

    ``noise`` is that of scores, over what is learned; ``trials`` the answers in a block;
    ``chance`` the share of right answers of one who guesses, for your own data.
    """

    seeds: Count = 12
    depths: tuple[Count, ...] = (1, 2, 3, 4)
    blocks: Count = 60
    noise: float = 0.01
    trials: Count = 400
    criterion: Criterion = "AICc"
    chance: float = 0.5


class StagesInALearner(Study):
    """Families of learning curves weighed on learners of known kind, on people, and on a rat."""

    name: ClassVar[str] = "stages-in-a-learner"
    question: ClassVar[str] = (
        "Does a learner's curve tell how deep the learner is, and when does it tell nothing?"
    )
    message: ClassVar[str] = (
        "From scores good to a hundredth, depth is read off a curve; from right and wrong answers "
        "it mostly cannot be, and nothing is claimed. Means over learners look exponential "
        "whatever the learners are, as the means of people do."
    )
    source: ClassVar[tuple[str, ...]] = (
        "saxe2014",
        "burnham2002",
        "nosofsky1994",
        "akrami2018",
        "estes1956",
        "heathcote2000",
    )
    data: ClassVar[str] = "trained networks; learning curves of people and of a rat (real)"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = LearnerSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        return LearnerSettings() if size == "smoke" else LearnerSettings(seeds=80)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return trained and plain learners, learners with nothing to be found, and real ones."""
        own = LearnerSettings.of(settings)
        if own.data is not None:
            require(
                0.0 <= own.chance < 1.0,
                f"chance = {own.chance}",
                "from 0 to below 1",
                "set it to 1 over the number of choices",
            )
            seen = users_curves(own.data, own.chance)
            return (
                _arm(own, "your data", Recorded(seen, own.seeds)),
                _arm(own, f"your data{SHUFFLED}", Recorded(seen, own.seeds, shuffle=True)),
            ), ()
        few, many = own.seeds, own.blocks
        middle = own.depths[(len(own.depths) - 1) // 2]
        arms = [
            _arm(own, _scores(d), Simulated("trained", few, many, d, own.noise)) for d in own.depths
        ]
        arms += [
            _arm(own, POWER, Simulated("power law", few, many, noise=own.noise)),
            _arm(own, FLAT, Simulated("flat", few, many, noise=own.noise)),
            _arm(own, SHORT, Simulated("trained", few, SHORT_BLOCKS, middle, SHORT_NOISE)),
        ]
        arms += [
            _arm(own, _answers(d), Simulated("trained", few, many, d, trials=own.trials))
            for d in own.depths
        ]
        group = Simulated("trained", few, many, middle, trials=own.trials, people=40, spread=0.7)
        arms.append(_arm(own, AVERAGED, group))
        skipped: list[str] = []
        for label, read, name in ((PEOPLE_ARM, people, PEOPLE), (RAT_ARM, rat, RAT)):
            seen = read()
            if seen is None:
                skipped.append(not_found(name, "curves of your own"))
                continue
            arms.append(_arm(own, label, Recorded(seen, own.seeds)))
            arms.append(_arm(own, label + SHUFFLED, Recorded(seen, own.seeds, shuffle=True)))
        return tuple(arms), tuple(skipped)

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge recovery, false claims, and whether real learning is seen; controls last."""
        own = LearnerSettings.of(settings)
        found: list[Judgement] = []

        def add(label: str, tolerance: Tolerance, role: Role = "test") -> None:
            if label in labels:
                name = f"control: {label}" if role == "control" else label
                found.append(_judgement(name, label, tolerance, role))

        for depth in own.depths:
            add(_scores(depth), NOT_RECOVERED)
            add(_scores(depth), MISATTRIBUTED)
        add(POWER, NOT_RECOVERED)
        add(POWER, MISATTRIBUTED)
        for depth in own.depths:
            add(_answers(depth), MISATTRIBUTED)
        add(FLAT, SEEN_IN_NOTHING)
        add(SHORT, SEEN_IN_NOTHING)
        for label in (PEOPLE_ARM, RAT_ARM, "your data"):
            add(label, LEARNING_MISSED)
            add(label + SHUFFLED, LEARNING_MISSED, "control")
        add(FLAT, LEARNING_MISSED, "control")
        add(SHORT, NOT_RECOVERED, "control")
        add(AVERAGED, MISATTRIBUTED, "control")
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return what is said of each real learner."""
        real = {k: v for k, v in result.results.items() if _is_real(k)}
        return (curves_table(real),) if real else ()

    def figure(self, result: StudyResult) -> Figure:
        """Draw trained networks with their fits, what is claimed of whom, and real learners."""
        own = LearnerSettings.of(result.settings)
        real = [label for label in result.results if _is_real(label)]
        known = [label for label in result.results if _scores(own.depths[-1]) in result.results]
        columns = 3 if known else 2
        figure = Figure(figsize=(4.3 * columns, 7.4 if known and real else 3.9))
        grid = figure.add_gridspec(2 if known and real else 1, columns)
        row = 0
        if known:
            cell = grid[0, 0].subgridspec(2, 1, height_ratios=(3, 1))
            courses = figure.add_subplot(cell[0])
            strip = figure.add_subplot(cell[1], sharex=courses)
            draw_networks(courses, strip, [result.results[_scores(d)] for d in own.depths])
            names = Weighing(_NONE, own.depths, ("linear",)).claims
            scores = {_scores(d): f"depth {d}" for d in own.depths}
            scores |= {POWER: "power law", FLAT: "flat", SHORT: f"{SHORT_BLOCKS} blocks"}
            answers = {_answers(d): f"depth {d}" for d in own.depths}
            middle = own.depths[(len(own.depths) - 1) // 2]
            answers |= {AVERAGED: f"means of 40\nof depth {middle}"}
            for column, (rows, title) in enumerate(
                ((scores, "scores in 1 % noise"), (answers, "right and wrong answers")), start=1
            ):
                axes = figure.add_subplot(grid[0, column])
                draw_claims(axes, result.results, rows, names)
                axes.set_title(title)
            row = 1
        if real:
            draw_real(figure, grid[row, 0], [result.results[label] for label in real])
            draw_worse_by(figure, grid[row, 1:], result.results, real, SHUFFLED)
        headline(
            figure,
            "A learner's depth shows in good scores only; answers and averages do not tell it",
        )
        return figure


_NONE = Simulated("flat", 1, SHORT_BLOCKS)


def _scores(depth: int) -> str:
    return f"depth {depth}, scores"


def _answers(depth: int) -> str:
    return f"depth {depth}, answers"


def _is_real(label: str) -> bool:
    return label in (PEOPLE_ARM, RAT_ARM, "your data")


def _arm(settings: LearnerSettings, label: str, learners: Learners) -> Arm:
    # Scores of networks are their strength itself; answers may be read out of it by a decision.
    counted = (
        any(curve.counted for curve in learners.seen)
        if isinstance(learners, Recorded)
        else learners.trials > 0
    )
    readouts: tuple[Readout, ...] = ("linear", "decision") if counted else ("linear",)
    return Arm(label, Weighing(learners, settings.depths, readouts, settings.criterion))


def _judgement(name: str, label: str, tolerance: Tolerance, role: Role) -> Judgement:
    def error(results: Results) -> Statistic:
        wrong = _wrong(results[label], tolerance, label)
        return mean_of(wrong)

    return Judgement(name, role, tolerance, (label,), error)


def _wrong(result: RunResult, tolerance: Tolerance, label: str) -> np.ndarray:
    """Whether each learner counts towards an error; claims 0 and 1 are those of no evidence."""
    made, true = claims(result), truths(result)
    if tolerance is NOT_RECOVERED:
        return made != true
    if tolerance is MISATTRIBUTED:
        return (made > 1) & (made != true)
    if tolerance is SEEN_IN_NOTHING:
        return made > (1 if label == SHORT else 0)
    return made == 0
