"""Panels of associative memory: loads, noise, energies, images, separable shares."""

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.style import COLOURS, LINES, MARKERS, draw_experiment, ink
from carnotlab.studies.without_a_cost.memory_runs import (
    BY_RULE,
    ENERGY,
    FIRST,
    NOISY,
    RECALLED,
    RULES,
    SEPARABLE,
    UPDATES,
)
from carnotlab.studies.without_a_cost.simulation import predicted, seen
from carnotlab.theories.associative_memory.retrieval import (
    critical_load,
    first_overlap,
    recalled_overlap,
)
from carnotlab.theories.associative_memory.separable_patterns import separable_share


def draw_loads(axes: Axes, run: RunResult) -> None:
    """Draw overlaps over the load, at the end and after one update."""
    loads = np.asarray(run.observation["load"].values)
    fine = np.linspace(0.03, max(0.22, loads.max()), 200)
    axes.plot(
        fine, [recalled_overlap(a) for a in fine], color=ink(), lw=1.1, label="replica theory"
    )
    axes.plot(fine, [first_overlap(a) for a in fine], color=ink(), lw=1.1, ls=LINES[1],
              label="one update, theory")  # fmt: skip
    for index, (quantity, label) in enumerate(
        ((RECALLED, "recalled"), (FIRST, "after one update"))
    ):
        draw_experiment(axes, loads, seen(run, quantity), index, label)
    axes.axvline(critical_load().load, color=ink(), lw=0.6, ls=":")
    axes.set(title="random patterns, Hebb's weights", xlabel="patterns per unit", ylabel="overlap")
    axes.legend(fontsize="x-small", loc="lower left")


def draw_noise(axes: Axes, run: RunResult, load: float) -> None:
    """Draw overlaps over the temperature."""
    temperatures = np.asarray(run.observation["temperature"].values)
    fine = np.linspace(0.02, temperatures.max(), 80)
    axes.plot(fine, [recalled_overlap(load, t) for t in fine], color=ink(), lw=1.1,
              label="replica theory")  # fmt: skip
    draw_experiment(axes, temperatures, seen(run, NOISY), 0, "recalled")
    axes.set(title=f"under noise, {load:g} patterns per unit", xlabel="temperature",
             ylabel="overlap")  # fmt: skip
    axes.legend(fontsize="x-small", loc="lower left")


def draw_energy(axes: Axes, run: RunResult) -> None:
    """Draw energies per unit over sweeps."""
    sweeps = np.asarray(run.observation["sweep"].values, dtype=np.float64)
    for index, kind in enumerate(UPDATES):
        draw_experiment(axes, sweeps, seen(run, ENERGY)[:, index], index, kind)
    axes.set(title="energy from random states", xlabel="sweeps", ylabel="energy per unit")
    axes.legend(fontsize="x-small")


def draw_digits(axes: Axes, run: RunResult, images: int) -> None:
    """Draw overlaps of images recalled, by rule of storage, and those predicted."""
    for index, rule in enumerate(RULES):
        there = seen(run, BY_RULE)[:, index]
        spread = [[there.mean() - there.min()], [there.max() - there.mean()]]
        axes.errorbar([index], [there.mean()], spread, fmt=MARKERS[index], color=COLOURS[index],
                      label=rule)  # fmt: skip
        axes.plot([index - 0.25, index + 0.25], [predicted(run, BY_RULE)[0, index]] * 2,
                  color=ink(), lw=1.1, label=None if index else "as if random")  # fmt: skip
    axes.set(title=f"{images} images of digits", xticks=range(len(RULES)), xlim=(-0.6, 1.6),
             xticklabels=RULES, ylabel="overlap", ylim=(0.0, 1.05))  # fmt: skip
    axes.legend(fontsize="x-small", loc="lower right")


def draw_separable(axes: Axes, run: RunResult, inputs: int) -> None:
    """Draw shares of labellings separated over patterns per input, of more inputs too."""
    ratios = np.asarray(run.observation["ratio"].values)
    for index, size in enumerate((inputs, 200)):
        counts = np.unique(np.round(np.linspace(0.8, 3.2, 60) * size)).astype(int)
        axes.plot(counts / size, [float(separable_share(int(p), size)) for p in counts],
                  color=ink(), lw=1.1, ls=LINES[index],
                  label=f"Cover's count, {size} inputs")  # fmt: skip
    draw_experiment(axes, ratios, seen(run, SEPARABLE), 0, "by linear programming")
    axes.set(title="one threshold unit", xlabel="patterns per input", ylabel="share separated")
    axes.legend(fontsize="x-small")
