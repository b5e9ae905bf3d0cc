"""Panels of games: paths of turns, factors over rates, R1, a network, averages of play."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.style import COLOURS, LINES, MARKERS, draw_experiment, draw_theory, ink
from carnotlab.studies.without_a_cost.game_runs import (
    AVERAGE_SLOPE,
    EXPLOITABILITY,
    FACTOR,
    KINDS,
    PAIR_FACTOR,
    PLAY,
)
from carnotlab.studies.without_a_cost.gan_run import DISTANCE
from carnotlab.studies.without_a_cost.simulation import predicted, seen
from carnotlab.theories.games.bilinear_games import TURNS, factor_per_step, play
from carnotlab.theories.games.dirac_gan import factor_per_step as adversarial_factor


def draw_turns(axes: Axes, rate: float = 0.2, steps: int = 70) -> None:
    """Draw the path of each way of taking turns from one start."""
    one = np.ones((1, 1))
    for index, turns in enumerate(TURNS):
        xs, ys = play(turns, one, one, 0.0 * one, rate, steps)
        axes.plot(xs[:, 0, 0], ys[:, 0, 0], "-", marker=".", ms=3, lw=0.7,
                  color=COLOURS[index], label=turns)  # fmt: skip
    axes.plot(0.0, 0.0, "+", color=ink(), ms=9)
    axes.set(title=f"one game x·y, rate {rate:g}", xlabel="x, lowers x·y", ylabel="y, raises x·y",
             aspect="equal", xlim=(-2.2, 2.2), ylim=(-2.2, 2.2))  # fmt: skip
    axes.legend(fontsize="x-small", loc="lower right")


def draw_factors(axes: Axes, run: RunResult) -> None:
    """Draw what a step multiplies the distance by, over the rate."""
    rates = np.asarray(run.observation["turn"].values)
    fine = np.linspace(0.0, max(0.6, rates.max()), 100)
    for index, turns in enumerate(TURNS):
        axes.plot(fine, [factor_per_step(turns, h) for h in fine], color=ink(), ls=LINES[index],
                  lw=1.1)  # fmt: skip
        axes.plot(rates, seen(run, FACTOR)[:, index].mean(axis=0), MARKERS[index],
                  color=COLOURS[index], label=turns)  # fmt: skip
    axes.set(title="what a step multiplies distance by", xlabel="rate times singular value",
             ylabel="factor per step")  # fmt: skip
    axes.legend(fontsize="x-small", loc="lower left")


def draw_pair(axes: Axes, run: RunResult, rate: float) -> None:
    """Draw the factor of the smallest adversarial pair over the strength of R1."""
    penalties = np.asarray(run.observation["penalty"].values)
    fine = np.linspace(0.0, max(2.0, penalties.max()), 200)
    axes.plot(fine, [adversarial_factor(p, rate) for p in fine], color=ink(), lw=1.1,
              label="largest |1 + ηλ|")  # fmt: skip
    axes.plot(penalties, seen(run, PAIR_FACTOR).mean(axis=0), MARKERS[0], color=COLOURS[0],
              label="stepped")  # fmt: skip
    axes.axhline(1.0, color=ink(), lw=0.6, ls=":")
    axes.set(title="smallest adversarial pair", xlabel="strength of R1", ylabel="factor per step")
    axes.legend(fontsize="x-small")


def draw_network(axes: Axes, near: RunResult, far: RunResult) -> None:
    """Draw the distance of a point that a network's slope moves, with and without R1."""
    steps = np.asarray(near.observation["record"].values, dtype=np.float64)
    there = seen(near, DISTANCE)
    for index, label in enumerate(("no R1", "R1")):
        draw_experiment(axes, steps, there[:, index], index, f"{label}, near")
        draw_theory(axes, steps, predicted(near, DISTANCE)[:, index].mean(axis=0), index)
    draw_experiment(axes, steps, seen(far, DISTANCE)[:, 0], 2, "no R1, farther")
    axes.set(title="a network as discriminator", xlabel="steps",
             ylabel="distance over that of the start")  # fmt: skip
    axes.legend(fontsize="x-small", loc="upper left")


def draw_replicator(axes: Axes, run: RunResult) -> None:
    """Draw strategies of one player in the plane of three choices."""
    corner = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
    axes.plot(*corner[[0, 1, 2, 0]].T, color=ink(), lw=0.7)
    for index, kind in reversed(list(enumerate(KINDS))):
        path = seen(run, PLAY)[0, index] @ corner
        axes.plot(*path.T, color=COLOURS[index], lw=0.8, label=kind)
    for place, name in zip(corner, ("rock", "paper", "scissors"), strict=True):
        axes.annotate(name, place, ha="center", va="bottom" if place[1] > 0 else "top")
    axes.set(title="rock-paper-scissors: play goes round", aspect="equal", ylim=(-0.12, 1.15))
    axes.axis("off")
    axes.legend(fontsize="x-small", loc="upper right")


def draw_fictitious(axes: Axes, runs: Mapping[str, RunResult]) -> None:
    """Draw exploitability of averages of play over rounds."""
    first = next(iter(runs.values()))
    rounds = np.asarray(first.observation["round"].values, dtype=np.float64)
    last = float(seen(first, EXPLOITABILITY)[:, -1].mean())
    for index, (label, run) in enumerate(runs.items()):
        there = seen(run, EXPLOITABILITY)
        found = float(seen(run, AVERAGE_SLOPE).mean())
        draw_experiment(axes, rounds, there, index, f"{label}: slope {found:.3f}")
    draw_theory(axes, rounds, last * np.sqrt(rounds[-1] / rounds), 0, "slope -1/2")
    axes.set(title="averages of play converge", xlabel="rounds", ylabel="exploitability",
             xscale="log", yscale="log")  # fmt: skip
    axes.legend(fontsize="x-small", loc="lower left")
