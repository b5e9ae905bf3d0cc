"""What do deep linear networks make of noise, and of a second task, over training?"""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import average_course_error, observed, predicted
from carnotlab.studies.interpolation.noisy_task_panels import (
    draw_courses,
    draw_modes,
    draw_transfer,
    modes_at_the_end,
    modes_table,
)
from carnotlab.studies.interpolation.noisy_task_run import (
    MAP_ERROR,
    OBSERVED,
    OVERLAP,
    NoisyTaskRun,
)
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Results,
    Rows,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
    role_of,
)
from carnotlab.studies.style import headline

COURSE = Tolerance(
    MAP_ERROR,
    0.05,
    "corrections of one over the size, 2 % for each mode, and steps of 4 % of the fastest mode's "
    "time, late to second order only; the noise itself scatters by 1 % over eight networks",
)
INFLATED = Tolerance(
    OBSERVED,
    0.03,
    "singular values scatter by one over the root of twice the size, 9 % of the noise's, over the "
    "root of eight networks 3 %, of strengths of two to four and more",
)
TURNED = Tolerance(
    OVERLAP,
    0.06,
    "an overlap's scatter is that of its singular value, larger where it falls steeply; the "
    "weakest mode is 1.6 times the threshold",
)
STOPPED = Tolerance(
    Quantity("least_error", (), "1", "least error over training, over the predicted one, minus 1"),
    0.08,
    "at the minimum signal and noise balance, each right to a few times one over the size, 5 %, "
    "and scattering by 2 % over two dozen networks",
)
LEAST = Tolerance(
    Quantity("least_error_ratio", (), "1", "least error over training, over that of the other arm"),
    0.8,
    "theory says 0.36 for depth and 0.47 for a related task: four fifths tell help from none",
)

ALONE, SHALLOW = "{} layers", "1 layer"
RANDOM = "2 layers, random start"
JOINT, SINGLE = "two tasks, similarity {:g}", "the first task alone"
NOISELESS = "control: 2 layers, noise left out"
MISTAKEN = "control: 1 layer taken for 2"
DISSIMILAR = "control: two tasks, similarity {:g} taken for {:g}"


class GeneralizationSettings(Settings, frozen=True, kw_only=True):
    """Settings of `DeepLinearGeneralization`; a ``seed`` is two networks an arm, six for pairs.

    ``size`` inputs, outputs and samples; ``strengths`` of the task's modes, in units in which
    noise ends at 2; a ``weak`` task beside a ``strong`` one of each of ``similarities``.
    """

    seeds: Count = 4
    size: Count = 60
    strengths: tuple[float, ...] = (4.0, 2.5, 1.6)
    depths: tuple[Count, ...] = (2, 3)
    weak: Positive = 2.0
    strong: Positive = 4.0
    similarities: tuple[float, ...] = (0.0, 1.0)
    step: Positive = 0.02


class DeepLinearGeneralization(Study):
    """Inflation and turning of noisy modes, early stopping by depth, transfer by similarity."""

    name: ClassVar[str] = "deep-linear-generalization"
    question: ClassVar[str] = (
        "What do deep linear networks make of noise, and of a second task, over training?"
    )
    message: ClassVar[str] = (
        "Noise inflates the strengths of a task and turns its directions by an amount that random "
        "matrices predict. Depth learns strong modes before the noise, so that stopping early "
        "helps, which it hardly does with one layer; a related task helps and another one hurts."
    )
    source: ClassVar[tuple[str, ...]] = ("lampinen2019", "benaychgeorges2012", "gavish2017")
    data: ClassVar[str] = "linear maps of few modes with noisy labels"
    settings: ClassVar[type[Settings]] = GeneralizationSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return GeneralizationSettings()
        return GeneralizationSettings(
            seeds=6, size=100, depths=(2, 3, 4), similarities=(0.0, 0.5, 0.9, 1.0), step=0.01
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return depths, starts and pairs of tasks, and the controls."""
        own = GeneralizationSettings.of(settings)
        alone = NoisyTaskRun(own.size, own.strengths, step=own.step, networks=2 * own.seeds)
        # One mode scatters more than three, and the transfer is over when noise is learned.
        weak = replace(alone, strengths=(own.weak,), duration=2.4, networks=6 * own.seeds)
        pair = replace(weak, partner=own.strong)
        low, high = min(own.similarities), max(own.similarities)
        return (
            *(Arm(ALONE.format(depth), replace(alone, depth=depth)) for depth in own.depths),
            Arm(SHALLOW, replace(alone, depth=1)),
            Arm(RANDOM, replace(alone, random=True)),
            Arm(SINGLE, weak),
            *(Arm(JOINT.format(q), replace(pair, similarity=q)) for q in own.similarities),
            Arm(NOISELESS, replace(alone, noiseless=True)),
            Arm(MISTAKEN, replace(alone, depth=1, assumed_depth=2)),
            Arm(
                DISSIMILAR.format(low, high),
                replace(pair, similarity=low, assumed_similarity=high),
            ),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold courses, strengths and overlaps against theory, and least errors to each other."""
        own = GeneralizationSettings.of(settings)
        deep, related = ALONE.format(own.depths[0]), JOINT.format(max(own.similarities))
        other = JOINT.format(min(own.similarities))
        # Late in training all is noise, of any similarity: only the least error tells.
        confused = DISSIMILAR.format(min(own.similarities), max(own.similarities))
        silent = RANDOM, confused
        return (
            *(_judgement(label, label, COURSE) for label in labels if label not in silent),
            *(_judgement(f"least error: {arm}", arm, STOPPED) for arm in (deep, related, other)),
            _judgement(confused, confused, STOPPED),
            _judgement(f"strengths: {deep}", deep, INFLATED),
            _judgement(f"overlaps: {deep}", deep, TURNED),
            _judgement("control: strengths, noise left out", NOISELESS, INFLATED),
            _judgement("control: overlaps, noise left out", NOISELESS, TURNED),
            _least("stopped early: 2 layers over 1", "test", deep, SHALLOW),
            _least("stopped early: 2 layers over 1, random start", "test", RANDOM, SHALLOW),
            _least("a related task helps", "test", related, SINGLE),
            _least("control: another task helps", "control", other, SINGLE),
        )

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return the least error over training of each arm, found and predicted."""
        return (modes_table(result.results),)

    def figure(self, result: StudyResult) -> Figure:
        """Draw courses by depth, strengths and overlaps, and courses of the first of two tasks."""
        own = GeneralizationSettings.of(result.settings)
        runs = result.results
        figure = Figure(figsize=(13.0, 5.4))
        grid = figure.add_gridspec(1, 3, width_ratios=(4, 3, 4))
        names = [SHALLOW, *(ALONE.format(depth) for depth in own.depths)]
        pairs: list[tuple[int, dict[str, RunResult]]] = [
            (0, {name: runs[name] for name in names}),
            (2, {name: runs[name] for name in (SINGLE, *map(JOINT.format, own.similarities))}),
        ]
        for column, shown in pairs:
            cell = grid[0, column].subgridspec(2, 1, height_ratios=(3, 1))
            courses = figure.add_subplot(cell[0])
            strip = figure.add_subplot(cell[1], sharex=courses)
            if column == 0:
                draw_courses(courses, strip, shown, runs[RANDOM], COURSE.error)
            else:
                draw_transfer(courses, strip, shown, COURSE.error)
        draw_modes(figure.add_subplot(grid[0, 1]), runs[ALONE.format(own.depths[0])], own.strengths)
        headline(
            figure,
            "Depth learns the task before its noise, and a related task helps: "
            "lines theory, marks networks",
        )
        return figure


def _judgement(label: str, arm: str, tolerance: Tolerance) -> Judgement:
    def error(results: Results) -> Statistic:
        if tolerance is COURSE:
            return average_course_error(results[arm], MAP_ERROR)
        if tolerance is STOPPED:
            return _least_error(results[arm])
        seen, expected = modes_at_the_end(results[arm], tolerance.quantity)
        size = float(np.linalg.norm(expected))
        return lambda rows: float(np.linalg.norm(seen[rows].mean(axis=0) - expected)) / size

    return Judgement(label, role_of(label), tolerance, (arm,), error)


def _least_error(result: RunResult) -> Statistic:
    seen, expected = observed(result, MAP_ERROR), predicted(result, MAP_ERROR)[0]
    return lambda rows: abs(float(seen[rows].mean(axis=0).min() / expected.min()) - 1.0)


def _least(label: str, role: Role, first: str, second: str) -> Judgement:
    def error(results: Results) -> Statistic:
        one, other = (observed(results[arm], MAP_ERROR) for arm in (first, second))

        def statistic(rows: Rows) -> float:
            return float(one[rows].mean(axis=0).min() / other[rows].mean(axis=0).min())

        return statistic

    return Judgement(label, role, LEAST, (first, second), error)
