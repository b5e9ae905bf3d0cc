"""Does the average of two models do at least as well as they do?"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.measures.mixtures import barrier
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_of
from carnotlab.studies.landscape.average_panels import draw_barriers, draw_paths
from carnotlab.studies.landscape.average_run import LOSS_BETWEEN, SHARES, AverageRun, Way
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Results,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
    role_of,
)
from carnotlab.studies.style import headline
from carnotlab.tasks.digits import Digits

LOGISTIC, NORMALIZED = "logistic regression", "batch norm, width {}"
WIDTH = "width {}"

BARRIER = Quantity("barrier", (), "loss", "rise of the loss above the chord between two models")
LEFT = Quantity("barrier_left", (), "1", "barrier over that of independent networks")
CONVEX = Tolerance(BARRIER, 1e-9, "exact for a convex loss; rounding of double precision")
RISES = Tolerance(BARRIER, 0.05, "a twentieth of a nat is far beyond what a convex loss allows")
MATCHED = Tolerance(
    LEFT, 0.2, "published: matching takes four fifths or more of the barrier of wide networks"
)
ONE_BASIN = Tolerance(
    LEFT, 0.05, "networks from one start that stay in one basin have no barrier; noise of batches"
)


class AverageSettings(Settings, frozen=True, kw_only=True):
    """Settings of `AverageOfTwoModels`; ``seeds`` are pairs of networks of each kind.

    Two hidden layers of each of ``widths``, ``steps`` of training on ``samples`` digits; forked
    after ``fork`` steps.
    """

    seeds: Count = 3
    widths: tuple[int, ...] = (32, 128)
    steps: Count = 300
    fork: Count = 100
    samples: Count = 1000
    rate: Positive = 0.1
    batch_norm: bool = True


class AverageOfTwoModels(Study):
    """Mixtures of weights: convex losses, independent networks, one start, matched units."""

    name: ClassVar[str] = "average-of-two-models"
    question: ClassVar[str] = "Does the average of two models do at least as well as they do?"
    message: ClassVar[str] = (
        "For a convex loss it does, for independent networks it does not: a barrier lies between "
        "them. Most of it is the order of hidden units, which linear assignment undoes; networks "
        "of one start have none."
    )
    source: ClassVar[tuple[str, ...]] = ("frankle2020", "ainsworth2023")
    data: ClassVar[str] = "scikit-learn's digits"
    settings: ClassVar[type[Settings]] = AverageSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return AverageSettings()
        return AverageSettings(seeds=8, widths=(32, 64, 128, 256, 512), steps=1000)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return logistic regression, networks of each width, and one with batch norm."""
        own = AverageSettings.of(settings)
        digits = Digits(own.samples, 500)

        def run(
            hidden: tuple[int, ...], *, normalized: bool = False, fork: bool = False
        ) -> AverageRun:
            at = own.fork if fork else None
            return AverageRun(digits, hidden, own.steps, own.seeds, normalized, at, own.rate)

        arms = [Arm(LOGISTIC, run(()))]
        arms += [
            Arm(WIDTH.format(width), run((width, width), fork=width == own.widths[-1]))
            for width in own.widths
        ]
        if own.batch_norm:
            width = own.widths[0]
            arms.append(Arm(NORMALIZED.format(width), run((width, width), normalized=True)))
        return tuple(arms), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold barriers to none, and what is left of them to that of independent networks."""
        own = AverageSettings.of(settings)
        del labels
        found = [Judgement(LOGISTIC, "test", CONVEX, (LOGISTIC,), _rise(LOGISTIC, "independent"))]
        for width in own.widths:
            arm = WIDTH.format(width)
            control = f"control: independent, {arm}"
            found += [
                Judgement(control, "control", RISES, (arm,), _rise(arm, "independent")),
                _left(f"one start, {arm}", arm, "one start", ONE_BASIN),
                _left(f"matched, {arm}", arm, "matched", MATCHED),
                _left(f"control: shuffled, {arm}", arm, "shuffled", MATCHED),
            ]
        widest = WIDTH.format(own.widths[-1])
        found.append(_left(f"forked later, {widest}", widest, "forked later", ONE_BASIN))
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return barriers of all kinds of pairs."""
        table = Table("networks", "pairs", "barrier", "loss of the average", "of the two, mean")
        for label, run in result.results.items():
            for way in run.observation["way"].values:
                losses = losses_of(run, str(way))
                rise = barrier(losses, SHARES)
                values = (
                    rise.mean(),
                    losses[:, len(SHARES) // 2].mean(),
                    losses[:, [0, -1]].mean(),
                )
                table.add_row(label, str(way), *(f"{value:.2g}" for value in values))
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw losses between models, barriers over width, and batch norm."""
        own = AverageSettings.of(result.settings)
        figure = Figure(figsize=(12.0, 4.0))
        first, second, third = figure.subplots(1, 3)
        widest = result.results[WIDTH.format(own.widths[-1])]
        shown: dict[str, tuple[RunResult, str]] = {
            way: (widest, way)
            for way in ("independent", "matched", "one start", "forked later", "shuffled")
        }
        draw_paths(first, shown | {LOGISTIC: (result.results[LOGISTIC], "independent")})
        first.set_title(f"between two networks, width {own.widths[-1]}")
        by_width = {width: result.results[WIDTH.format(width)] for width in own.widths}
        draw_barriers(second, by_width, ("independent", "matched", "one start"))
        normalized = {label: run for label, run in result.results.items() if "batch norm" in label}
        for run in normalized.values():
            ways = [str(way) for way in run.observation["way"].values if way != "shuffled"]
            draw_paths(third, {way: (run, way) for way in ways})
        third.set_title("with batch norm: statistics anew, or averaged")
        headline(figure, "An average is as good where the loss is convex, or made nearly so")
        return figure


def losses_of(run: RunResult, way: str) -> np.ndarray:
    """Return losses between models, [seed, share]."""
    return run.observation[LOSS_BETWEEN.name].sel(way=way).values


def _rise(arm: str, way: Way) -> Callable[[Results], Statistic]:
    return lambda results: mean_of(barrier(losses_of(results[arm], way), SHARES))


def _left(label: str, arm: str, way: Way, tolerance: Tolerance) -> Judgement:
    def error(results: Results) -> Statistic:
        rises, whole = (
            barrier(losses_of(results[arm], each), SHARES) for each in (way, "independent")
        )
        return lambda rows: float(np.mean(rises[rows]) / np.mean(whole[rows]))

    return Judgement(label, role_of(label), tolerance, (arm,), error)
