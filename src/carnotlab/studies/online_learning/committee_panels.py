"""Panels of students of several widths: courses, errors over width, specialization."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.online_learning.committee_run import (
    ERRORS,
    FIXED,
    LAYERS,
    SETTLED,
    STUDENT,
    TEACHER_OVERLAPS,
)
from carnotlab.studies.style import (
    COLOURS,
    LINES,
    MARKERS,
    draw_experiment,
    draw_residual,
    draw_theory,
    ink,
)


def draw_courses(
    courses: Axes, strip: Axes, result: RunResult, layers: str, tolerance: float
) -> None:
    """Draw the error of each kind of student over examples per input."""
    time = np.asarray(result.observation["time"].values)
    seen, expected = observed(result, ERRORS), predicted(result, ERRORS)
    place = LAYERS.index(layers)
    for index, kind in enumerate(_kinds(result)):
        a, b = seen[:, :, place, index], expected[:, :, place, index]
        draw_experiment(courses, time, a, index, kind)
        draw_theory(courses, time, b.mean(axis=0), index)
        draw_residual(strip, time, (a / b - 1.0).mean(axis=0), index, tolerance)
    courses.set(title=layers, ylabel="generalization error", yscale="log")
    courses.tick_params(labelbottom=False)
    courses.legend(fontsize="x-small")
    reach = max(2.5 * tolerance, 0.3)
    strip.set(xlabel="examples per input", ylabel="relative\ndifference", ylim=(-reach, reach))


def draw_widths(
    axes: Axes, result: RunResult, rectifiers: RunResult, widths: Sequence[int]
) -> None:
    """Draw errors at the end, and settled errors by theory, over the student's width."""
    seen, expected = observed(result, ERRORS)[:, -1], predicted(result, ERRORS)[:, -1]
    settled = predicted(result, SETTLED)[:, -1] if SETTLED.name in result.prediction else None
    for place, layers in enumerate(LAYERS):
        members = seen[:, place, : len(widths)]
        low, high = members.min(axis=0), members.max(axis=0)
        axes.vlines(widths, low, high, color=COLOURS[place], lw=2.0, alpha=0.4)
        axes.plot(
            widths, members.mean(axis=0), color=COLOURS[place], lw=0, marker=MARKERS[place],
            ms=5, label=layers,
        )  # fmt: skip
        axes.plot(widths, expected[:, place, : len(widths)].mean(axis=0), color=ink(), lw=1.1,
                  ls=LINES[place])  # fmt: skip
        if settled is not None:
            axes.plot(widths, settled[:, place, : len(widths)].mean(axis=0), color=ink(), lw=0.9,
                      ls=LINES[3], label="settled, by theory" if place == 0 else None)  # fmt: skip
    bent = observed(rectifiers, ERRORS)[:, -1, 0].mean(axis=0)
    axes.plot(
        widths, bent[: len(widths)], color=COLOURS[2], lw=0.8, ls=LINES[1], marker=MARKERS[2], ms=5,
        label="rectifiers, both layers learn (no theory)",
    )  # fmt: skip
    axes.set(
        title="error at the end (teacher: 2 units)",
        xlabel="units of the student",
        ylabel="generalization error",
        yscale="log",
    )
    axes.set_xticks(list(widths))
    axes.legend(fontsize="x-small")


def draw_specialization(axes: Axes, result: RunResult, kind: str) -> None:
    """Draw the overlaps of one student's two units with the teacher's, second layer fixed."""
    place, index = LAYERS.index(FIXED), _kinds(result).index(kind)
    time = np.asarray(result.observation["time"].values)
    seen = observed(result, TEACHER_OVERLAPS)[0, :, place, index]
    expected = predicted(result, TEACHER_OVERLAPS)[0, :, place, index]
    for unit in range(2):
        for teacher in range(2):
            colour = 2 * unit + teacher
            axes.plot(
                time, seen[:, unit, teacher], color=COLOURS[colour], lw=0, ms=3.5,
                marker=MARKERS[colour], label=f"student {unit + 1}, teacher {teacher + 1}",
            )  # fmt: skip
            draw_theory(axes, time, expected[:, unit, teacher], colour)
    axes.set(
        title=f"plateau, then specialization: one student, {STUDENT.format(2)}, second layer fixed",
        xlabel="examples per input",
        ylabel="overlap with a teacher's unit",
    )
    axes.legend(fontsize="x-small")


def _kinds(result: RunResult) -> list[str]:
    return [str(kind) for kind in result.observation[ERRORS.name]["kind"].values]
