"""Panels of noise as a regularizer: one layer, two layers, label noise, networks on digits."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.measures.losses import TEST_LOSS, TRAIN_LOSS
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.noise.balance_run import LAYER_IMBALANCE
from carnotlab.studies.noise.two_layer_run import END_MODES, STRENGTHS
from carnotlab.studies.style import COLOURS, LINES, MARKERS, draw_experiment, draw_theory, ink


def draw_layer(axes: Axes, units: RunResult, weights: RunResult, ignored: RunResult) -> None:
    """Draw the loss without noise of one layer, with what is predicted and what is not."""
    time = _time(units)
    for index, (label, run) in enumerate(
        (("inputs left out", units), ("weights left out", weights))
    ):
        draw_experiment(axes, time, observed(run, TRAIN_LOSS), index, label, middle_half=True)
        draw_theory(axes, time, predicted(run, TRAIN_LOSS).mean(axis=0), index)
    axes.plot(
        time,
        predicted(ignored, TRAIN_LOSS).mean(axis=0),
        color=ink(),
        lw=0.9,
        ls=":",
        label="noise ignored",
    )
    axes.set(
        title="one linear layer", xlabel="steps", ylabel="training loss without noise", yscale="log"
    )
    axes.legend(fontsize="x-small")


def draw_modes(axes: Axes, run: RunResult, keep: float) -> None:
    """Draw each mode's strength at the end against that of the task."""
    strengths = np.array(STRENGTHS)
    seen = np.asarray(run.observation[END_MODES.name].values)
    expected = np.asarray(run.prediction[END_MODES.name].values)
    axes.plot(strengths, strengths, color=ink(), lw=0.7, ls=":", label="no noise")
    axes.plot(strengths, expected, color=ink(), lw=1.1, label="shrunk by one amount")
    middle = seen.mean(axis=0)
    spread = [middle - seen.min(axis=0), seen.max(axis=0) - middle]
    axes.errorbar(
        strengths,
        middle,
        spread,
        fmt=MARKERS[0],
        color=COLOURS[0],
        ms=5,
        label=f"trained, keep {keep:g}",
    )
    axes.set(
        title="two linear layers, hidden units left out",
        xlabel="strength of the task's mode",
        ylabel="strength learned",
    )
    axes.legend(fontsize="x-small")


def draw_balance(axes: Axes, fresh: RunResult, fixed: RunResult) -> None:
    """Draw the imbalance of two weights under fresh and under fixed label noise."""
    for index, (label, run) in enumerate(
        (("fresh label noise", fresh), ("the same wrong labels (control)", fixed))
    ):
        seen = observed(run, LAYER_IMBALANCE)
        draw_experiment(axes, _time(run), seen, index, label, middle_half=True)
    draw_theory(axes, _time(fresh), predicted(fresh, LAYER_IMBALANCE)[0])
    axes.set(
        title="label noise makes layers equal", xlabel="steps", ylabel="imbalance", ylim=(0.0, None)
    )
    axes.legend(fontsize="x-small")


def draw_digits(
    axes: Axes, runs: Mapping[str, RunResult], without: RunResult, wrong: float
) -> None:
    """Draw held-out losses with dropout over descent on the loss with its penalty."""
    for index, (label, run) in enumerate(runs.items()):
        seen = observed(run, TEST_LOSS)
        scale = seen[:, 0].mean()
        draw_experiment(axes, _time(run), seen / scale, index, label)
        draw_theory(axes, _time(run), predicted(run, TEST_LOSS).mean(axis=0) / scale, index)
    scale = observed(without, TEST_LOSS)[:, 0].mean()
    axes.plot(
        _time(without),
        predicted(without, TEST_LOSS).mean(axis=0) / scale,
        color=COLOURS[0],
        lw=0.9,
        ls=LINES[3],
        label="squared error, no penalty",
    )
    axes.set(
        title=f"digits, {wrong:.0%} wrong labels",
        xlabel="steps",
        ylabel="held-out loss over that at the start",
        yscale="log",
    )
    axes.legend(fontsize="x-small")


def draw_certainty(axes: Axes, run: RunResult, keep: float) -> None:
    """Draw the training loss of a network that grows sure of its labels, over the penalty's."""
    draw_experiment(axes, _time(run), observed(run, TRAIN_LOSS), 1, f"cross-entropy, keep {keep:g}")
    draw_theory(axes, _time(run), predicted(run, TRAIN_LOSS).mean(axis=0), 1)
    axes.set(
        title="where the penalty fails: sure of wrong labels",
        xlabel="steps",
        ylabel="training loss without noise",
        yscale="log",
    )
    axes.legend(fontsize="x-small")


def _time(run: RunResult) -> np.ndarray:
    return np.asarray(run.observation["time"].values)
