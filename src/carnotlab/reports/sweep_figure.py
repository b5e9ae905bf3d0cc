"""A sweep as a picture: what its settings lead to, and how the best of them learned."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from carnotlab.core.errors import require
from carnotlab.reports.figures import Format, drawn
from carnotlab.runs.atomic import appearing
from carnotlab.runs.sweeps.leading import losses
from carnotlab.runs.sweeps.results import SweepResult
from carnotlab.studies.style import COLOURS, LINES, MARKERS, headline

LINES_AT_MOST = len(COLOURS)
PANELS_AT_MOST = 3
"""Of settings that were listed or sampled, one each."""

LEADERS = 5
WIDE = 10.0
"""Ratio of largest to smallest from which an axis is logarithmic."""

Array: TypeAlias = np.ndarray[Any, Any]


def sweep_figure(result: SweepResult, quantity: str | None = None) -> Figure:
    """Draw a quantity at the end over the settings, and its course under the best of them.

    Means and standard errors are over the members that are done. Of a grid, the numbers with most
    values are the axis, the setting with next most is told by colour, and of others the best value
    is shown. A setting of which a member diverged is a cross at the edge.

    Args:
        result: A sweep, finished or growing.
        quantity: One of its quantities that are numbers at each time, the first unless given.

    Raises:
        InputError: if there is no such quantity, or no member is done.

    >>> from carnotlab.api import Experiment, GaussianRegression, GradientDescent, Training, mlp
    >>> from carnotlab.api import grid, run_sweep, sweep_over
    >>> task, network = GaussianRegression(2, samples=8), mlp(2, (4,), 1)
    >>> def experiment(lr):
    ...     return Experiment(task, network, Training(GradientDescent(lr), duration=5))
    >>> result = run_sweep(sweep_over(experiment, grid(lr=(0.01, 0.1)), seeds=2))
    >>> [axes.get_xlabel() for axes in sweep_figure(result).axes]
    ['lr', 'steps']
    """
    data = result.dataset
    plain = [str(n) for n in data.data_vars if set(data[n].dims) == {*result.over, "time"}]
    require(bool(plain), "a sweep that measures arrays", "numbers at each time", "add a loss")
    name = plain[0] if quantity is None else quantity
    require(
        name in plain,
        f"quantity {name!r}",
        f"one of {', '.join(plain)}",
        "choose one of these",
    )
    done = data["finished"]
    require(bool(done.any()), "a sweep of which no member is done", "some", "wait, or repeat it")
    mean, error = _over_seeds(data[name], done)
    last, spread, unit = mean.isel(time=-1), error.isel(time=-1), str(data[name].attrs.get("units"))
    leading = _leading(last, unit)
    if "setting" in last.dims:
        numbers = [n for n in _names_of_settings(last) if last[n].dtype.kind in "if"]
        figure, panels = _paper(max(1, min(len(numbers), PANELS_AT_MOST)))
        for axes, number in zip(panels, numbers or ["setting"], strict=False):
            _draw_points(axes, np.asarray(last[number]), last, spread, number)
    else:
        figure, panels = _paper(1)
        _draw_grid(panels[0], last, spread, unit)
    for axes in panels[:-1]:
        axes.set_ylabel(f"{name} at the end")
        _scale(axes, "y", last.values)
    _draw_courses(panels[-1], mean, last, leading)
    panels[-1].set_ylabel(name)
    _scale(panels[-1], "y", mean.values)
    best = leading[0]
    said = f"{name} {float(last.values[best]):.3g}"
    headline(figure, f"Best at the end: {_words(last, best)}: {said}")
    return figure


def require_figure_file(file: Path) -> None:
    """Refuse a file whose name says no format that figures have.

    >>> require_figure_file(Path("sweep.svg"))
    """
    formats = [f".{kind}" for kind in get_args(Format)]
    require(file.suffix in formats, f"a figure {file}", f"one of {', '.join(formats)}", "rename it")


def write_sweep_figure(result: SweepResult, file: Path) -> None:
    """Draw a sweep to a file, which appears whole or not at all.

    Raises:
        InputError: if it cannot be drawn, or the file not be written.
    """
    require_figure_file(file)
    kind = cast("Format", file.suffix.removeprefix("."))
    content = drawn(lambda: sweep_figure(result), (kind,))[kind]
    with appearing(file) as temporary:
        temporary.write_bytes(content)


def _paper(panels: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(4.4 * (panels + 1), 3.9))
    return figure, list(figure.subplots(1, panels + 1, squeeze=False).ravel())


def _over_seeds(values: xr.DataArray, done: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return mean and standard error over the members that are done, nan where none is.

    A member that diverged makes the mean infinite.
    """
    values, count = values.where(done, 0.0), done.sum("seed")
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        mean = values.sum("seed", skipna=False) / count
        square = ((values - mean).where(done, 0.0) ** 2).sum("seed", skipna=False)
        error = (square / (count * np.maximum(count - 1, 1))) ** 0.5
    return mean.where(np.isfinite(mean), np.inf).where(count > 0), error


def _leading(last: xr.DataArray, unit: str) -> list[tuple[int, ...]]:
    """Return the places of the best settings with a finite mean, the best first."""
    shown = min(int(np.isfinite(last.values).sum()), LEADERS)
    require(shown > 0, "a sweep whose members all diverged", "finite numbers", "smaller rates")
    best = np.argsort(losses(last.values, unit).ravel(), kind="stable")[:shown]
    return [tuple(int(k) for k in np.unravel_index(each, last.shape)) for each in best]


def _names_of_settings(data: xr.DataArray) -> list[str]:
    """Return what was set, where settings are listed or sampled."""
    names = [str(name) for name, values in data.coords.items() if values.dims == ("setting",)]
    return [name for name in names if name != "setting"]


def _draw_grid(axes: Axes, last: xr.DataArray, spread: xr.DataArray, unit: str) -> None:
    names = [str(name) for name in last.dims]
    numbers = [name for name in names if last[name].dtype.kind in "if"]
    along = max(numbers or names, key=lambda name: last.sizes[name])
    others = sorted((n for n in names if n != along), key=lambda n: -last.sizes[n])
    by = others[0] if others and last.sizes[others[0]] > 1 else None
    rest = [name for name in others if name != by]
    stacked = last.transpose(along, *([by] if by else []), *rest)
    kept = stacked.shape[: 2 if by else 1]
    best = losses(stacked.values, unit).reshape(*kept, -1).argmin(-1)[..., None]
    means, errors = (
        np.take_along_axis(part.reshape(*kept, -1), best, -1)[..., 0].reshape(kept[0], -1)
        for part in (stacked.values, spread.transpose(*stacked.dims).values)
    )
    shown = np.arange(means.shape[1])
    if shown.size > LINES_AT_MOST:
        shown = np.unique(np.linspace(0, shown.size - 1, LINES_AT_MOST).round().astype(int))
    values = np.asarray(last[along])
    numeric = along in numbers
    x = values if numeric else np.arange(values.size)
    for k, column in enumerate(shown):
        label = None if by is None else _value(np.asarray(last[by])[column])
        _draw_line(axes, x, means[:, column], errors[:, column], k, label)
    axes.set_xlabel(along)
    if numeric:
        _scale(axes, "x", values)
    else:
        axes.set_xticks(x, [_value(value) for value in values])
    if by is not None:
        axes.legend(title=by)
    varied = [name for name in rest if last.sizes[name] > 1]
    if varied:
        axes.set_title(f"each at its best {', '.join(varied)}")


def _draw_line(axes: Axes, x: Array, mean: Array, error: Array, k: int, label: str | None) -> None:
    fine = np.isfinite(mean)
    axes.errorbar(
        x[fine], mean[fine], error[fine], color=COLOURS[k], linestyle=LINES[k], marker=MARKERS[k],
        markersize=4, linewidth=1.2, capsize=2, label=label,
    )  # fmt: skip
    _mark_diverged(axes, x[np.isinf(mean)], COLOURS[k])


def _draw_points(axes: Axes, x: Array, last: xr.DataArray, spread: xr.DataArray, name: str) -> None:
    fine = np.isfinite(last.values)
    axes.errorbar(x[fine], last.values[fine], spread.values[fine], color=COLOURS[0],
                  linestyle="none", marker="o", markersize=4, capsize=2)  # fmt: skip
    _mark_diverged(axes, x[np.isinf(last.values)], COLOURS[4])
    axes.set_xlabel(name)
    _scale(axes, "x", x)


def _mark_diverged(axes: Axes, x: Array, colour: str) -> None:
    if x.size == 0:
        return  # an empty line outside the axes would upset their layout
    axes.plot(x, np.ones(x.size), "x", color=colour, clip_on=False,
              transform=axes.get_xaxis_transform())  # fmt: skip


def _draw_courses(
    axes: Axes, mean: xr.DataArray, last: xr.DataArray, leading: Sequence[tuple[int, ...]]
) -> None:
    times = np.asarray(mean["time"], float)
    courses = mean.transpose(*last.dims, "time").values
    for k, place in enumerate(leading):
        axes.plot(times, courses[place], color=COLOURS[k], linestyle=LINES[k], linewidth=1.3,
                  label=_words(last, place))  # fmt: skip
    axes.set_xlabel(str(mean["time"].attrs.get("units", "time")))
    axes.set_title("courses of the best")
    axes.legend(fontsize="small")


def _words(last: xr.DataArray, place: tuple[int, ...]) -> str:
    if "setting" in last.dims:
        parts = {n: np.asarray(last[n])[place[0]] for n in _names_of_settings(last)}
    else:
        named = zip(last.dims, place, strict=True)
        parts = {str(n): np.asarray(last[n])[k] for n, k in named if last.sizes[n] > 1}
    return ", ".join(f"{name} {_value(value)}" for name, value in parts.items()) or "one setting"


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float | np.floating) else str(value)


def _scale(axes: Axes, which: Literal["x", "y"], values: Array) -> None:
    """Make an axis logarithmic where its numbers ask for it."""
    finite = values[np.isfinite(values)]
    if finite.size == 0 or finite.min() <= 0 or finite.max() / finite.min() < WIDE:
        return
    axes.set(**{f"{which}scale": "log"})
    if finite.max() / finite.min() < WIDE**2:
        # Few powers of ten lie between: numbers say more, and Matplotlib's own would overlap.
        axis = axes.xaxis if which == "x" else axes.yaxis
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
