"""Panels of learning in a hierarchy: distinctions over time, and the order they come in."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from carnotlab.measures.losses import TRAIN_PREDICTION
from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import flow_time, observed, predicted
from carnotlab.studies.semantic.taxonomy import distinctions, half_times, taxonomy
from carnotlab.studies.study import Results
from carnotlab.studies.style import COLOURS, draw_experiment, draw_residual, draw_theory, ink
from carnotlab.tasks.base import Task
from carnotlab.tasks.statistics import input_output_modes


def draw_levels(
    axes: Axes, strip: Axes | None, result: RunResult, task: Task, tolerance: float
) -> None:
    """Draw the distinctions made at each level of the taxonomy, and on a strip what is left."""
    targets = np.asarray(task.data().train.y)
    tree, time = taxonomy(targets), flow_time(result)
    seen = distinctions(observed(result, TRAIN_PREDICTION), targets, tree)
    theory = distinctions(_predicted_outputs(result, task), targets, tree)
    deepest = int(tree.level.max())
    bands = [(0, 0), (1, 1), (2, 2), (3, deepest)]
    for index, (low, high) in enumerate(bands):
        nodes = (tree.level >= low) & (tree.level <= high)
        if not nodes.any():
            continue
        names = ("broadest", "second", "third", "finer")
        draw_experiment(axes, time, seen[:, :, nodes].mean(axis=2), index, names[index])
        course = theory[:, nodes].mean(axis=1)
        draw_theory(axes, time, course, index)
        if strip is not None:
            gap = seen[:, :, nodes].mean(axis=(0, 2)) - course
            draw_residual(strip, time, gap, index, tolerance)
    axes.set_ylabel("distinction made")
    if strip is None:
        axes.set_xlabel("flow time")
    else:
        axes.tick_params(labelbottom=False)
        strip.set(xlabel="flow time", ylabel="difference", ylim=(-0.15, 0.15))


def draw_order(axes: Axes, results: Results, label: str, task: Task) -> None:
    """Draw when each distinction is made, over its level, by deep and by shallow networks."""
    targets = np.asarray(task.data().train.y)
    tree = taxonomy(targets)
    for index, kind in enumerate(("deep", "shallow")):
        result = results[f"{label}, {kind}"]
        outputs = observed(result, TRAIN_PREDICTION).mean(axis=0)
        seen = half_times(flow_time(result), distinctions(outputs, targets, tree))
        theory = half_times(
            flow_time(result), distinctions(_predicted_outputs(result, task), targets, tree)
        )
        end = flow_time(result)[-1]
        shift = (index - 0.5) * 0.25
        axes.plot(
            tree.level + shift,
            np.minimum(seen, end),
            "os"[index],
            ms=4,
            color=COLOURS[index],
            alpha=0.8,
            label=kind,
        )
        axes.plot(
            tree.level + shift,
            np.minimum(theory, end),
            "_",
            ms=9,
            color=ink(),
            label="theory" if index == 0 else None,
        )
    axes.set(xlabel="level in the taxonomy (0 broadest)", ylabel="half-time (flow time)")
    axes.legend(fontsize="x-small")


def _predicted_outputs(result: RunResult, task: Task) -> Float[np.ndarray, "time items features"]:
    """Outputs that follow from the predicted strengths, mean over members."""
    modes = input_output_modes(task)
    x = np.asarray(task.data().train.x)
    strengths = predicted(result, MODE_STRENGTH).mean(axis=0)
    onto = x @ np.asarray(modes.right)
    return np.einsum("tm,im,fm->tif", strengths, onto, np.asarray(modes.left))
