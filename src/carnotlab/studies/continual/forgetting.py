"""How much of one task does learning the next take away, and when is it nothing?"""

from typing import ClassVar

from matplotlib.figure import Figure

from carnotlab.core.verdicts import Tolerance
from carnotlab.measures.layer_matrices import END_TO_END_MAP
from carnotlab.studies.continual.alternating_run import FORGOTTEN, AlternatingRun
from carnotlab.studies.continual.forgetting_panels import (
    draw_alternating,
    draw_distances,
    draw_overlaps,
    draw_switches,
)
from carnotlab.studies.continual.random_task_run import DISTANCE, RandomTaskRun
from carnotlab.studies.continual.task_switch_run import TaskSwitchRun
from carnotlab.studies.errors import average_course_error, mean_course_error
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

DISTANCES = Tolerance(
    DISTANCE,
    0.05,
    "a squared distance of sixty weights scatters by about a tenth from draw to draw, over the "
    "root of 64 networks 1.3 %, and three times that; training ends within 1e-4 of its limit",
)
ROUNDS = Tolerance(
    FORGOTTEN,
    0.01,
    "exact for each network but for training that ends: a loss of 1e-4 of what is forgotten",
)
SWITCHES = Tolerance(
    END_TO_END_MAP,
    0.02,
    "steps of 2 % of the curvature run late by half a step for every e-fold by which a mode grows, "
    "four from the start used here: 4 % of a rise that is a fifth of the course",
)

RANDOM, NOISY = "random tasks, overlap {:g}", "random tasks, noisy labels"
REPEATED = "control: random tasks, the same inputs in all"
ASSUMED = "control: random tasks, overlap {:g} taken for 0"
ALTERNATING = "two tasks in turn, similarity {:g}"
CONFLICT = "control: two tasks in turn, teachers in conflict"
SWITCH, IGNORANT = "task switches, depth {}", "control: task switches, what was learned ignored"


class ForgettingSettings(Settings, frozen=True, kw_only=True):
    """Settings of `Forgetting`; ``seeds`` are networks of each task switch and pair.

    ``size`` weights and ``samples`` of each of ``tasks`` random tasks, ``networks`` a seed, trained
    on different draws of their inputs; ``rounds`` of two tasks whose inputs have ``similarities``.
    """

    seeds: Count = 4
    size: Count = 60
    samples: Count = 24
    tasks: Count = 6
    networks: Count = 16
    overlaps: tuple[float, ...] = (0.0, 0.5, 0.9)
    noise: float = 0.5
    rounds: Count = 6
    similarities: tuple[float, ...] = (0.0, 0.7)
    conflict: float = 0.5
    depths: tuple[Count, ...] = (2, 3)
    step: Positive = 0.02


class Forgetting(Study):
    """Random tasks one after the other, two tasks in turn, and switches in deep linear nets."""

    name: ClassVar[str] = "forgetting"
    question: ClassVar[str] = (
        "Does the theory say how much of earlier tasks a network forgets when it learns others?"
    )
    message: ClassVar[str] = (
        "Forgetting is predicted task by task, round by round and through every switch of a deep "
        "network. Similar tasks teach each other; repetition removes forgetting, slowest for tasks "
        "at small angles; inputs seen again or teachers in conflict break the formulas."
    )
    source: ClassVar[tuple[str, ...]] = ("lin2023", "evron2022", "saxe2014", "arora2018")
    data: ClassVar[str] = "synthetic linear tasks"
    settings: ClassVar[type[Settings]] = ForgettingSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return ForgettingSettings()
        return ForgettingSettings(
            seeds=16,
            networks=32,
            overlaps=(0.0, 0.25, 0.5, 0.75, 0.9, 1.0),
            rounds=20,
            similarities=(0.0, 0.5, 0.7, 0.9),
            depths=(2, 3, 4),
            step=0.01,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return random tasks by overlap, tasks in turn, task switches, and the controls."""
        own = ForgettingSettings.of(settings)

        def random(
            overlap: float, noise: float = 0.0, again: bool = False, assumed: float | None = None
        ) -> RandomTaskRun:
            return RandomTaskRun(
                own.size,
                own.samples,
                own.tasks,
                overlap,
                noise,
                again,
                assumed,
                own.seeds * own.networks,
            )

        def in_turn(alike: float, conflict: float = 0.0) -> AlternatingRun:
            samples = 2 * own.size // 5
            return AlternatingRun(
                own.size, samples, own.rounds, alike, conflict, networks=4 * own.seeds
            )

        def switch(depth: int, ignorant: bool = False) -> TaskSwitchRun:
            return TaskSwitchRun(depth, ignorant, step=own.step, networks=own.seeds)

        arms = [Arm(RANDOM.format(overlap), random(overlap)) for overlap in own.overlaps]
        arms += [
            Arm(NOISY, random(own.overlaps[0], own.noise)),
            Arm(REPEATED, random(own.overlaps[0], again=True)),
            Arm(ASSUMED.format(own.overlaps[-1]), random(own.overlaps[-1], assumed=0.0)),
        ]
        arms += [Arm(ALTERNATING.format(alike), in_turn(alike)) for alike in own.similarities]
        arms.append(Arm(CONFLICT, in_turn(own.similarities[-1], own.conflict)))
        arms += [Arm(SWITCH.format(depth), switch(depth)) for depth in own.depths]
        arms.append(Arm(IGNORANT, switch(own.depths[0], ignorant=True)))
        return tuple(arms), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold distances, losses and maps of each arm against their tolerances."""
        del settings
        return tuple(_judgement(label) for label in labels)

    def figure(self, result: StudyResult) -> Figure:
        """Draw distances, forgetting by overlap, forgetting by rounds, and task switches."""
        own = ForgettingSettings.of(result.settings)
        figure = Figure(figsize=(12.5, 7.0))
        grid = figure.add_gridspec(2, 2)
        runs = result.results
        draw_distances(
            figure.add_subplot(grid[0, 0]), runs[RANDOM.format(own.overlaps[0])], runs[NOISY]
        )
        draw_overlaps(
            figure.add_subplot(grid[0, 1]),
            {overlap: runs[RANDOM.format(overlap)] for overlap in own.overlaps},
            runs[REPEATED],
            own.size,
            own.samples,
            own.tasks,
        )
        turns = {f"similarity {s:g}": runs[ALTERNATING.format(s)] for s in own.similarities}
        turns["teachers in conflict\n(control)"] = runs[CONFLICT]
        draw_alternating(figure.add_subplot(grid[1, 0]), turns)
        cell = grid[1, 1].subgridspec(2, 1, height_ratios=(3, 1))
        courses = figure.add_subplot(cell[0])
        strip = figure.add_subplot(cell[1], sharex=courses)
        draw_switches(
            courses,
            strip,
            runs[SWITCH.format(own.depths[0])],
            runs[IGNORANT],
            TaskSwitchRun(own.depths[0]),
        )
        headline(
            figure, "What is forgotten follows from angles: lines theory, marks and bands networks"
        )
        return figure


def _judgement(label: str) -> Judgement:
    role = role_of(label)
    tolerance = SWITCHES if "switches" in label else ROUNDS if "in turn" in label else DISTANCES

    def error(results: Results) -> Statistic:
        if tolerance is DISTANCES:  # a theory of means over inputs
            return average_course_error(results[label], tolerance.quantity)
        return mean_course_error(results[label], tolerance.quantity)

    return Judgement(label, role, tolerance, (label,), error)
