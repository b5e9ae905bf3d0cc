"""Do students with more units than their teacher generalize worse, and does that depend?"""

from dataclasses import replace
from typing import ClassVar

from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.judging import judge
from carnotlab.studies.online_learning.committee_errors import (
    course,
    end,
    growth,
    growth_apart,
)
from carnotlab.studies.online_learning.committee_panels import (
    draw_courses,
    draw_specialization,
    draw_widths,
)
from carnotlab.studies.online_learning.committee_run import (
    ERRORS,
    FIXED,
    LAYERS,
    LEARNED,
    NOISE_IGNORED,
    SLIGHT,
    STUDENT,
    TEACHER_OVERLAPS,
    CommitteeRun,
)
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Results,
    Settings,
    Size,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline

GROWTH = Quantity("growth", (), "1", "logarithm of the widest student's error over the narrowest's")
ERF, REUSED, RECTIFIERS = "erf units", "erf units, examples replayed", "rectifiers"
UNITS = 2


class StudentSettings(Settings, frozen=True, kw_only=True):
    """Settings of `SmallTeacherLargeStudent`; ``seeds`` are networks of each kind.

    Loads are examples per input; ``reused`` examples per input are met in ``passes`` by a control.
    Errors that theory expects after ``settled_at`` examples per input are drawn too, if given.
    """

    seeds: Count = 4
    inputs: Count = 200
    widths: tuple[Count, ...] = (2, 3, 6)
    rate: Positive = 1.0
    rectifier_rate: Positive = 0.3
    noise: Positive = 0.3
    load: Count = 60
    rectifier_load: Count = 40
    reused: Count = 3
    passes: Count = 8
    settled_at: Positive | None = None


class SmallTeacherLargeStudent(Study):
    """Over-provisioned students of one small teacher, examples met once, against overlaps."""

    name: ClassVar[str] = "small-teacher-large-student"
    question: ClassVar[str] = (
        "Does a student with more units than its teacher generalize worse, and when?"
    )
    message: ClassVar[str] = (
        "With the second layer fixed, error grows with width; with both layers learning it falls, "
        "for error-function units. Overlaps predict both courses, plateau and specialization "
        "included. Rectifiers, for which there is no theory, learn more slowly the wider they are."
    )
    source: ClassVar[tuple[str, ...]] = ("saad1995", "goldt2019")
    data: ClassVar[str] = "a synthetic teacher of two units"
    settings: ClassVar[type[Settings]] = StudentSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return StudentSettings()
        return StudentSettings(
            seeds=24,
            inputs=800,
            widths=(2, 3, 4, 6),
            # Later six fixed units leave a plateau, where the course of many inputs is unstable.
            load=60,
            rectifier_load=100,
            settled_at=5000.0,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return students by width, the same on replayed examples, and rectifiers to be shown."""
        own = StudentSettings.of(settings)
        alone = CommitteeRun(
            own.inputs, own.widths, own.rate, own.noise, own.load, own.seeds, units=UNITS
        )
        run = replace(alone, settled_at=own.settled_at)
        # All of the same widths, so that what draws and solves them is compiled once.
        again = replace(alone, load=own.passes * own.reused, reused=own.reused, layers=(LEARNED,))
        rectifiers = replace(
            alone,
            rate=own.rectifier_rate,
            load=own.rectifier_load,
            activation="relu",
            layers=(LEARNED,),
        )
        return (Arm(ERF, run), Arm(REUSED, again), Arm(RECTIFIERS, rectifiers)), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold courses, specialization and growth with width against theory."""
        del labels
        own = StudentSettings.of(settings)
        single = 2.0 / own.inputs**0.5
        courses = Tolerance(
            ERRORS,
            single,
            "single runs differ from many inputs by the order of 1/√N; twice that",
        )
        overlap = Tolerance(
            TEACHER_OVERLAPS, single, "overlaps fluctuate by the order of 1/√N; twice that"
        )
        widths = Tolerance(
            GROWTH, 1.5 * single, "a ratio of two errors, each right to 2/√N: the root of two more"
        )
        narrow, wide = (STUDENT.format(width) for width in (min(own.widths), max(own.widths)))
        slight = SLIGHT.format(UNITS)
        kinds = [*(STUDENT.format(width) for width in own.widths), slight]

        return (
            *(
                judge(f"{layers}, {kind}", courses, ERF, course(ERRORS, layers, kind))
                for layers in LAYERS
                for kind in kinds
            ),
            judge(
                f"{FIXED}, specialization",
                overlap,
                ERF,
                course(TEACHER_OVERLAPS, FIXED, slight),
            ),
            *(
                judge(
                    f"{layers}, growth with width", widths, ERF, growth_apart(layers, narrow, wide)
                )
                for layers in LAYERS
            ),
            judge(f"{LEARNED}, no growth with width", widths, ERF, growth(LEARNED, narrow, wide)),
            judge(
                f"control: {FIXED}, no growth with width",
                widths,
                ERF,
                growth(FIXED, narrow, wide),
            ),
            *(
                judge(
                    f"control: {layers}, {wide} taken for {narrow}",
                    courses,
                    ERF,
                    course(ERRORS, layers, wide, taken=narrow),
                )
                for layers in LAYERS
            ),
            *(
                judge(
                    f"control: {layers}, {narrow}, label noise ignored",
                    courses,
                    ERF,
                    end(NOISE_IGNORED, layers, narrow),
                )
                for layers in LAYERS
            ),
            judge(
                f"control: {LEARNED}, examples replayed",
                courses,
                REUSED,
                course(ERRORS, LEARNED, narrow),
            ),
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw courses of both kinds, errors over width, and a student that specializes."""
        own = StudentSettings.of(result.settings)
        figure = Figure(figsize=(12.5, 7.2))
        grid = figure.add_gridspec(2, 2)
        runs: Results = result.results
        for column, layers in enumerate(LAYERS):
            cell = grid[0, column].subgridspec(2, 1, height_ratios=(3, 1))
            courses = figure.add_subplot(cell[0])
            strip = figure.add_subplot(cell[1], sharex=courses)
            draw_courses(courses, strip, runs[ERF], layers, 2.0 / own.inputs**0.5)
        draw_widths(figure.add_subplot(grid[1, 0]), runs[ERF], runs[RECTIFIERS], own.widths)
        draw_specialization(figure.add_subplot(grid[1, 1]), runs[ERF], SLIGHT.format(UNITS))
        headline(
            figure,
            "More units than the teacher: worse if the second layer is fixed, better if it learns",
        )
        return figure
