"""Does depth amount to descending some other loss, or some regularized one?"""

from typing import ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.studies.deep_linear.contour_run import CIRCULATION, WORK, ContourRun
from carnotlab.studies.errors import mean_of
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Results,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
    role_of,
)
from carnotlab.studies.style import COLOURS, MARKERS, headline, ink
from carnotlab.theories.deep_linear.line_integral import annulus_sector, single_output_field

CLOSED_FORM = Tolerance(
    Quantity("circulation_error", (), "1", "circulation minus its closed form, over the work done"),
    1e-8,
    "both are exact but for rounding: a sum over 192 nodes of products of up to eight matrices in "
    "float64 leaves 1e-13, and a term of the formula that is missing or wrong leaves 1e-2",
)
CONSERVATIVE = Tolerance(
    Quantity("circulation_share", (), "1", "circulation over the work done along the path"),
    1e-8,
    "a flow that descends a function does no net work on any closed path, to rounding; those that "
    "do not are off by 1e-2 and more on paths that go round a good part of the plane",
)
TURNED = np.pi / 2.0


class NotAGradientSettings(Settings, frozen=True, kw_only=True):
    """Settings of `NotAGradient`; the path is the boundary between radii ``inner`` and ``outer``.

    ``variances`` are those of correlated inputs along their two principal directions.
    """

    seeds: Count = 4
    layers: tuple[Count, ...] = (1, 2, 3, 4, 6)
    inner: float = 0.4
    outer: float = 1.3
    variances: tuple[float, float] = (3.0, 1.0)


class NotAGradient(Study):
    """The work that networks' end-to-end flow does round closed paths, against closed forms."""

    name: ClassVar[str] = "not-a-gradient"
    question: ClassVar[str] = (
        "Is learning in a deep linear network the descent of some function of the map it computes?"
    )
    message: ClassVar[str] = (
        "With three layers or more the flow does net work round closed paths, as much as the "
        "closed form says, so it descends no function of the map. With two layers it descends one "
        "if inputs are white, and none if they are correlated, which only some paths show."
    )
    source: ClassVar[tuple[str, ...]] = ("arora2018",)
    data: ClassVar[str] = "none: two inputs, one output"
    settings: ClassVar[type[Settings]] = NotAGradientSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return NotAGradientSettings()
        return NotAGradientSettings(seeds=16, layers=(1, 2, 3, 4, 5, 6, 7, 8))

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return white inputs over depth, correlated inputs on two paths, and layers unbalanced."""
        chosen = NotAGradientSettings.of(settings)
        arms = [Arm(_white(layers), _run(chosen, layers, np.pi)) for layers in chosen.layers]
        arms += [
            Arm(_coloured(layers), _run(chosen, layers, TURNED, chosen.variances, 0.0))
            for layers in (1, 2, 3)
        ]
        return (
            *arms,
            Arm(MISSED, _run(chosen, 2, np.pi, chosen.variances, 0.0)),
            Arm(UNBALANCED, _run(chosen, 3, np.pi, stretch=1.5)),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold the closed form against every arm, then ask of each whether it is conservative."""
        chosen = NotAGradientSettings.of(settings)
        closed = [_of_closed_form(label) for label in labels]
        white = [
            _of_conservation(_white(layers), "control" if layers > 2 else "test")
            for layers in chosen.layers
        ]
        coloured = [
            _of_conservation(_coloured(layers), "control" if layers > 1 else "test")
            for layers in (1, 2, 3)
        ]
        return (*closed, *white, *coloured, _of_conservation(MISSED, "test"))

    def figure(self, result: StudyResult) -> Figure:
        """Draw a flow with its path, and the share of work that does not cancel over depth."""
        chosen = NotAGradientSettings.of(result.settings)
        figure = Figure(figsize=(12.0, 4.4))
        grid = figure.add_gridspec(2, 3, height_ratios=(3, 1))
        _draw_flow(figure.add_subplot(grid[:, 0]), chosen)
        for column, (labels, title) in enumerate(
            (
                (
                    {layers: _white(layers) for layers in chosen.layers},
                    "white inputs, half-annulus",
                ),
                (
                    {layers: _coloured(layers) for layers in (1, 2, 3)},
                    "correlated inputs, quarter-annulus",
                ),
            ),
            start=1,
        ):
            shares, strip = (figure.add_subplot(grid[row, column]) for row in (0, 1))
            _draw_shares(shares, strip, result, labels, title)
            if column == 2:
                seen = np.mean(_share(result, MISSED))
                shares.plot([2], [seen], "x", color=COLOURS[4], ms=7, label="half-annulus")
                shares.legend(fontsize="x-small")
        headline(
            figure,
            "Depth is no descent of another loss: net work round closed paths, lines theory, marks "
            "networks",
        )
        return figure


MISSED = "2 layers, correlated inputs, half-annulus"
UNBALANCED = "control: 3 layers, not balanced"


def _white(layers: int) -> str:
    return f"{layers} layer{'s' if layers > 1 else ''}, white inputs"


def _coloured(layers: int) -> str:
    return f"{layers} layer{'s' if layers > 1 else ''}, correlated inputs"


def _run(
    settings: NotAGradientSettings,
    layers: int,
    angle: float,
    variances: tuple[float, float] = (1.0, 1.0),
    target: float = 1.0,
    stretch: float = 1.0,
) -> ContourRun:
    return ContourRun(
        layers,
        angle,
        variances,
        target,
        settings.inner,
        settings.outer,
        stretch=stretch,
        seeds=tuple(range(settings.seeds)),
    )


def _values(results: Results, label: str) -> tuple[np.ndarray, np.ndarray, float]:
    run = results[label]
    seen, work = (run.observation[q.name].values for q in (CIRCULATION, WORK))
    return seen, work, float(run.prediction[CIRCULATION.name].values)


def _of_closed_form(label: str) -> Judgement:
    def error(results: Results) -> Statistic:
        seen, work, expected = _values(results, label)
        gaps = np.abs(seen - expected) / work
        return mean_of(gaps)

    role = role_of(label)
    return Judgement(label, role, CLOSED_FORM, (label,), error)


def _of_conservation(label: str, role: Role) -> Judgement:
    def error(results: Results) -> Statistic:
        seen, work, _ = _values(results, label)
        return mean_of(np.abs(seen) / work)

    prefix = "control: " if role == "control" else ""
    return Judgement(f"{prefix}{label}, a potential", role, CONSERVATIVE, (label,), error)


def _share(result: StudyResult, label: str) -> np.ndarray:
    seen, work, _ = _values(result.results, label)
    return np.abs(seen) / work


def _draw_flow(axes: Axes, settings: NotAGradientSettings) -> None:
    """Draw minus the flow of four layers, and where along the half-annulus it does work."""
    field = single_output_field(4, lambda w: w - np.array([1.0, 0.0]))
    side = np.linspace(-1.5, 1.5, 16)
    places = np.stack(np.meshgrid(side, side[6:] + 0.1), axis=-1).reshape(-1, 2)
    arrows = -field(places)
    size = np.linalg.norm(arrows, axis=1, keepdims=True)
    arrows = arrows / np.sqrt(np.maximum(size, 1e-9))
    axes.quiver(*places.T, *arrows.T, color=COLOURS[5], width=0.004, alpha=0.8)
    path = annulus_sector(np.pi, settings.inner, settings.outer)
    work = np.sum(-field(path.points) * path.steps, axis=1) / np.linalg.norm(path.steps, axis=1)
    for sign, colour, label in ((1, COLOURS[2], "with the flow"), (-1, COLOURS[4], "against it")):
        part = path.points[work * sign > 0]
        axes.plot(*part.T, ".", color=colour, ms=5, label=label)
    axes.plot([1.0], [0.0], "*", color=ink(), ms=9, label="solution")
    axes.set(
        title="flow of 4 layers, and a closed path",
        xlabel="map, first input",
        ylabel="map, second input",
        aspect="equal",
        ylim=(-0.35, 2.05),
    )
    axes.legend(fontsize="x-small", loc="upper left", ncols=3)


def _draw_shares(
    shares: Axes, strip: Axes, result: StudyResult, labels: dict[int, str], title: str
) -> None:
    layers = np.array(list(labels))
    seen = np.array([np.mean(_share(result, label)) for label in labels.values()])
    expected, gaps = [], []
    for label in labels.values():
        circulation, work, closed = _values(result.results, label)
        expected.append(abs(closed) / np.mean(work))
        gaps.append(max(float(np.mean(np.abs(circulation - closed) / work)), 1e-17))
    shares.plot(layers, seen, MARKERS[0], color=COLOURS[0], ms=6)
    shares.plot(layers, expected, color=ink(), lw=1.1)
    shares.set(title=title, ylabel="net work over work")
    shares.set_ylim(-0.04 * seen.max(), 1.2 * seen.max())
    strip.semilogy(layers, gaps, MARKERS[0], color=COLOURS[0], ms=4)
    strip.axhline(CLOSED_FORM.error, color=ink(), lw=0.8, ls="--")
    strip.set(xlabel="layers", ylabel="|difference|", ylim=(1e-18, 1e-6))
    for axes in (shares, strip):
        axes.set_xticks(layers.tolist())
