"""Panels of replay: gains, courses over epochs, the best amount, and digits."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from carnotlab.estimators.linear_baseline import KINDS
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.online_learning.real_replay_run import (
    BASELINE,
    EPOCHS_CHOSEN,
    WAYS,
    WRONG,
)
from carnotlab.studies.online_learning.replay_run import EXCESS
from carnotlab.studies.style import (
    COLOURS,
    LINES,
    MARKERS,
    draw_experiment,
    draw_residual,
    draw_theory,
    ink,
)
from carnotlab.theories.online_learning.online_regression import annealed_excess
from carnotlab.theories.online_learning.replay import best_epochs, replay_gain


def draw_gains(
    axes: Axes, once: RunResult, replays: Mapping[float, RunResult], reliability: Sequence[float]
) -> None:
    """Draw what stopped replay gains over one pass, by examples per input and reliability."""
    fine = np.union1d(np.geomspace(0.1, 8.0, 36), [1.0])
    time = np.asarray(once.observation["time"].values)
    for index, snr in enumerate(reliability):
        theory = np.array([replay_gain(float(a), snr).gain for a in fine])
        draw_theory(axes, fine, theory, index)
        for place, (ratio, replay) in enumerate(replays.items()):
            passed = observed(once, EXCESS)[:, int(np.argmin(np.abs(time - ratio))), index]
            again = observed(replay, EXCESS)[:, :, index]
            stop = int(np.argmin(again.mean(axis=0)))
            error = np.hypot(passed.std(), again[:, stop].std()) / len(passed) ** 0.5
            axes.errorbar(
                ratio, passed.mean() - again[:, stop].mean(), yerr=2.0 * error,
                color=COLOURS[index], marker=MARKERS[index], ms=5, lw=1.0,
                label=_named(snr) if place == 0 else None,
            )  # fmt: skip
            least = predicted(replay, EXCESS)[0, :, index].min()
            best = float(annealed_excess(ratio, noise_variance=1.0 / snr))
            label = "theory, as far as trained" if index == place == 0 else None
            axes.plot(ratio, best - least, color=ink(), marker="_", ms=11, lw=0, label=label)
    axes.axhline(0.0, color=ink(), lw=0.5)
    axes.set(
        title="what replay gains over one pass",
        xlabel="examples per input",
        ylabel="gain in excess error",
        xscale="log",
    )
    axes.legend(fontsize="x-small")


def draw_replay(
    courses: Axes, strip: Axes, result: RunResult, ratio: float, reliability: Sequence[float]
) -> None:
    """Draw the excess over epochs by reliability, with the best one pass as a thin line."""
    epochs = np.asarray(result.observation["time"].values)
    seen, expected = observed(result, EXCESS), predicted(result, EXCESS)[0]
    for index, snr in enumerate(reliability):
        mean = seen[:, :, index].mean(axis=0)
        spread = 2.0 * seen[:, :, index].std(axis=0) / len(seen) ** 0.5
        band = np.stack([mean - spread, mean, mean + spread])[:, 1:]
        draw_experiment(courses, epochs[1:], band, index, _named(snr))
        draw_theory(courses, epochs[1:], expected[1:, index], index)
        gap = mean / expected[:, index] - 1.0
        draw_residual(strip, epochs[1:], gap[1:], index, 0.1)
        courses.axhline(replay_gain(ratio, snr).once, color=COLOURS[index], lw=0.7, ls=LINES[3])
    courses.set(
        title=f"replay of {ratio:g} examples per input (dotted: best one pass)",
        ylabel="excess error",
        xscale="log",
        yscale="log",
    )
    courses.tick_params(labelbottom=False)
    courses.legend(fontsize="x-small")
    strip.set(xlabel="epochs", ylabel="relative\ndifference", ylim=(-0.3, 0.3))


def draw_amounts(
    axes: Axes, replays: Mapping[float, RunResult], reliability: Sequence[float], rate: float
) -> None:
    """Draw the best number of epochs over the reliability of the rule."""
    fine = np.geomspace(0.05, 100.0, 25)
    noisy = [(index, snr) for index, snr in enumerate(reliability) if snr <= fine[-1]]
    for place, (ratio, result) in enumerate(replays.items()):
        theory = [best_epochs(ratio, rate, noise_variance=1.0 / float(s)).epochs for s in fine]
        draw_theory(axes, fine, np.array(theory, dtype=float), place)
        epochs = np.asarray(result.observation["time"].values)
        mean = observed(result, EXCESS).mean(axis=0)
        stops = [(snr, int(np.argmin(mean[:, index]))) for index, snr in noisy]
        # A least error at the last record is no minimum.
        inner = [(snr, epochs[stop]) for snr, stop in stops if stop < len(epochs) - 1]
        axes.plot(
            *np.array(inner).T,
            color=COLOURS[place % len(COLOURS)],
            lw=0,
            marker=MARKERS[place % len(MARKERS)],
            ms=max(9 - 3 * place, 3),
            label=f"{ratio:g} examples per input",
        )
    axes.set(
        title=f"best number of epochs at rate {rate:g}",
        xlabel="reliability of the rule (signal to noise)",
        ylabel="epochs",
        xscale="log",
    )
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(0.0, None)
    axes.legend(fontsize="x-small")


def draw_digits(axes: Axes, result: RunResult) -> None:
    """Draw errors on digits by label noise: three ways of learning, and linear models."""
    noise = np.asarray(result.observation["noise"].values)
    wrong = observed(result, WRONG)[:, 0]
    for index, way in enumerate(WAYS):
        draw_experiment(axes, noise, wrong[:, :, index], index, way)
        axes.plot(noise, wrong[:, :, index].mean(axis=0), color=COLOURS[index], lw=0.9)
    base = observed(result, BASELINE)[:, 0].mean(axis=0)
    for index, name in enumerate(KINDS):
        axes.plot(noise, base[:, index], color=ink(), lw=1.0, ls=LINES[index + 1],
                  label=f"{name} regression")  # fmt: skip
    stops = observed(result, EPOCHS_CHOSEN)[:, 0].mean(axis=0)
    chosen = ", ".join(f"{stop:.0f}" for stop in stops)
    axes.set(
        title=f"digits, one image a step (replay stops after {chosen} epochs)",
        xlabel="share of training labels that are wrong",
        ylabel="held-out images wrong",
        ylim=(0.0, None),
    )
    axes.legend(fontsize="x-small")


def _named(reliability: float) -> str:
    return "no noise" if reliability >= 1e6 else f"signal to noise {reliability:g}"
