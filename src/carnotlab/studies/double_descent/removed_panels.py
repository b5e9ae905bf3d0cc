"""Panels of error over size without regularization and with it."""

from typing import NamedTuple

from matplotlib.figure import Figure

from carnotlab.studies.double_descent.curve_panels import draw_curves
from carnotlab.studies.double_descent.curves import CHOSEN_ERROR, TEST_ERROR
from carnotlab.studies.double_descent.judging import FEATURES, LINEAR, NETWORKS, SPHERE, name_in
from carnotlab.studies.study import Results
from carnotlab.studies.style import headline


class _Panel(NamedTuple):
    label: str
    title: str
    xlabel: str
    how: str
    threshold: int | None


def draw_removed(runs: Results, *, linear: int, sphere: int, features: int) -> Figure:
    """Draw every level; numbers are where its samples can just be fitted."""
    panels = [
        _Panel(LINEAR, f"{LINEAR}, {linear} inputs", "samples", "best ridge", linear),
        _Panel(SPHERE, f"{SPHERE}, {sphere} samples", "features", "best ridge", sphere),
    ]
    for label in runs:
        if name_in(label, FEATURES) is not None:
            how = "ridge by leaving one out"
            panels.append(_Panel(label, label, "features", how, features))
    for label in runs:
        if name_in(label, NETWORKS) is not None:
            panels.append(_Panel(label, label, "hidden units", "stopped by validation", None))
    columns = (len(panels) + 1) // 2
    figure = Figure(figsize=(4.4 * columns, 6.4))
    grid = figure.add_gridspec(2, columns)
    for index, panel in enumerate(panels):
        draw_curves(
            figure.add_subplot(grid[index % 2, index // 2]),
            runs[panel.label],
            title=panel.title,
            xlabel=panel.xlabel,
            shown=((TEST_ERROR, "not regularized"), (CHOSEN_ERROR, panel.how)),
            threshold=panel.threshold,
        )
    headline(
        figure, "Regularized without a look at test samples, no model has a peak (lines theory)"
    )
    return figure
