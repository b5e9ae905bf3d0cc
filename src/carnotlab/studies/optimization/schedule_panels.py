"""Panels of schedules: risks over steps, what is left at the end, losses of networks."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.optimization.schedule_network_run import LOSS
from carnotlab.studies.optimization.schedule_run import RISK
from carnotlab.studies.style import (
    COLOURS,
    MARKERS,
    draw_experiment,
    draw_residual,
    draw_theory,
    ink,
)


def draw_courses(courses: Axes, strip: Axes, result: RunResult, noise: int) -> None:
    """Draw exact risks as lines over simulated ones, their relative difference below."""
    time = np.asarray(result.observation["time"].values, dtype=float)
    names = [str(name) for name in result.observation["schedule"].values]
    seen, expected = observed(result, RISK)[:, :, noise], predicted(result, RISK)[0, :, noise]
    for index, name in enumerate(names):
        draw_experiment(courses, time, seen[:, :, index], index, name)
        draw_theory(courses, time, expected[:, index], index)
        gap = seen[:, :, index].mean(axis=0) / expected[:, index] - 1.0
        draw_residual(strip, time, gap, index, 0.02)
    level = float(result.observation["noise"].values[noise])
    courses.set(
        title=f"least squares, label noise {level:g}",
        ylabel="excess risk",
        xscale="log",
        yscale="log",
    )
    courses.tick_params(labelbottom=False)
    courses.legend(fontsize="x-small", loc="lower left")
    strip.set(xlabel="steps of one sample", ylabel="relative\ndifference", ylim=(-0.06, 0.06))


def draw_ends(axes: Axes, result: RunResult) -> None:
    """Draw risks at the end over the best schedule's, at both noises."""
    names = [str(name) for name in result.observation["schedule"].values]
    seen = observed(result, RISK)[:, -1].mean(axis=0)
    expected = predicted(result, RISK)[0, -1]
    place = np.arange(len(names))
    for index, noise in enumerate(result.observation["noise"].values):
        shift = 0.18 * (2 * index - 1)
        axes.plot(
            place + shift,
            seen[index] / expected[index].min(),
            color=COLOURS[index],
            marker=MARKERS[index],
            lw=0,
            ms=6,
            label=f"label noise {noise:g}",
        )
        axes.plot(
            place + shift, expected[index] / expected[index].min(), color=ink(), marker="_", lw=0,
            ms=12, label="exact" if index == 0 else None,
        )  # fmt: skip
    axes.set_xticks(place, [name.replace(", ", ",\n") for name in names])
    axes.set(title="at the end, over the best of all", ylabel="risk over the least", yscale="log")
    axes.legend(fontsize="x-small")


def draw_losses(axes: Axes, runs: Mapping[str, RunResult]) -> None:
    """Draw losses of networks at the end, over the best schedule's, each at its best rate."""
    names: list[str] = []
    for index, (label, run) in enumerate(runs.items()):
        names = [str(name) for name in run.observation["schedule"].values]
        losses = np.asarray(run.observation[LOSS.name].values, dtype=float)
        mean = np.where(np.isfinite(losses), losses, np.inf).mean(axis=0)
        rate = mean.argmin(axis=1)
        least = float(mean.min())
        each = losses[:, np.arange(len(names)), rate] / least
        place = np.arange(len(names)) + 0.18 * (2 * index - 1)
        axes.errorbar(
            place,
            each.mean(axis=0),
            yerr=[each.mean(axis=0) - each.min(axis=0), each.max(axis=0) - each.mean(axis=0)],
            color=COLOURS[index], marker=MARKERS[index], lw=0, elinewidth=1.0, ms=6,
            label=label.removeprefix("network, "),
        )  # fmt: skip
    axes.axhline(1.0, color=ink(), lw=0.6)
    axes.set_xticks(np.arange(len(names)), [name.replace(", ", ",\n") for name in names])
    axes.set(title="network on digits, range over starts", ylabel="training loss over the least")
    axes.legend(fontsize="x-small")
