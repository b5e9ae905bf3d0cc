"""Panels of signals through depth: correlations, gradients, and which depths were trained."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

from carnotlab.measures.activity import ACTIVITY_CORRELATION, GRADIENT_LENGTH
from carnotlab.networks.activations import Tanh
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.style import (
    COLOURS,
    draw_experiment,
    draw_residual,
    draw_theory,
    ink,
)
from carnotlab.theories.correlation_map import phase
from carnotlab.theories.trainable_depth import TrainableDepth

SHOWN = ("order", "edge", "chaos", "rectifier")


def draw_correlations(
    courses: Axes, strip: Axes, results: Mapping[str, RunResult], tolerance: float
) -> None:
    """Draw correlations over layers, mean over pairs of inputs, and what is left of theory."""
    for index, label in enumerate(SHOWN):
        seen = observed(results[label], ACTIVITY_CORRELATION)[:, 0].mean(axis=2)
        expected = predicted(results[label], ACTIVITY_CORRELATION)[0, 0].mean(axis=1)
        layers = np.arange(1, len(expected) + 1)
        draw_experiment(courses, layers, seen, index, label)
        draw_theory(courses, layers, expected, index)
        draw_residual(strip, layers, seen.mean(axis=0) - expected, index, tolerance)
    wrong = predicted(results["control: order, biases ignored"], ACTIVITY_CORRELATION)[0, 0]
    courses.plot(
        np.arange(1, len(wrong) + 1),
        wrong.mean(axis=1),
        color=COLOURS[0],
        lw=0.9,
        ls=":",
        label="order, biases ignored",
    )
    courses.set(title="correlation of two inputs", ylabel="correlation", ylim=(-0.02, 1.5))
    courses.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0])
    courses.xaxis.set_major_locator(MaxNLocator(integer=True))
    courses.tick_params(labelbottom=False)
    courses.legend(fontsize="x-small", loc="upper left", ncols=2)
    strip.set(xlabel="layer", ylabel="difference", ylim=(-2.5 * tolerance, 2.5 * tolerance))


def draw_gradients(axes: Axes, results: Mapping[str, RunResult]) -> None:
    """Draw squared gradients by each hidden layer's weights, over that of the last of them."""
    for index, label in enumerate(SHOWN):
        # Geometric means over members, as gradients of one network are log-normal.
        seen = np.log(observed(results[label], GRADIENT_LENGTH)[:, 0, 1:-1])
        expected = np.log(predicted(results[label], GRADIENT_LENGTH)[0, 0, 1:-1])
        layers = np.arange(2, len(expected) + 2)
        draw_experiment(axes, layers, (seen - expected[-1]) / np.log(10.0), index, label)
        draw_theory(axes, layers, (expected - expected[-1]) / np.log(10.0), index)
    axes.set(
        title="squared gradient by a layer's weights",
        xlabel="layer",
        ylabel="log10, over the last hidden layer's",
    )
    axes.legend(fontsize="x-small")


def draw_trained(
    axes: Axes,
    variances: Sequence[float],
    depths: Sequence[int],
    shares: Float[np.ndarray, "depths variances"],
    bias_variance: float,
) -> None:
    """Draw the share learned over variance and depth, with the reach that theory predicts."""
    image = axes.pcolormesh(
        _edges(variances), _edges(depths), shares, cmap="cividis", vmin=0.0, vmax=1.0
    )
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("share of the training loss learned")
    low, high = _edges(variances)[[0, -1]]
    fine = np.geomspace(low, high, 80)
    scales = TrainableDepth().scales
    lines = ((bias_variance, "-", "6 depth scales"), (0.0, ":", "the same, biases ignored"))
    for bias, dashes, label in lines:
        reach = [scales * phase(Tanh(), float(v), bias).correlation_depth for v in fine]
        # White under black: the line must be seen on dark and on light cells alike.
        axes.plot(fine, reach, color="white", lw=3.2, ls=dashes)
        axes.plot(fine, reach, color="black", lw=1.6, ls=dashes, label=label)
    axes.set(
        title="which networks train",
        xlabel="weight variance",
        ylabel="hidden layers",
        xscale="log",
        yscale="log",
        xlim=(low, high),
        ylim=tuple(_edges(depths)[[0, -1]]),
    )
    for axis, ticks in ((axes.xaxis, variances), (axes.yaxis, depths)):
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
        axis.set_ticks([float(tick) for tick in ticks], [f"{tick:.3g}" for tick in ticks])
    legend = axes.legend(fontsize="x-small", loc="upper left", frameon=True, framealpha=0.9)
    legend.get_frame().set_facecolor("white")
    for text in legend.get_texts():
        text.set_color("black")
    axes.spines[:].set_color(ink())


def _edges(values: Sequence[float]) -> Float[np.ndarray, " edges"]:
    """Return the borders of cells around rising values, geometric means in between."""
    logs = np.log(np.asarray(values, dtype=np.float64))
    between = (logs[1:] + logs[:-1]) / 2.0
    first, last = 2.0 * logs[0] - between[0], 2.0 * logs[-1] - between[-1]
    return np.exp(np.concatenate([[first], between, [last]]))
