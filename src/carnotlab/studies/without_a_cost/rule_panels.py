"""Panels of local rules: components, spikes, modes, narrow layers, networks, agreement."""

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.style import COLOURS, LINES, MARKERS, draw_experiment, draw_theory, ink
from carnotlab.studies.without_a_cost.feedback_runs import (
    ACCURACY,
    AGREEMENT,
    EXACT_RULES,
    LEFT,
    MODES,
    RULES,
)
from carnotlab.studies.without_a_cost.simulation import predicted, seen
from carnotlab.studies.without_a_cost.synapse_runs import ALIGNMENT, GROUPS, WEIGHTS


def draw_components(axes: Axes, run: RunResult) -> None:
    """Draw the alignment of Oja's unit with the first component over samples."""
    samples = np.asarray(run.observation["sample"].values, dtype=np.float64)
    draw_experiment(axes, samples, seen(run, ALIGNMENT), 0, "Oja's rule, digits 0 and 1")
    draw_theory(axes, samples, predicted(run, ALIGNMENT).mean(axis=0), 0, "flow of the mean, exact")
    axes.set(title="towards the first component", xlabel="samples", ylabel="squared cosine")
    axes.legend(fontsize="x-small", loc="lower right")


def draw_timing(axes: Axes, run: RunResult) -> None:
    """Draw mean weights of inputs that fire together and of others over epochs."""
    epochs = np.asarray(run.observation["epoch"].values, dtype=np.float64)
    for index, group in enumerate(GROUPS):
        draw_experiment(axes, epochs, seen(run, WEIGHTS)[:, index], index, group)
        draw_theory(axes, epochs, predicted(run, WEIGHTS)[0, index], index)
    axes.set(title="spike timing: which inputs win", xlabel="epochs", ylabel="mean weight")
    axes.legend(fontsize="x-small", loc="center right")


def draw_modes(axes: Axes, run: RunResult) -> None:
    """Draw modes of two linear layers by fixed feedback, with the law, and by gradient descent."""
    times = np.asarray(run.observation["flow_time"].values)
    strengths = np.asarray(run.observation["mode"].values)
    for index, strength in enumerate(strengths):
        there = seen(run, MODES)[:, 1, index] / strength
        draw_experiment(axes, times, there, index, f"feedback, strength {strength:g}")
        draw_theory(axes, times, predicted(run, MODES)[0, 1, index] / strength, index)
        descent = seen(run, MODES)[:, 0, index].mean(axis=0) / strength
        axes.plot(times, descent, color=COLOURS[index], lw=0.8, ls=LINES[3],
                  label=None if index else "gradient descent")  # fmt: skip
    axes.set(title="two linear layers: no plateau", xlabel="flow time", ylabel="share learned")
    axes.legend(fontsize="x-small", loc="lower right")


def draw_narrow(axes: Axes, run: RunResult) -> None:
    """Draw the loss that few linear units leave, by rule."""
    hidden = np.asarray(run.observation["hidden"].values, dtype=np.float64)
    for index, rule in enumerate(EXACT_RULES):
        draw_experiment(axes, hidden, seen(run, LEFT)[:, index], index, rule)
        draw_theory(axes, hidden, predicted(run, LEFT)[:, index].mean(axis=0), index)
    axes.set(title="narrow linear layers, digits", xlabel="hidden units",
             ylabel="loss left, share of what can be learned", ylim=(0.0, None))  # fmt: skip
    axes.legend(fontsize="x-small")


def draw_networks(axes: Axes, wide: RunResult, narrow: RunResult) -> None:
    """Draw accuracies at the end by rule, of wide and of narrow networks."""
    for side, (label, run) in enumerate((("wide", wide), ("narrow", narrow))):
        ends = seen(run, ACCURACY)[:, :, -1]
        middle = ends.mean(axis=0)
        spread = [middle - ends.min(axis=0), ends.max(axis=0) - middle]
        places = np.arange(len(RULES)) + 0.2 * side - 0.1
        axes.errorbar(places, middle, spread, fmt=MARKERS[side], color=COLOURS[side], label=label)
    axes.set(title="networks on digits", ylabel="share right, held out", ylim=(0.0, 1.02),
             xticks=range(len(RULES)))  # fmt: skip
    axes.set_xticklabels([rule.replace(" ", "\n", 1) for rule in RULES], fontsize="x-small")
    axes.legend(fontsize="x-small", loc="lower left")


def draw_agreement(axes: Axes, run: RunResult) -> None:
    """Draw how forward weights come to agree with the fixed feedback, by rule."""
    steps = np.asarray(run.observation["time"].values, dtype=np.float64)
    for index, rule in enumerate(RULES):
        draw_experiment(axes, steps, seen(run, AGREEMENT)[:, index], index, rule)
    axes.axhline(0.0, color=ink(), lw=0.6, ls=":")
    axes.set(title="forward weights and fixed feedback", xlabel="steps", ylabel="cosine")
    axes.legend(fontsize="x-small", loc="center right")
