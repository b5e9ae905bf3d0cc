"""Where the schedules of elegant theory are best, and where a simple task contradicts them."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.judging import judge
from carnotlab.studies.optimization.schedule_network_run import LOSS, NetworkScheduleRun
from carnotlab.studies.optimization.schedule_panels import draw_courses, draw_ends, draw_losses
from carnotlab.studies.optimization.schedule_run import RISK, LeastSquaresRun
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Rows,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline
from carnotlab.theories.quadratic_models.schedules import ScheduleName

BEHIND = Quantity(
    "behind_best", (), "1", "what is left at the end over the best schedule's, less 1"
)
SQUARES, FULL, SINGLE = "least squares", "network, full batches", "network, one image a step"
NAMES: tuple[ScheduleName, ...] = (
    "constant", "1/√t", "1/t", "constant, then 1/t", "step", "cosine",
)  # fmt: skip


class ScheduleSettings(Settings, frozen=True, kw_only=True):
    """Settings of `SchedulesInTheoryAndPractice`.

    ``seeds`` are groups of ``draws`` simulated paths, and networks;
    ``noises`` are label noises on least squares, the larger first.
    """

    seeds: Count = 8
    draws: Count = 512
    inputs: Count = 10
    steps: Count = 1000
    noises: tuple[Positive, Positive] = (0.1, 1e-6)
    images: Count = 100
    hidden: Count = 12
    network_steps: Count = 1000
    rates: tuple[Positive, ...] = (0.03, 0.045, 0.07, 0.1, 0.15, 0.22, 0.33, 0.5)


class SchedulesInTheoryAndPractice(Study):
    """Least squares under six schedules and two noises, exact and simulated; a network."""

    name: ClassVar[str] = "schedules-in-theory-and-practice"
    question: ClassVar[str] = (
        "Is the learning-rate schedule that theory derives the best one, and where is it not?"
    )
    message: ClassVar[str] = (
        "On noisy least squares 1/t is as good as anything, as derived. With little noise it is "
        "ten thousand times worse than decays that wait, and on a network it loses either way. "
        "The exact risk says which schedule wins where; worst cases do not."
    )
    source: ClassVar[tuple[str, ...]] = ("robbins1951", "bottou2018", "bach2013", "wu2022")
    data: ClassVar[str] = "synthetic least squares; scikit-learn's digits, labels partly wrong"
    settings: ClassVar[type[Settings]] = ScheduleSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return ScheduleSettings()
        return ScheduleSettings(seeds=16, draws=1024, inputs=20, steps=10_000, network_steps=4000)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return least squares at both noises, and networks with and without noise of batches."""
        own = ScheduleSettings.of(settings)
        seeds = tuple(range(own.seeds))

        def network(batch: int | None) -> NetworkScheduleRun:
            return NetworkScheduleRun(
                NAMES, own.rates, batch, own.images, own.hidden, own.network_steps, seeds
            )

        squares = LeastSquaresRun(NAMES, own.noises, own.inputs, own.steps, own.seeds, own.draws)
        return (Arm(SQUARES, squares), Arm(FULL, network(None)), Arm(SINGLE, network(1))), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold simulated risks against exact ones, and schedules against the best of all."""
        del labels
        own = ScheduleSettings.of(settings)
        course = Tolerance(
            RISK,
            0.02,
            "thousands of paths scatter by about 1 % of the mean risk; the recursion is exact",
        )
        behind = Tolerance(
            BEHIND,
            0.1,
            "rates are tuned on grids a factor 1.5 apart: what that leaves open is a few percent",
        )

        high, low = own.noises
        return (
            *(
                judge(f"{name}, noise {noise:g}", course, SQUARES, risk_apart(at, at, place))
                for at, noise in enumerate(own.noises)
                for place, name in enumerate(NAMES)
            ),
            judge("control: constant, risk as without noise", course, SQUARES, risk_apart(0, 1, 0)),
            judge(f"1/t is best at noise {high:g}", behind, SQUARES, risk_behind(0, "1/t")),
            judge(f"control: 1/t is best at noise {low:g}", behind, SQUARES, risk_behind(1, "1/t")),
            judge(
                f"control: a constant rate is best at noise {high:g}",
                behind,
                SQUARES,
                risk_behind(0, "constant"),
            ),
            judge("network, full batches: constant is best", behind, FULL, loss_behind("constant")),
            judge(
                "network, one image a step: constant, then 1/t is best",
                behind,
                SINGLE,
                loss_behind("constant, then 1/t"),
            ),
            judge("control: network, full batches: 1/t is best", behind, FULL, loss_behind("1/t")),
            judge(
                "control: network, one image a step: 1/t is best",
                behind,
                SINGLE,
                loss_behind("1/t"),
            ),
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw risks over steps at both noises, what is left at the end, and networks."""
        figure = Figure(figsize=(12.5, 7.0))
        grid = figure.add_gridspec(2, 2)
        squares = result.results[SQUARES]
        for noise in (0, 1):
            cell = grid[0, noise].subgridspec(2, 1, height_ratios=(3, 1))
            courses = figure.add_subplot(cell[0])
            strip = figure.add_subplot(cell[1], sharex=courses)
            draw_courses(courses, strip, squares, noise)
        draw_ends(figure.add_subplot(grid[1, 0]), squares)
        draw_losses(
            figure.add_subplot(grid[1, 1]), {arm: result.results[arm] for arm in (FULL, SINGLE)}
        )
        headline(figure, "Which schedule is best depends on the noise: lines exact, marks seen")
        return figure


def risk_apart(seen: int, taken: int, place: int) -> Callable[[RunResult], Statistic]:
    """Return the mean over times of the relative distance of mean risks from the exact ones."""

    def error(result: RunResult) -> Statistic:
        risks = observed(result, RISK)[:, :, seen, place]
        expected = predicted(result, RISK)[0, :, taken, place]

        def statistic(rows: Rows) -> float:
            return float(np.mean(np.abs(risks[rows].mean(axis=0) / expected - 1.0)))

        return statistic

    return error


def risk_behind(noise: int, name: ScheduleName) -> Callable[[RunResult], Statistic]:
    """Return by how much a schedule's risk at the end is above the least of all, relatively."""

    def error(result: RunResult) -> Statistic:
        ends = observed(result, RISK)[:, -1, noise]

        def statistic(rows: Rows) -> float:
            mean = ends[rows].mean(axis=0)
            return float(mean[NAMES.index(name)] / mean.min() - 1.0)

        return statistic

    return error


def loss_behind(name: ScheduleName) -> Callable[[RunResult], Statistic]:
    """Return the same of training losses, each schedule at its best base rate."""

    def error(result: RunResult) -> Statistic:
        losses = np.asarray(result.observation[LOSS.name].values, dtype=np.float64)
        losses = np.where(np.isfinite(losses), losses, np.inf)

        def statistic(rows: Rows) -> float:
            best = losses[rows].mean(axis=0).min(axis=1)
            return float(best[NAMES.index(name)] / best.min() - 1.0)

        return statistic

    return error
