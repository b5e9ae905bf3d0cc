"""One look for all figures: colour-blind safe, light or dark, theory drawn over experiment."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, cast

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carnotlab.core.verdicts import Interval

Theme: TypeAlias = Literal["light", "dark"]

# Okabe and Ito's palette, in an order whose neighbours differ in lightness too; its black (or
# white, on dark) is kept for theory, its yellow left out because it vanishes on white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")

INK = {"light": "#1b1b1b", "dark": "#ececec"}
PAPER = {"light": "#ffffff", "dark": "#16181d"}
FAINT = {"light": "#d9d9d9", "dark": "#3a3d44"}


@contextmanager
def style(theme: Theme = "light") -> Generator[None]:
    """Draw the enclosed figures in the library's look; nothing outside is changed."""
    ink, paper, faint = INK[theme], PAPER[theme], FAINT[theme]
    settings: dict[str, Any] = {
        "figure.facecolor": paper,
        "savefig.facecolor": paper,
        "axes.facecolor": paper,
        "axes.edgecolor": ink,
        "axes.labelcolor": ink,
        "axes.titlecolor": ink,
        "text.color": ink,
        "xtick.color": ink,
        "ytick.color": ink,
        "grid.color": faint,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": "medium",
        "axes.titlelocation": "left",
        "font.size": 9.0,
        "figure.constrained_layout.use": True,
        "svg.fonttype": "path",
        # A fixed salt gives SVG element names that do not change from run to run.
        "svg.hashsalt": "carnot",
        "figure.dpi": 110,
        "savefig.dpi": 160,
    }
    with mpl.rc_context(cast("Any", settings)):
        yield


def ink() -> str:
    """Return the colour of text in the present style, used for theory."""
    return str(mpl.rcParams["text.color"])


def headline(figure: Figure, text: str) -> None:
    """Write a figure's message over all its panels, from the left."""
    figure.suptitle(text, x=0.01, ha="left")


def error_bars(intervals: Sequence[Interval]) -> tuple[list[float], list[float]]:
    """Return how far intervals reach below and above their values; no bar where they have no end.

    >>> error_bars([Interval(2.0, 1.5, 3.0), Interval(2.0, 1.0, float("inf"))])
    ([0.5, 1.0], [1.0, 0.0])
    """
    below = [max(v.value - v.low, 0.0) if np.isfinite(v.low) else 0.0 for v in intervals]
    above = [max(v.high - v.value, 0.0) if np.isfinite(v.high) else 0.0 for v in intervals]
    return below, above


def draw_experiment(
    axes: Axes,
    time: Float[np.ndarray, " time"],
    members: Float[np.ndarray, "seed time"],
    index: int,
    label: str | None = None,
    *,
    middle_half: bool = False,
) -> None:
    """Draw an ensemble as the band from its lowest to its highest member, with markers on its mean.

    With ``middle_half`` the band goes from quartile to quartile, for ensembles of many members.
    Members that diverged are left out of the band; the caller says so in words.
    """
    colour = COLOURS[index % len(COLOURS)]
    finite = members[np.isfinite(members).all(axis=1)]
    if not len(finite):
        return
    every = max(len(time) // 12, 1)
    low, high = np.quantile(finite, [0.25, 0.75] if middle_half else [0.0, 1.0], axis=0)
    axes.fill_between(time, low, high, color=colour, alpha=0.25, lw=0)
    axes.plot(
        time,
        finite.mean(axis=0),
        color=colour,
        lw=0,
        marker=MARKERS[index % len(MARKERS)],
        ms=3.5,
        markevery=every,
        label=label,
    )


def draw_theory(
    axes: Axes,
    time: Float[np.ndarray, " time"],
    course: Float[np.ndarray, " time"],
    index: int = 0,
    label: str | None = None,
) -> None:
    """Draw a prediction as a line in ink over the experiment, told apart by its dashes."""
    axes.plot(time, course, color=ink(), lw=1.1, ls=LINES[index % len(LINES)], label=label)


def draw_residual(
    axes: Axes,
    time: Float[np.ndarray, " time"],
    residual: Float[np.ndarray, " time"],
    index: int,
    tolerance: float | None = None,
) -> None:
    """Draw experiment minus theory on a strip around zero, with the tolerance as a band."""
    axes.plot(time, residual, color=COLOURS[index % len(COLOURS)], lw=1.0)
    if tolerance is not None and index == 0:
        axes.axhspan(-tolerance, tolerance, color=ink(), alpha=0.08, lw=0)
        axes.axhline(0.0, color=ink(), lw=0.6)
