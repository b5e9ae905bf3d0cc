"""Does an easy problem that turns into the hard one train what direct training cannot?"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_of
from carnotlab.studies.judging import judge
from carnotlab.studies.optimization.continuation_panels import (
    draw_basins,
    draw_landscape,
    draw_parity,
)
from carnotlab.studies.optimization.frequency_run import FREQUENCY, FrequencyRun, Way
from carnotlab.studies.optimization.parity_run import WRONG, ParityRun
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline

WAYS: tuple[Way, ...] = ("direct", "widening inputs", "growing targets")
FINDS = "frequency, {}"
FAIR, FADING, RISING = "parity, fair bits", "parity, fading bias", "parity, rising bias"
ONE_FAIR, ONE_FADING = "one bit, fair bits", "one bit, fading bias"
FADE = (0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Biases of the phases."""
LOST = Quantity("share_lost", (), "fraction", "starts that do not end at the frequency")
APART = Quantity("end_apart", (), "1", "distance of ends from predicted ones, over the frequency")
GAINED = Quantity("gained", (), "fraction", "held-out bits fewer wrong by continuation")


class ContinuationSettings(Settings, frozen=True, kw_only=True):
    """Settings of `Continuation`; ``seeds``: networks on bits, ``starts`` frequencies for each."""

    seeds: Count = 8
    target: Positive = 40.0
    starts: Count = 5
    phases: Count = 16
    steps: Count = 300
    bits: Count = 50
    members: Count = 4
    width: Count = 128
    samples: Count = 1000
    parity_steps: Count = 500


class Continuation(Study):
    """A frequency among local minima and a product of bits, directly and by continuation."""

    name: ClassVar[str] = "continuation"
    question: ClassVar[str] = (
        "Can a problem that direct training fails on be learned by way of an easier one that "
        "turns into it, and when does the detour not help?"
    )
    message: ClassVar[str] = (
        "Where an easy problem has one wide valley that leads into the right one of the hard "
        "problem, continuation trains what direct training cannot; each end is predicted. An "
        "easier problem with the same local minima, or easy things last, helps nothing."
    )
    source: ClassVar[tuple[str, ...]] = ("bengio2009", "cornacchia2023")
    data: ClassVar[str] = "synthetic frequencies and parities"
    settings: ClassVar[type[Settings]] = ContinuationSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return ContinuationSettings()
        return ContinuationSettings(seeds=16, starts=10, phases=24)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return frequencies by each way, parities and single bits directly and not."""
        own = ContinuationSettings.of(settings)
        starts = tuple(np.linspace(1.0, 2.0 * own.target - 1.0, own.seeds * own.starts).tolist())

        def parity(members: int, biases: tuple[float, ...]) -> ParityRun:
            return ParityRun(
                own.bits, members, biases, own.width, own.samples, own.parity_steps,
                tuple(range(own.seeds)),
            )  # fmt: skip

        fair = (0.0,) * len(FADE)
        return (
            *(
                Arm(FINDS.format(way), FrequencyRun(way, own.target, starts, own.phases, own.steps))
                for way in WAYS
            ),
            Arm(FAIR, parity(own.members, fair)),
            Arm(FADING, parity(own.members, FADE)),
            Arm(RISING, parity(own.members, FADE[::-1])),
            Arm(ONE_FAIR, parity(1, fair)),
            Arm(ONE_FADING, parity(1, FADE)),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold ends against predicted ones, and each way against the goal."""
        del labels
        own = ContinuationSettings.of(settings)
        apart = Tolerance(APART, 1e-3, "256 inputs instead of infinitely many, in double precision")
        lost = Tolerance(LOST, 0.05, "one in twenty may be lost: ends lie apart or together")
        wrong = Tolerance(WRONG, 0.1, "far from the half that guessing gets wrong")
        gained = Tolerance(GAINED, 0.02, "ten of five hundred held-out bits: seeds scatter by less")

        direct, widening, growing = (FINDS.format(way) for way in WAYS)
        return (
            judge(f"{direct}: where each start ends", apart, (direct,), end_apart),
            judge(f"{widening}: where each start ends", apart, (widening,), end_apart),
            judge(f"{widening}: finds it", lost, (widening,), lost_of(own.target)),
            judge(f"control: {direct}: finds it", lost, (direct,), lost_of(own.target)),
            judge(f"control: {growing}: finds it", lost, (growing,), lost_of(own.target)),
            judge(f"{FADING}: learned", wrong, (FADING,), wrong_of),
            judge(f"control: {FAIR}: learned", wrong, (FAIR,), wrong_of),
            judge(f"control: {RISING}: learned", wrong, (RISING,), wrong_of),
            judge(f"{ONE_FAIR}: learned directly", wrong, (ONE_FAIR,), wrong_of),
            judge("one bit: continuation gains nothing", gained, (ONE_FAIR, ONE_FADING), gain),
            judge("control: parity: continuation gains nothing", gained, (FAIR, FADING), gain),
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw losses by frequency, where starts end, and errors on bits over phases."""
        figure = Figure(figsize=(12.5, 4.6))
        left, middle, right = figure.subplots(1, 3)
        own, runs = ContinuationSettings.of(result.settings), result.results
        draw_landscape(left, own.target, runs[FINDS.format(WAYS[1])])
        draw_basins(middle, own.target, {way: runs[FINDS.format(way)] for way in WAYS})
        parities = (FAIR, FADING, RISING, ONE_FAIR, ONE_FADING)
        draw_parity(right, {arm: runs[arm] for arm in parities})
        headline(figure, "An easy problem leads to the hard one only if its valley does")
        return figure


def end_apart(result: RunResult) -> Statistic:
    """Return the mean distance of ends from predicted ones, over the largest of these."""
    seen = np.asarray(result.observation[FREQUENCY.name].values)[:, -1]
    expected = np.asarray(result.prediction[FREQUENCY.name].values)[:, -1]
    return mean_of(np.abs(np.abs(seen) - np.abs(expected)) / np.abs(expected).max())


def lost_of(target: float) -> Callable[[RunResult], Statistic]:
    """Return the share of starts that end further than a hundredth from the frequency."""

    def error(result: RunResult) -> Statistic:
        ends = np.abs(np.asarray(result.observation[FREQUENCY.name].values)[:, -1])
        return mean_of((np.abs(ends / target - 1.0) > 0.01).astype(float))

    return error


def wrong_of(result: RunResult) -> Statistic:
    """Return the share of fair held-out bits wrong at the end."""
    return mean_of(np.asarray(result.observation[WRONG.name].values)[:, -1])


def gain(direct: RunResult, other: RunResult) -> Statistic:
    """Return how many fewer are wrong by continuation, as a size."""
    ends = [np.asarray(run.observation[WRONG.name].values)[:, -1] for run in (direct, other)]
    return mean_of(np.abs(ends[0] - ends[1]))
