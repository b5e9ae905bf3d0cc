"""Panels of loss on a text: by size with fitted laws, by data, and the controls."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from carnotlab.runs.run import RunResult
from carnotlab.studies.scaling.text_curves import COUNTED, TEST, by_samples, by_size, foretold
from carnotlab.studies.style import COLOURS, MARKERS, draw_theory, ink
from carnotlab.theories.scaling_laws.extrapolation import Extrapolation

NAMES = ("single characters", "pairs counted", "triples counted")


def draw_sizes(axes: Axes, residuals: Axes, runs: Mapping[str, RunResult]) -> None:
    """Draw losses by weights, each kind with the law of all but its largest, and what is left."""
    for index, (label, run) in enumerate(runs.items()):
        sizes, losses = by_size(run.observation)
        found = foretold(sizes, losses)
        _draw_points(axes, sizes, losses, index, label, found is not None)
        if found is None:
            continue
        _draw_law(axes, sizes, found, index)
        left = np.log(losses.mean(axis=0) / found.law(sizes))
        residuals.plot(sizes, left, color=COLOURS[index], marker=MARKERS[index], ms=4.0, lw=0.8)
    _draw_counts(axes, next(iter(runs.values())), named=False)
    _logarithmic(axes)
    axes.set_ylabel("test loss, nats per character")
    axes.set_title("by size (open marks are held out of the fit)")
    axes.tick_params(labelbottom=False)
    axes.legend(fontsize="small")
    residuals.axhline(0.0, color=ink(), lw=0.6)
    residuals.set_xlabel("weights")
    residuals.set_ylabel("log loss\nover law")


def draw_data(axes: Axes, run: RunResult, least: int) -> None:
    """Draw losses of the largest network by samples, with a law where there are points enough."""
    samples, losses = by_samples(run.observation, least)
    found = foretold(samples, losses)
    _draw_points(axes, samples, losses, 0, "perceptron of most units", found is not None)
    if found is not None:
        _draw_law(axes, samples, found, 0)
    _draw_counts(axes, run, named=True)
    _logarithmic(axes)
    axes.set_xlabel("training samples")
    axes.set_title("by data")
    axes.legend(fontsize="small")


def draw_controls(axes: Axes, run: RunResult, shuffled: RunResult, starved: int) -> None:
    """Draw losses on a shuffled text, and at the end of training on few samples."""
    sizes, losses = by_size(shuffled.observation)
    _draw_points(axes, sizes, losses, 3, "characters in random order", False)
    seen = run.observation
    few = np.flatnonzero(seen["samples"].values == starved)
    few = few[np.argsort(seen["weights"].values[few])]
    end = seen[TEST.name].transpose("seed", "time", "cell").values[:, -1][:, few]
    weights = seen["weights"].values[few]
    _draw_points(axes, weights, end, 4, f"{starved} samples, no stopping", False)
    single = shuffled.prediction[COUNTED.name].transpose("seed", "order").values[:, 0].mean()
    axes.axhline(single, color=ink(), lw=0.9, ls=":")
    axes.text(0.5, single, "single characters", transform=axes.get_yaxis_transform(),
              ha="center", va="bottom", fontsize="small")  # fmt: skip
    _logarithmic(axes)
    axes.set_xlabel("weights")
    axes.set_title("controls")
    axes.legend(fontsize="small")


def _logarithmic(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}".replace(",", " "))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _draw_points(
    axes: Axes, x: np.ndarray, losses: np.ndarray, index: int, label: str, held_out: bool
) -> None:
    """Draw means with ranges over seeds; the last as an open mark where it was held out."""
    mean = losses.mean(axis=0)
    bars = np.stack([mean - losses.min(axis=0), losses.max(axis=0) - mean])
    colour, marker = COLOURS[index], MARKERS[index]
    fitted = slice(-1) if held_out else slice(None)
    axes.errorbar(x, mean, bars, color=colour, lw=0, elinewidth=1.0)
    axes.plot(x[fitted], mean[fitted], color=colour, marker=marker, ms=4.5, lw=0, label=label)
    if held_out:
        axes.plot(x[-1:], mean[-1:], color=colour, marker=marker, ms=6.0, mfc="none", lw=0)


def _draw_law(axes: Axes, x: np.ndarray, found: Extrapolation, index: int) -> None:
    """Draw a law through its points and on, and its interval where it foretells."""
    fine = np.geomspace(x[0], x[-1], 60)
    draw_theory(axes, fine, found.law(fine), index)
    axes.plot([x[-1]] * 2, [found.low, found.high], color=ink(), lw=3.0, alpha=0.35)
    axes.plot(x[-1], found.value, color=ink(), marker="_", ms=10.0)


def _draw_counts(axes: Axes, run: RunResult, *, named: bool) -> None:
    counted = run.prediction[COUNTED.name].transpose("seed", "order").values.mean(axis=0)
    for name, value in zip(NAMES, counted, strict=True):
        axes.axhline(value, color=ink(), lw=0.7, ls=":")
        if named:
            axes.text(0.02, value, name, transform=axes.get_yaxis_transform(), va="bottom",
                      fontsize="small")  # fmt: skip
