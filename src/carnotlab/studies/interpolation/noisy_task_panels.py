"""Panels of noisy tasks: errors over training, modes at the end, and transfer."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import flow_time, observed, predicted
from carnotlab.studies.interpolation.noisy_task_run import MAP_ERROR, OBSERVED, OVERLAP
from carnotlab.studies.style import (
    COLOURS,
    LINES,
    MARKERS,
    draw_experiment,
    draw_residual,
    draw_theory,
    ink,
)
from carnotlab.theories.high_dimensional.noisy_singular_values import observed_strength, overlaps


def modes_at_the_end(
    result: RunResult, quantity: Quantity
) -> tuple[Float[np.ndarray, "seed mode"], Float[np.ndarray, " mode"]]:
    """Return a quantity of modes at the end of training, observed and predicted."""
    seen, expected = result.observation[quantity.name], result.prediction[quantity.name]
    return np.asarray(seen.values), np.asarray(expected.values)


def draw_courses(
    courses: Axes,
    strip: Axes,
    runs: Mapping[str, RunResult],
    random: RunResult,
    tolerance: float,
) -> None:
    """Draw errors over training by depth, and that from a random start without a theory."""
    _pairs(courses, strip, runs, tolerance)
    index = len(runs)
    courses.plot(
        flow_time(random),
        observed(random, MAP_ERROR).mean(axis=0),
        color=COLOURS[index],
        lw=1.2,
        ls=LINES[3],
        label="2 layers, random start",
    )
    courses.set(title="one noisy task: depth learns signal first")
    courses.legend(fontsize="x-small")


def draw_transfer(
    courses: Axes, strip: Axes, runs: Mapping[str, RunResult], tolerance: float
) -> None:
    """Draw errors on the first of two tasks over training."""
    _pairs(courses, strip, runs, tolerance)
    courses.set(title="a weak task, beside a strong one", ylim=(0.0, 1.6))
    courses.legend(fontsize="x-small", loc="lower left")


def draw_modes(axes: Axes, result: RunResult, strengths: tuple[float, ...]) -> None:
    """Draw inflated strengths and overlaps against true strengths, with the threshold."""
    fine = np.linspace(0.05, 1.1 * max(strengths), 300)
    scale = 1.1 * max(strengths)
    axes.plot(fine, observed_strength(fine, 1.0), color=ink(), lw=1.1)
    axes.plot(fine, fine, color=ink(), lw=0.6, ls=":")
    axes.plot(fine, scale * overlaps(fine, 1.0).product, color=ink(), lw=1.1, ls="--")
    for index, (quantity, factor, label) in enumerate(
        ((OBSERVED, 1.0, "strength that is learned"), (OVERLAP, scale, "overlap (right scale)"))
    ):
        seen, _ = modes_at_the_end(result, quantity)
        axes.errorbar(
            strengths,
            factor * seen.mean(axis=0),
            2.0 * factor * seen.std(axis=0) / len(seen) ** 0.5,
            fmt=MARKERS[index],
            color=COLOURS[index],
            ms=5,
            label=label,
        )
    axes.axvline(1.0, color=ink(), lw=0.6)
    axes.text(1.03, 0.02 * scale, "lost in noise below", fontsize=7)
    axes.set(
        title="noise inflates and turns modes",
        xlabel="true strength",
        ylabel="strength at the end",
        ylim=(0.0, observed_strength(scale, 1.0).item()),
    )

    def overlap_of(height: Any) -> Any:
        return height / scale

    def height_of(overlap: Any) -> Any:
        return overlap * scale

    right = axes.secondary_yaxis("right", functions=(overlap_of, height_of))
    right.set_ylabel("overlap with the true mode")
    right.set_yticks([0.0, 0.5, 1.0])
    axes.legend(fontsize="x-small", loc="upper left")


def modes_table(results: Mapping[str, RunResult]) -> Table:
    """Return the least error over training and the last, found and predicted."""
    table = Table("arm", "least error", "theory", "at flow time", "last error", "theory")
    for label, result in results.items():
        if label.startswith("control"):
            continue
        seen = observed(result, MAP_ERROR).mean(axis=0)
        expected = predicted(result, MAP_ERROR)[0]
        table.add_row(
            label,
            f"{seen.min():.3f}",
            f"{expected.min():.3f}",
            f"{flow_time(result)[seen.argmin()]:.2f}",
            f"{seen[-1]:.3f}",
            f"{expected[-1]:.3f}",
        )
    return table


def _pairs(courses: Axes, strip: Axes, runs: Mapping[str, RunResult], tolerance: float) -> None:
    for index, (label, result) in enumerate(runs.items()):
        time, seen = flow_time(result), observed(result, MAP_ERROR)
        expected = predicted(result, MAP_ERROR)[0]
        draw_experiment(courses, time, seen, index, label)
        draw_theory(courses, time, expected, index)
        size = float(np.sqrt(np.mean(expected**2)))
        draw_residual(strip, time, (seen.mean(axis=0) - expected) / size, index, tolerance)
    courses.axhline(1.0, color=ink(), lw=0.6, ls=":")
    courses.set(ylabel="error, over knowing nothing", ylim=(0.0, None))
    courses.tick_params(labelbottom=False)
    strip.set(xlabel="flow time", ylabel="difference", ylim=(-2.5 * tolerance, 2.5 * tolerance))
