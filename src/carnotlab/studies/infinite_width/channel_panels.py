"""Panels of convolutional networks with growing channels: kernels, losses and outputs."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from carnotlab.core.verdicts import bootstrap
from carnotlab.measures.losses import TEST_PREDICTION
from carnotlab.studies.infinite_width.channel_gaps import arm_label, by_limit, exponent
from carnotlab.studies.infinite_width.small_convnets import ARCHITECTURES
from carnotlab.studies.infinite_width.width_gaps import kernel_gap
from carnotlab.studies.study import Results
from carnotlab.studies.style import (
    COLOURS,
    MARKERS,
    draw_experiment,
    draw_theory,
    error_bars,
    ink,
)
from carnotlab.theories.lazy_kernel import FROM_START


def draw_gaps(
    axes: Axes, results: Results, labels: list[str], numbers: tuple[int, ...], members: int
) -> None:
    """Draw distances of kernels over channels, and of pooled networks' from the other limit."""
    channels = np.array(numbers)
    kernel = "tangent kernel, "
    drawn = [(label, label) for label in labels]
    drawn.append((kernel + "pooling", kernel + "no pooling"))
    for index, (label, limit) in enumerate(drawn):
        gaps = [
            kernel_gap(by_limit(results, arm_label(label, n), arm_label(limit, n))) for n in numbers
        ]
        intervals = [bootstrap(gap, members) for gap in gaps]
        values = np.array([interval.value for interval in intervals])
        slope = bootstrap(
            exponent(results, label, limit, numbers),
            members,
        )
        words = label.replace(kernel, "") if limit == label else "pooling, by the other limit"
        axes.errorbar(
            channels,
            values,
            error_bars(intervals),
            fmt=MARKERS[index % len(MARKERS)],
            color=COLOURS[index % len(COLOURS)],
            ms=4,
            lw=1,
            label=f"{words}: {slope.value:+.2f} [{slope.low:+.2f}, {slope.high:+.2f}]",
        )
        if limit == label:
            # Anchored at the middle: its slope is the theory's, only its height is the data's.
            middle = len(channels) // 2
            line = values[middle] * (channels / channels[middle]) ** -0.5
            axes.plot(channels, line, color=ink(), lw=0.9, label=None if index else "slope -1/2")
    axes.set(
        title="distance from infinitely many channels",
        xlabel="channels",
        ylabel="relative gap of kernels",
        xscale="log",
        yscale="log",
    )
    axes.set_xticks(channels, [str(number) for number in channels])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    axes.set_ylim(axes.get_ylim()[0] / 2.2, None)
    axes.legend(fontsize="x-small", loc="lower left")


def draw_losses(axes: Axes, results: Results, channels: int) -> None:
    """Draw held-out losses over training, each architecture over its own limit."""
    for index, architecture in enumerate(ARCHITECTURES):
        run = results[arm_label(f"trained, {architecture}", channels)]
        time = np.asarray(run.observation["time"].values)
        seen = np.asarray(run.observation["test_loss"].values, dtype=np.float64)
        draw_experiment(axes, time, seen, index, architecture)
        theory = np.asarray(run.prediction["test_loss"].values)
        draw_theory(axes, time, theory, index, f"{architecture}, limit")
    axes.set(title=f"held-out loss, {channels} channels", xlabel="steps", ylabel="loss")
    axes.set_xscale("symlog", linthresh=1.0)
    axes.legend(fontsize="x-small")


def draw_outputs(axes: Axes, results: Results, channels: int) -> None:
    """Draw held-out outputs of pooled networks at the end, the ensemble mean, by each limit."""
    arm, other = (
        results[arm_label(f"trained, {name}", channels)] for name in ("pooling", "no pooling")
    )
    rich = results[arm_label("mean field, pooling", channels)]
    shown = (
        ("pooling, by its limit", arm, arm, 0),
        ("pooling, by the limit without", arm, other, 1),
        ("mean field, by the limit", rich, rich, 3),
    )
    limits: list[float] = []
    for label, seen, expected, index in reversed(shown):
        x = np.asarray(expected.prediction[FROM_START.name].values)[:, -1].mean(axis=0).ravel()
        y = np.asarray(seen.observation[TEST_PREDICTION.name].values)[:, -1].mean(axis=0).ravel()
        axes.plot(x, y, MARKERS[index], color=COLOURS[index], ms=2.2, alpha=0.6, lw=0, label=label)
        limits += [float(x.min()), float(x.max())]
    ends = [min(limits), max(limits)]
    axes.plot(ends, ends, color=ink(), lw=0.9)
    axes.set(title="mean held-out outputs at the end", xlabel="predicted", ylabel="trained")
    axes.legend(fontsize="x-small", markerscale=2)
