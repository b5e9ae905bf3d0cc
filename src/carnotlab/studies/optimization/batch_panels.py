"""Panels of batches and noise: drops, steps to a goal, stationary variances, networks."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.optimization.linear_scaling_run import LOSS, SCALES
from carnotlab.studies.optimization.noise_scale_run import DROP, LINEAR_DROP, NEEDED, SCALED
from carnotlab.studies.optimization.stationary_run import DIFFUSION, VARIANCE
from carnotlab.studies.style import COLOURS, MARKERS, draw_theory, ink


def draw_drops(axes: Axes, result: RunResult) -> None:
    """Draw what a step does by batch size, at the best rate and at a rate linear in B."""
    batch = np.asarray(result.observation["batch"].values)
    critical = float(result.prediction["critical_batch"])
    for index, (quantity, label) in enumerate(
        ((DROP, "best rate"), (LINEAR_DROP, "rate linear in B"))
    ):
        seen = np.asarray(result.observation[quantity.name].values)
        axes.errorbar(
            batch, seen.mean(axis=0), yerr=seen.std(axis=0), color=COLOURS[index],
            marker=MARKERS[index], lw=0, elinewidth=1.0, ms=5, label=label,
        )  # fmt: skip
    draw_theory(
        axes, batch, np.asarray(result.prediction[DROP.name].values), 0, "1/(1 + B_noise/B)"
    )
    axes.axvline(critical, color=ink(), lw=0.7, ls=":", label="critical batch")
    axes.set(
        title="fall of the loss in one step, least squares",
        xlabel="batch B",
        ylabel="over that of a full batch",
        xscale="log",
        ylim=(-0.3, 1.1),
    )
    axes.legend(fontsize="x-small", loc="upper left")


def draw_steps(axes: Axes, result: RunResult) -> None:
    """Draw steps to the goal by batch size over the trade-off."""
    batch = np.asarray(result.observation["batch"].values)
    needed = np.asarray(result.observation[NEEDED.name].values)
    scaled = np.asarray(result.observation[SCALED.name].values)
    axes.plot(
        batch, needed.mean(axis=0), color=COLOURS[0], marker=MARKERS[0], lw=0, label="best rate"
    )
    axes.plot(
        batch, scaled.mean(axis=0), color=COLOURS[1], marker=MARKERS[1], lw=0, ms=4,
        label="rate linear in B",
    )  # fmt: skip
    expected = np.asarray(result.prediction[NEEDED.name].values).mean(axis=0)
    draw_theory(axes, batch, expected, 0, "trade-off through the ends")
    lost = batch[~np.isfinite(scaled).all(axis=0)]
    if len(lost):
        axes.axvspan(lost[0], batch[-1], color=COLOURS[1], alpha=0.12, lw=0)
        axes.text(lost[0], needed.max() * 0.5, " linear:\n never", fontsize="x-small")
    axes.set(
        title="steps to a goal, exact risk",
        xlabel="batch B",
        ylabel="steps",
        xscale="log",
        yscale="log",
    )
    axes.legend(fontsize="x-small")


def draw_variances(axes: Axes, runs: Mapping[str, RunResult]) -> None:
    """Draw stationary variances over the diffusion's; exact ones as lines."""
    for index, (label, run) in enumerate(runs.items()):
        rates = np.asarray(run.observation["rate"].values)
        diffusion = np.asarray(run.prediction[DIFFUSION.name].values)
        seen = np.asarray(run.observation[VARIANCE.name].values) / diffusion
        axes.errorbar(
            rates, seen.mean(axis=0), yerr=seen.std(axis=0), color=COLOURS[index],
            marker=MARKERS[index], lw=0, elinewidth=1.0, ms=5, label=label,
        )  # fmt: skip
        exact = np.asarray(run.prediction[VARIANCE.name].values) / diffusion
        draw_theory(axes, rates, exact, index)
    axes.axhline(1.0, color=ink(), lw=0.7, ls=":", label="diffusion")
    axes.set(
        title="where steps settle: variance over the diffusion's",
        xlabel="rate times curvature",
        ylabel="variance over the diffusion's",
        xscale="log",
        yscale="log",
    )
    axes.legend(fontsize="x-small")


def draw_network(axes: Axes, result: RunResult) -> None:
    """Draw the network's loss at rates linear in the batch, and its noise scale in words."""
    batch = np.asarray(result.observation["batch"].values)
    loss = np.asarray(result.observation[LOSS.name].values)
    shown = np.clip(np.nan_to_num(loss, nan=np.inf, posinf=np.inf), None, 5e3)
    for index, row in enumerate(shown):
        axes.plot(
            batch, row, color=COLOURS[2], lw=0, marker=MARKERS[2], ms=4, alpha=0.7,
            label="one start (at the top: diverged)" if index == 0 else None,
        )  # fmt: skip
    axes.axhline(float(shown[:, 0].mean()), color=ink(), lw=1.0, label="batch of one")
    first, last = np.asarray(result.observation[SCALES.name].values, dtype=float).mean(axis=0)
    axes.set(
        title=f"network on digits: noise scale {first:.0f} at first, {last:.0f} at the end",
        xlabel="batch B, rate linear in B",
        ylabel="training loss after the same images",
        xscale="log",
        yscale="log",
        ylim=(float(shown[:, 0].min()) / 3.0, 1e4),
    )
    axes.legend(fontsize="x-small")
