"""Panels of courses: theory over experiment above, their difference on a strip below."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import flow_time, observed, predicted
from carnotlab.studies.style import draw_experiment, draw_residual, draw_theory


@dataclass(frozen=True)
class CoursePanels:
    """One pair of axes (courses, residuals) for each label, and axes for what else is shown."""

    pairs: dict[str, tuple[Axes, Axes]]
    extra: tuple[Axes, ...]

    def draw(self, label: str, result: RunResult, tolerance: float, modes: int = 6) -> None:
        """Draw the strongest modes of one run against flow time, relative to where they end."""
        courses, residuals = self.pairs[label]
        time = flow_time(result)
        seen, expected = observed(result, MODE_STRENGTH), predicted(result, MODE_STRENGTH)
        scale = float(np.abs(expected).max())
        for mode in range(min(seen.shape[2], modes)):
            draw_experiment(courses, time, seen[:, :, mode], mode)
            draw_theory(courses, time, expected[:, :, mode].mean(axis=0), mode)
            gap = (seen - expected)[:, :, mode].mean(axis=0) / scale
            draw_residual(residuals, time, gap, mode, tolerance)
        courses.set_title(label.replace(", ", "\n").replace("control: ", "control, "))
        courses.tick_params(labelbottom=False)
        residuals.set_xlabel("flow time")
        reach = max(2.5 * tolerance, 1.1 * float(np.nanmax(np.abs(residuals.dataLim.intervaly))))
        residuals.set_ylim(-reach, reach)


def course_panels(
    figure: Figure, labels: list[str], *, columns: int, extra: int = 0
) -> CoursePanels:
    """Lay out a pair of axes for each label, then ``extra`` full panels."""
    total = len(labels) + extra
    rows = -(-total // columns)
    grid = figure.add_gridspec(rows, columns)
    pairs: dict[str, tuple[Axes, Axes]] = {}
    for index, label in enumerate(labels):
        cell = grid[index // columns, index % columns].subgridspec(2, 1, height_ratios=(3, 1))
        courses = figure.add_subplot(cell[0])
        residuals = figure.add_subplot(cell[1], sharex=courses)
        if index % columns == 0:
            courses.set_ylabel("mode strength")
            residuals.set_ylabel("difference")
        pairs[label] = (courses, residuals)
    places = range(len(labels), total)
    others = tuple(figure.add_subplot(grid[i // columns, i % columns]) for i in places)
    return CoursePanels(pairs, others)
