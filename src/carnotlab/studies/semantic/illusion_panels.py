"""Panels of beliefs that rise and fall: one of them, the size of all, and how many there are."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from carnotlab.measures.losses import TRAIN_PREDICTION
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import flow_time, observed, predicted
from carnotlab.studies.semantic.item_sets import item_names
from carnotlab.studies.style import COLOURS, draw_experiment, draw_theory, ink
from carnotlab.tasks.base import Task
from carnotlab.tasks.item_features import ItemFeatures
from carnotlab.theories.semantic.illusory_correlations import wrong_way

KINDS = ("deep", "shallow", "shallow, correlated inputs")


def draw_belief(
    axes: Axes, label: str, task: Task, runs: tuple[RunResult, RunResult, RunResult]
) -> None:
    """Draw the course of the belief that theory says goes furthest wrong, in all three networks.

    Times are shares of each run, since the three have clocks of their own.
    """
    targets = np.asarray(task.data().train.y)
    expected = predicted(runs[0], TRAIN_PREDICTION)
    peaks = wrong_way(expected.mean(axis=0), targets)
    item, feature = np.unravel_index(int(np.argmax(peaks)), peaks.shape)
    for index, run in enumerate(runs):
        time = flow_time(run) / flow_time(run)[-1]
        seen = observed(run, TRAIN_PREDICTION)[:, :, item, feature]
        course = predicted(run, TRAIN_PREDICTION)[:, :, item, feature].mean(axis=0)
        draw_experiment(axes, time, seen, index, KINDS[index])
        draw_theory(axes, time, course, index)
    target = float(targets[item, feature])
    axes.axhline(target, color=ink(), lw=0.5, alpha=0.5)
    axes.annotate(
        "true", (1.0, target), (-4, 2), textcoords="offset points", ha="right", fontsize=7
    )
    named = f"item {item + 1}, feature {feature + 1}"
    if isinstance(task, ItemFeatures):
        named = f"{item_names(task)[item]}: {task.features[feature]}"
    axes.set_title(f"{label}\n{named}")
    axes.set(xlabel="share of training", ylabel="belief")
    axes.legend(fontsize="x-small")


def draw_cells(axes: Axes, run: RunResult, targets: Float[np.ndarray, "n f"]) -> None:
    """Draw the size of every illusion in deep networks against the predicted one."""
    seen = wrong_way(observed(run, TRAIN_PREDICTION).mean(axis=0), targets).ravel()
    expected = wrong_way(predicted(run, TRAIN_PREDICTION).mean(axis=0), targets).ravel()
    axes.plot(expected, seen, "o", ms=2, color=COLOURS[0], alpha=0.5, mew=0, rasterized=True)
    top = float(expected.max())
    axes.plot([0.0, top], [0.0, top], color=ink(), lw=0.8)
    axes.set(xlabel="predicted size", ylabel="trained")
    axes.set_title("illusion in every cell, deep")


def draw_shares(
    axes: Axes,
    targets: Float[np.ndarray, "n f"],
    runs: tuple[RunResult, RunResult, RunResult],
    threshold: float,
) -> None:
    """Draw the share of cells that are wrong at each time, in all three networks."""
    size = threshold * float(np.sqrt(np.mean(targets**2)))
    for index, run in enumerate(runs):
        time = flow_time(run) / flow_time(run)[-1]
        draw_experiment(
            axes, time, _wrong(observed(run, TRAIN_PREDICTION), targets, size), index, KINDS[index]
        )
        course = _wrong(predicted(run, TRAIN_PREDICTION), targets, size).mean(axis=0)
        draw_theory(axes, time, course, index)
    axes.set(xlabel="share of training", ylabel="share of all beliefs")
    axes.set_title("beliefs on the wrong side")
    axes.legend(fontsize="x-small")


def _wrong(
    courses: Float[np.ndarray, "seed time n f"], targets: Float[np.ndarray, "n f"], size: float
) -> Float[np.ndarray, "seed time"]:
    away = np.where(targets == 0.0, np.abs(courses), -np.sign(targets) * courses)
    return np.mean(away > size, axis=(2, 3))
