"""Panels of ridge regression: errors over ridges, what choices lose, learning curves of images."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.regression.image_ridge_run import AT_BEST, BY_SAMPLES
from carnotlab.studies.regression.ridge_run import AT_THEORY, AT_VALIDATED, BY_RIDGE
from carnotlab.studies.style import COLOURS, LINES, MARKERS, draw_experiment, ink


def draw_ridges(axes: Axes, runs: Mapping[str, RunResult]) -> None:
    """Draw test error against the ridge, measured over theory, with the best ridge marked."""
    for index, (label, result) in enumerate(runs.items()):
        ridge = result.observation["ridge"].values
        seen = result.observation[BY_RIDGE.name].transpose("seed", "ridge").values
        expected = result.prediction[BY_RIDGE.name].values
        draw_experiment(axes, ridge, seen, index, label.replace("white, ", ""))
        axes.plot(ridge, expected, color=ink(), lw=1.1)
        best = float(result.prediction.attrs["chosen"])
        axes.plot(best, np.interp(best, ridge, expected), "*", color=ink(), ms=9, zorder=5)
    axes.set(
        xscale="log",
        yscale="log",
        title="white inputs: every ridge, ★ the best by theory",
        xlabel="ridge over mean variance of an input",
        ylabel="test error",
    )
    axes.legend(fontsize="x-small")


def draw_choices(axes: Axes, runs: Mapping[str, RunResult], mistaken: RunResult) -> None:
    """Draw what the ridge of theory and that of validation lose to the best on the grid."""
    last = len(runs)
    for index, (result, quantity, label) in enumerate(
        (
            (None, AT_THEORY, "theory"),
            (None, AT_VALIDATED, "leaving one out"),
            (mistaken, AT_THEORY, "theory that takes inputs to be white (control)"),
        )
    ):
        chosen = list(runs.values()) if result is None else [result]
        where = np.arange(last) if result is None else np.array([last - 1])
        lost = [100.0 * _lost(each, quantity.name) for each in chosen]
        axes.plot(
            lost,
            where + 0.15 * (1 - index),
            MARKERS[index],
            color=ink() if index == 0 else COLOURS[index],
            label=label,
        )
    axes.axvspan(-1.0, 1.0, color=ink(), alpha=0.08, lw=0)
    axes.set_yticks(np.arange(last), [label.replace(", ", "\n") for label in runs])
    axes.set(
        title="what a choice of ridge loses",
        xlabel="test error above the least on the grid (%)",
        ylim=(last - 0.5, -0.5),
    )
    axes.legend(fontsize="x-small", loc="lower right", bbox_to_anchor=(1.0, 0.12))


def draw_images(axes: Axes, name: str, result: RunResult, white: RunResult) -> None:
    """Draw learning curves of images at several ridges, with the theory for white inputs dotted."""
    samples = result.observation["samples"].values
    strengths = result.observation["strength"].values
    for index, strength in enumerate(strengths):
        seen = result.observation[BY_SAMPLES.name].sel(strength=strength)
        expected = result.prediction[BY_SAMPLES.name].sel(strength=strength).values
        label = "no ridge" if strength == 0.0 else f"ridge {strength:g}"
        values = seen.transpose("seed", "samples").values
        axes.plot(samples, values.mean(axis=0), MARKERS[index], color=COLOURS[index], ms=4)
        axes.plot([], [], MARKERS[index], color=COLOURS[index], ms=4, label=label)
        axes.plot(samples, np.where(np.isfinite(expected), expected, np.nan), color=ink(), lw=1.1)
    best = result.observation[AT_BEST.name].transpose("seed", "samples").values
    axes.plot(samples, best.mean(axis=0), MARKERS[4], color=COLOURS[4], ms=4, label="best ridge")
    axes.plot(samples, result.prediction[AT_BEST.name].values, color=ink(), lw=1.1)
    axes.plot(
        samples,
        white.prediction[AT_BEST.name].values,
        color=COLOURS[4],
        lw=1.0,
        ls=LINES[3],
        label="best ridge, taken for white (control)",
    )
    axes.set(
        xscale="log",
        yscale="log",
        title=f"{name}: lines from its spectrum",
        xlabel="images trained on",
        ylabel="squared error on held-out images",
        ylim=(0.4, 6.0),
    )
    axes.legend(fontsize="x-small")


def _lost(result: RunResult, name: str) -> float:
    curve = result.observation[BY_RIDGE.name].transpose("seed", "ridge").values.mean(axis=0)
    return float(result.observation[name].values.mean() / curve.min()) - 1.0
