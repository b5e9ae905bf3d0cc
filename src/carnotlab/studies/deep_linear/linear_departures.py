"""When a network leaves its linear course, and the panels that show it."""

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import flow_time, observed, predicted
from carnotlab.studies.style import COLOURS, MARKERS, draw_experiment, draw_theory, ink
from carnotlab.tasks.arrays import ArrayTask, from_arrays
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.theories.deep_linear.early_linear_course import DEPARTED, DEPARTURE_STRENGTH


@lru_cache(maxsize=8)
def symmetric_task(
    inputs: int, outputs: int, strength: float, samples: int, positive: bool = False
) -> ArrayTask:
    """Return a map of one mode on inputs of which each comes with its opposite, or without signs.

    >>> abs(float(symmetric_task(3, 2, 1.0, 10).data().train.x.sum())) < 1e-12
    True
    """
    half = LinearMap(inputs, outputs, (strength,), samples=samples // 2)
    x = np.asarray(half.data().train.x)
    x = np.abs(x) if positive else np.concatenate([x, -x])
    y = x @ half.matrix.T
    return from_arrays(x, y, x_test=x, y_test=y, kind="regression", name="one mode")


def first_mode(
    result: RunResult,
) -> tuple[
    Float[np.ndarray, "seed time"], Float[np.ndarray, "seed time"], Float[np.ndarray, " seed"]
]:
    """Return the first mode as it was seen and predicted, and the departure predicted."""
    seen = observed(result, MODE_STRENGTH)[:, :, 0]
    expected = predicted(result, MODE_STRENGTH)[:, :, 0]
    return seen, expected, np.asarray(result.prediction[DEPARTURE_STRENGTH.name].values)


def settled(expected: Float[np.ndarray, "seed time"]) -> Bool[np.ndarray, "seed time"]:
    """When the half of a start that decays is gone: once the other has grown by 20, 1/400 of it.

    A start too large to grow so much is followed from time zero.
    """
    grown = expected > 20.0 * expected[:, :1]
    grown[~grown.any(axis=1)] = True
    return grown


def departures(result: RunResult) -> Float[np.ndarray, " seed"]:
    """Return the linear course's strength when each network leaves it by 5 %, inf for never."""
    seen, expected = (part(result, MODE_STRENGTH)[:, :, 0] for part in (observed, predicted))
    expected = np.broadcast_to(expected, seen.shape)
    away = np.abs(seen / expected - 1.0) >= DEPARTED
    away &= settled(expected)
    found = np.full(len(seen), np.inf)
    for member in np.flatnonzero(away.any(axis=1)):
        k = int(np.argmax(away[member]))
        gap = np.abs(seen[member, k - 1 : k + 1] / expected[member, k - 1 : k + 1] - 1.0)
        share = (DEPARTED - gap[0]) / (gap[1] - gap[0]) if gap[1] > gap[0] else 1.0
        logs = np.log(expected[member, k - 1 : k + 1])
        found[member] = np.exp(logs[0] + np.clip(share, 0.0, 1.0) * (logs[1] - logs[0]))
    return found


def draw_course(courses: Axes, strip: Axes, result: RunResult, place: int) -> None:
    """Draw networks over the linear course, ticks where each should leave it, and the quotient."""
    seen, expected, departure = first_mode(result)
    time = flow_time(result)
    draw_experiment(courses, time, seen, place)
    draw_theory(courses, time, np.exp(np.log(np.maximum(expected, 1e-12)).mean(axis=0)))
    for member in range(len(seen)):
        past = np.flatnonzero(expected[member] >= departure[member])
        if len(past):
            courses.plot(time[past[0]], departure[member], "|", color=ink(), ms=12)
    strip.plot(time, (seen / expected - 1.0).T, color=COLOURS[place], lw=0.6)
    strip.axhspan(-DEPARTED, DEPARTED, color=ink(), alpha=0.08, lw=0)
    strip.axhline(0.0, color=ink(), lw=0.6)
    courses.set(ylabel="strength of the mode", yscale="log")
    courses.tick_params(labelbottom=False)
    strip.set(xlabel="flow time", ylabel="relative\ndifference", ylim=(-0.6, 0.6))


def draw_departures(axes: Axes, runs: dict[int, RunResult], tolerance: float) -> None:
    """Draw where each network leaves the linear course against where it should."""
    ends: list[float] = []
    for index, (units, result) in enumerate(runs.items()):
        meant, found = first_mode(result)[2], departures(result)
        axes.plot(
            meant, found, MARKERS[index], color=COLOURS[index], ms=4, label=f"tanh, {units} units"
        )
        ends += [*meant[np.isfinite(meant)], *found[np.isfinite(found)]]
    line = np.array([0.8 * min(ends), 1.25 * max(ends)])
    axes.plot(line, line, color=ink(), lw=1.1)
    axes.fill_between(
        line,
        line * np.exp(-tolerance),
        line * np.exp(tolerance),
        color=ink(),
        alpha=0.08,
    )
    axes.set(
        title="departure by 5 %, network by network",
        xlabel="strength predicted from the start",
        ylabel="strength seen",
        xscale="log",
        yscale="log",
    )
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(fontsize="x-small")
