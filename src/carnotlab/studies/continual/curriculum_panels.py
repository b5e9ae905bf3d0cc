"""Panels of items by frequency and of students by the order of their examples."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.continual.curriculum_run import STUDENT_ERROR
from carnotlab.studies.continual.item_order import item_shares
from carnotlab.studies.errors import flow_time, observed, predicted
from carnotlab.studies.style import draw_experiment, draw_residual, draw_theory, ink
from carnotlab.tasks.arrays import ArrayTask


def draw_items(
    courses: Axes,
    strip: Axes,
    result: RunResult,
    task: ArrayTask,
    strengths: tuple[float, ...],
    counts: tuple[int, ...],
    tolerance: float,
) -> None:
    """Draw how much of each item is learned over time, most frequent first in the legend."""
    time = flow_time(result)
    seen = item_shares(result, task, strengths)
    theory = item_shares(result, task, strengths, theory=True).mean(axis=0)
    for item, count in enumerate(counts):
        strong = "" if strengths[item] == 1.0 else f", strength {strengths[item]:g}"
        draw_experiment(courses, time, seen[:, :, item], item, f"{count} of {sum(counts)}{strong}")
        draw_theory(courses, time, theory[:, item], item)
        gap = seen[:, :, item].mean(axis=0) - theory[:, item]
        draw_residual(strip, time, gap, item, tolerance)
    courses.set_ylabel("share learned")
    courses.tick_params(labelbottom=False)
    courses.legend(fontsize="x-small")
    strip.set(xlabel="flow time", ylabel="difference", ylim=(-0.03, 0.03))


def draw_orders(
    courses: Axes, strip: Axes, runs: Mapping[str, RunResult], tolerance: float
) -> None:
    """Draw students' mean error over examples, with twice the error of the mean as its band."""
    time = np.zeros(1)
    for index, (order, result) in enumerate(runs.items()):
        time = np.asarray(result.observation["time"].values)
        seen = observed(result, STUDENT_ERROR)
        expected = predicted(result, STUDENT_ERROR)[0]
        mean, error = seen.mean(axis=0), 2.0 * seen.std(axis=0) / len(seen) ** 0.5
        draw_experiment(courses, time, np.stack([mean - error, mean, mean + error]), index, order)
        draw_theory(courses, time, expected, index)
        draw_residual(strip, time, (mean - expected) / expected, index, tolerance)
    half = float(time[-1] / 2.0)
    courses.axvline(half, color=ink(), lw=0.5, ls=":")
    courses.set(ylabel="squared error of the weights", yscale="log")
    courses.tick_params(labelbottom=False)
    courses.legend(fontsize="x-small")
    strip.set(xlabel="examples per input", ylabel="relative\ndifference", ylim=(-0.3, 0.3))
