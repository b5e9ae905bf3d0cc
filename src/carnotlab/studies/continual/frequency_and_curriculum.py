"""Are frequent items learned first, and is it better to begin with the easy examples?"""

from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.layer_matrices import END_TO_END_MAP
from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned, Balanced
from carnotlab.runs.run import Run
from carnotlab.studies.continual.curriculum_panels import draw_items, draw_orders
from carnotlab.studies.continual.curriculum_run import STUDENT_ERROR, CurriculumRun
from carnotlab.studies.continual.item_order import frequency_violations, items_task
from carnotlab.studies.errors import average_course_error, mean_course_error, observed
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
from carnotlab.theories.continual.frequency import half_times
from carnotlab.theories.deep_linear.end_to_end_flow import EndToEndFlow
from carnotlab.theories.deep_linear.modes import DeepLinearModes

COURSES = Tolerance(
    MODE_STRENGTH,
    0.01,
    "an aligned start decouples the items, and the prediction is of second order in steps of 5 %",
)
MAPS = Tolerance(
    END_TO_END_MAP,
    0.03,
    "gradient flow for steps of 1.5 % of the curvature: late by half a step for each of the five "
    "e-folds by which an item grows, 4 % of a rise that is a quarter of the course",
)
ORDER = Tolerance(
    Quantity(
        "frequency_violations",
        (),
        "fraction",
        "pairs whose more frequent item is not learned first",
    ),
    0.25,
    "one half is chance, and there is nothing random in the order of decoupled items",
)
STUDENTS = Tolerance(
    STUDENT_ERROR,
    0.05,
    "a student's squared distance scatters by (2/50)^(1/2) = 20 %, over the root of 64 students "
    "2.5 %, and twice that; the theory of the mean is exact",
)
EASY_LOSES = Tolerance(
    Quantity(
        "hard_first_over_easy_first", (), "1", "error at the end from hard to easy, over the other"
    ),
    0.9,
    "equal orders have a quotient of 1 that scatters by 3 %, students of both meeting one sample",
)
EASY_LEADS = Tolerance(
    Quantity("easy_first_over_hard_first", (), "1", "error at half of the course, easy first"),
    0.9,
    EASY_LOSES.why,
)

EQUAL, STRONG = "equal strengths, depth {}", "rare items strong, depth {}"
SHARED = "items that share properties, depth 2"
SHARED_ALONE = "control: items that share properties, taken one by one"
EASY, HARD, RANDOM = "easy to hard", "hard to easy", "random"
STEADY, FALLING = "{}, constant rate", "{}, falling rate"


class FrequencySettings(Settings, frozen=True, kw_only=True):
    """Settings of `FrequencyAndCurriculum`.

    ``counts`` is how often each item is met, most often first, ``strengths`` what rare items have
    where they are strong. ``rate`` is that of students; where it falls, it is halved ``decay``
    examples per input after the start; there are ``students`` for each seed.
    """

    seeds: Count = 4
    counts: tuple[Count, ...] = (8, 4, 2, 1)
    strengths: tuple[Positive, ...] = (1.0, 2.5, 6.5, 17.0)
    shared: float = 0.6
    depths: tuple[Count, ...] = (1, 2, 3)
    start: Positive = 1e-2
    width: Count = 8
    step: Positive = 0.05
    records: Count = 150
    rate: Positive = 0.5
    decay: Positive = 0.7
    students: Count = 16


class FrequencyAndCurriculum(Study):
    """Frequent before rare, shallow and deep; easy before hard, at constant and falling rates."""

    name: ClassVar[str] = "frequency-and-curriculum"
    question: ClassVar[str] = (
        "Are frequent items learned first, and does it help to begin with the easy examples?"
    )
    message: ClassVar[str] = (
        "Frequency sets a clock for each item, but in deep networks strength does too: rare and "
        "strong comes before frequent and weak. Over label noise, beginning with the easy is ahead "
        "on the way and loses in the end, unless the rate falls faster than an average needs."
    )
    source: ClassVar[tuple[str, ...]] = ("saxe2019", "arora2018", "weinshall2018")
    data: ClassVar[str] = "synthetic items; synthetic linear teacher with noisy labels"
    settings: ClassVar[type[Settings]] = FrequencySettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return FrequencySettings()
        return FrequencySettings(seeds=16, step=0.02, records=300, students=32)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return items at each depth, items that share properties, and students by order."""
        own = FrequencySettings.of(settings)
        equal = (1.0,) * len(own.counts)
        arms: list[Arm] = []
        for depth in own.depths:
            arms.append(_items(own, EQUAL.format(depth), depth, equal))
        for depth in own.depths[:2]:
            arms.append(_items(own, STRONG.format(depth), depth, own.strengths))
        arms.append(_items(own, SHARED, 2, equal, own.shared, whole=True))
        arms.append(_items(own, SHARED_ALONE, 2, equal, own.shared))
        for order in (EASY, HARD, RANDOM):
            run = CurriculumRun(order, own.rate, students=own.seeds * own.students)
            arms.append(Arm(STEADY.format(order), run))
        for order in (EASY, HARD):
            run = CurriculumRun(order, own.rate, own.decay, students=own.seeds * own.students)
            arms.append(Arm(FALLING.format(order), run))
        return tuple(arms), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge courses, the order of items, students' errors, and which order is better."""
        own = FrequencySettings.of(settings)
        equal = (1.0,) * len(own.counts)
        found: list[Judgement] = []
        for label in labels:
            found.append(_course(label))
        for depth in own.depths:
            found.append(_order(own, EQUAL.format(depth), equal, "test"))
        for depth in own.depths[:2]:
            role: Role = "test" if depth == 1 else "control"
            found.append(_order(own, STRONG.format(depth), own.strengths, role))
        easy, hard = STEADY.format(EASY), STEADY.format(HARD)
        found.append(
            _quotient("easy first loses, constant rate", "test", EASY_LOSES, hard, easy, -1)
        )
        found.append(
            _quotient("easy first leads half way, constant rate", "test", EASY_LEADS, easy, hard, 0)
        )
        easy, hard = FALLING.format(EASY), FALLING.format(HARD)
        found.append(
            _quotient("control: easy first, falling rate", "control", EASY_LOSES, hard, easy, -1)
        )
        return tuple(found)

    def figure(self, result: StudyResult) -> Figure:
        """Draw items shallow and deep, and students' errors by the order of examples."""
        own = FrequencySettings.of(result.settings)
        figure = Figure(figsize=(12.5, 6.8))
        grid = figure.add_gridspec(2, 3)
        equal = (1.0,) * len(own.counts)
        for column, (label, strengths, title) in enumerate(
            (
                (EQUAL.format(2), equal, "deep, equal strengths"),
                (STRONG.format(1), own.strengths, "shallow, rare items strong"),
                (STRONG.format(2), own.strengths, "deep, rare items strong (control)"),
            )
        ):
            cell = grid[0, column].subgridspec(2, 1, height_ratios=(3, 1))
            courses = figure.add_subplot(cell[0])
            strip = figure.add_subplot(cell[1], sharex=courses)
            task = items_task(own.counts, strengths)
            draw_items(
                courses, strip, result.results[label], task, strengths, own.counts, COURSES.error
            )
            courses.set_title(title)
        steady = {order: result.results[STEADY.format(order)] for order in (EASY, HARD, RANDOM)}
        falling = {order: result.results[FALLING.format(order)] for order in (EASY, HARD)}
        lower = grid[1, :].subgridspec(1, 2)
        for place, runs, title in (
            (lower[0], steady, "constant rate: ahead on the way, behind at the end"),
            (lower[1], falling, "fast falling rate: ahead to the end (control)"),
        ):
            cell = place.subgridspec(2, 1, height_ratios=(3, 1))
            courses = figure.add_subplot(cell[0])
            strip = figure.add_subplot(cell[1], sharex=courses)
            draw_orders(courses, strip, runs, STUDENTS.error)
            courses.set_title(title)
        headline(
            figure,
            "Frequent first only at equal strengths; easy first only while on the way: lines "
            "theory, marks and bands networks",
        )
        return figure


def _items(
    settings: FrequencySettings,
    label: str,
    depth: int,
    strengths: tuple[float, ...],
    shared: float = 0.0,
    *,
    whole: bool = False,
) -> Arm:
    task = items_task(settings.counts, strengths, shared)
    p = np.array(settings.counts) / sum(settings.counts)
    # The map that is learned, whatever the modes: its largest singular value sets the curvature.
    largest = float(np.linalg.norm(np.diag(strengths) + shared * (1 - np.eye(len(p))), 2))
    # The flow of whole maps has no correction for steps, which are made smaller there.
    step = 0.3 * settings.step if whole else settings.step
    rate = step / (depth * float(p.max()) * largest ** (2.0 - 2.0 / depth))
    begin = np.full(len(p), settings.start)
    slowest = half_times(depth, p, np.asarray(strengths), begin * np.asarray(strengths))
    duration = 1.6 * float(np.max(slowest))
    start = Balanced(0.1) if whole else Aligned(settings.start)
    training = Training(
        GradientDescent(rate), float(round(duration / rate)), record=Evenly(settings.records)
    )
    network = deep_linear(len(p), [settings.width] * (depth - 1), len(p), initialisation=start)
    theory = EndToEndFlow() if whole else DeepLinearModes()
    run = Run(Experiment(task, network, training), theory, tuple(range(settings.seeds)))
    return Arm(label, run)


def _course(label: str) -> Judgement:
    role = role_of(label)
    if "rate" in label:
        return Judgement(
            label,
            role,
            STUDENTS,
            (label,),
            lambda results: average_course_error(results[label], STUDENT_ERROR),
        )
    tolerance = MAPS if label == SHARED else COURSES
    return Judgement(
        label,
        role,
        tolerance,
        (label,),
        lambda results: mean_course_error(results[label], tolerance.quantity),
    )


def _order(
    settings: FrequencySettings, arm: str, strengths: tuple[float, ...], role: Role
) -> Judgement:
    task = items_task(settings.counts, strengths)
    label = f"control: order, {arm}" if role == "control" else f"order, {arm}"
    return Judgement(
        label, role, ORDER, (arm,), lambda r: frequency_violations(r[arm], task, strengths)
    )


def _quotient(
    label: str, role: Role, tolerance: Tolerance, over: str, under: str, at: int
) -> Judgement:
    """The mean error of one order over another's, at the end (-1) or half way (0)."""

    def error(results: Results) -> Statistic:
        both = [observed(results[arm], STUDENT_ERROR) for arm in (over, under)]
        index = -1 if at == -1 else both[0].shape[1] // 2

        def statistic(rows: Rows) -> float:
            above, below = (float(values[rows, index].mean()) for values in both)
            return above / below

        return statistic

    return Judgement(label, role, tolerance, (over, under), error)
