"""Panels of agents: contraction, two states, Baird's star, refits, baselines, self-play."""

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.style import COLOURS, MARKERS, draw_experiment, draw_theory, ink
from carnotlab.studies.without_a_cost.agent_runs import (
    BASELINES,
    CHASE,
    ERROR,
    KINDS,
    SPAN_RATE,
    VARIANCE,
    GradientRun,
)
from carnotlab.studies.without_a_cost.feature_runs import FEATURES, METHODS, REFIT, STAR, TWO_FACTOR
from carnotlab.studies.without_a_cost.simulation import predicted, seen
from carnotlab.theories.agents.policy_gradient import gradient_variance


def draw_spans(axes: Axes, run: RunResult) -> None:
    """Draw errors over iterations with the discount's powers, and factors of the span."""
    discounts = np.asarray(run.observation["discount"].values)
    iterations = np.asarray(run.observation["iteration"].values, dtype=np.float64)
    for index, discount in enumerate(discounts):
        found = seen(run, SPAN_RATE)[:, index].mean()
        wanted = predicted(run, SPAN_RATE)[:, index].mean()
        label = f"discount {discount:g}; span {found:.3f} ({wanted:.3f})"
        draw_experiment(axes, iterations, seen(run, ERROR)[:, index], index, label)
        draw_theory(axes, iterations, discount**iterations, index)
    axes.set(title="tables: error, under its bound", xlabel="iterations",
             ylabel="largest error over the start's", yscale="log")  # fmt: skip
    axes.legend(fontsize="x-small", loc="lower left")


def draw_two_states(axes: Axes, run: RunResult) -> None:
    """Draw the factor of two states over the discount."""
    discounts = np.asarray(run.observation["discount"].values)
    axes.plot(discounts, predicted(run, TWO_FACTOR)[0], color=ink(), lw=1.1, label="1 + α(2γ - 1)")
    axes.plot(discounts, seen(run, TWO_FACTOR).mean(axis=0), MARKERS[0], color=COLOURS[0],
              label="updated")  # fmt: skip
    axes.axhline(1.0, color=ink(), lw=0.6, ls=":")
    axes.set(title="two states worth w and 2w", xlabel="discount", ylabel="factor per update")
    axes.legend(fontsize="x-small")


def draw_star(axes: Axes, run: RunResult) -> None:
    """Draw values of Baird's star by method."""
    sweeps = np.asarray(run.observation["sweep"].values, dtype=np.float64)
    for index, method in enumerate(METHODS):
        draw_experiment(axes, sweeps, seen(run, STAR)[:, index], index, method)
    axes.set(title="Baird's star, all true values 0", xlabel="sweeps",
             ylabel="largest value over the start's", yscale="log", ylim=(1e-3, None))  # fmt: skip
    axes.legend(fontsize="x-small")


def draw_refits(axes: Axes, run: RunResult, discount: float) -> None:
    """Draw factors of refits against those predicted, by kind of features."""
    for index, kind in enumerate(FEATURES):
        axes.plot(predicted(run, REFIT)[:, index], seen(run, REFIT)[:, index], MARKERS[index],
                  color=COLOURS[index], label=kind, ms=4)  # fmt: skip
    reach = np.array([0.2, max(2.0, float(predicted(run, REFIT).max()))])
    axes.plot(reach, reach, color=ink(), lw=1.1)
    axes.axhline(discount, color=ink(), lw=0.6, ls=":", label="discount")
    axes.set(title="refitted values, one mark a process", xlabel="predicted factor",
             ylabel="factor per refit", xscale="log", yscale="log")  # fmt: skip
    axes.legend(fontsize="x-small")


def draw_baselines(axes: Axes, run: RunResult, arm: GradientRun) -> None:
    """Draw the variance of a policy gradient over its baseline."""
    fine = np.linspace(min(arm.baselines) - 0.5, max(arm.baselines) + 0.5, 200)
    exact = [gradient_variance(*arm.task, arm.noise_variance, b) for b in fine]
    axes.plot(fine, exact, color=ink(), lw=1.1, label="exact")
    for index, (name, place) in enumerate(zip(BASELINES, arm.baselines, strict=True)):
        found = seen(run, VARIANCE)[:, index].mean()
        axes.plot(place, found, MARKERS[index], color=COLOURS[index], label=name)
    axes.set(title="policy gradient", xlabel="baseline", ylabel="variance of an estimate")
    axes.legend(fontsize="x-small")


def draw_chase(axes: Axes, run: RunResult, discount: float) -> None:
    """Draw exploitability over iterations of both ways of self-play."""
    iterations = np.asarray(run.observation["iteration"].values, dtype=np.float64)
    for index, kind in enumerate(KINDS):
        there = np.maximum(seen(run, CHASE)[:, index], 1e-12)
        draw_experiment(axes, iterations, there, index, kind)
    first = seen(run, CHASE)[:, 0, 0].mean()
    draw_theory(axes, iterations, first * discount ** (iterations - 1.0), 0, "discount's powers")
    axes.set(title="self-play in stochastic games", xlabel="iterations",
             ylabel="gain of best answers", yscale="log", ylim=(1e-9, None))  # fmt: skip
    axes.legend(fontsize="x-small")
