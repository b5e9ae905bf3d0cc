"""Does test error fall, rise and fall again while one model is trained?"""

from typing import ClassVar

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.double_descent.curves import Curves, curves, expected, sizes_of
from carnotlab.studies.double_descent.image_data import image_tasks
from carnotlab.studies.double_descent.judging import NETWORKS, name_in
from carnotlab.studies.double_descent.network_curve import COURSE, NetworkCurve
from carnotlab.studies.double_descent.peaks import bump, rise
from carnotlab.studies.double_descent.two_scale_run import TwoScaleRun
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Results,
    Rows,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
)
from carnotlab.studies.style import draw_experiment, draw_theory, headline

COURSE_ERROR = Tolerance(
    Quantity("course_error", (), "1", "relative distance of the mean course from theory, r.m.s."),
    0.05,
    "the error of one draw scatters by a tenth around a mean that finite sizes move by 1/400: "
    "over the root of 24 draws 2 %, and about twice that where the interval ends",
)
SECOND_FALL = Tolerance(
    Quantity("end_over_peak", (), "1", "least error behind the peak over the error there"),
    1.0 / 1.25,
    "a second fall by a fifth is far beyond the scatter of a mean course",
)
NO_BUMP = Tolerance(
    Quantity(
        "bump", (), "fraction", "rise before a peak or fall behind it, the smaller, over the peak"
    ),
    0.1,
    "a tenth of the error at the peak, half of which mean courses of five networks on 800 images "
    "can show by chance at their worst width and step",
)
TWO, ONE = "two scales", "control: a step size for each feature"
CONTROL_BUMP = "control: two scales"


class InTimeSettings(Settings, frozen=True, kw_only=True):
    """Settings of `DoubleDescentInTime`.

    Least squares with ``features`` of each scale on ``least_squares_samples`` for ``duration``
    steps; networks of ``widths`` on ``samples`` images of each of ``images``, with each of
    ``label_noise``, for ``steps`` of Adam at ``rate``.
    """

    seeds: Count = 4
    draws: Count = 6
    features: Count = 100
    least_squares_samples: Count = 400
    duration: Count = 2000
    images: tuple[str, ...] = ("digits",)
    samples: Count = 300
    held_out: Count = 800
    label_noise: tuple[float, ...] = (0.2,)
    widths: tuple[Count, ...] = (4, 8, 16)
    steps: Count = 1000
    rate: Positive = 0.01


class DoubleDescentInTime(Study):
    """Two-scale least squares step by step, and a search among trained networks."""

    name: ClassVar[str] = "double-descent-in-time"
    question: ClassVar[str] = (
        "Does test error fall twice in the course of training, and where is that to be found?"
    )
    message: ClassVar[str] = (
        "Least squares on features of two scales falls twice exactly as computed: each scale is "
        "learned, then overfitted, in its own time. With a step size for each feature one fall is "
        "left. No network looked at here, of any width or share of wrong labels, fell twice."
    )
    source: ClassVar[tuple[str, ...]] = ("nakkiran2020", "advani2020")
    data: ClassVar[str] = "synthetic; digits (real); at full size MNIST and Fashion-MNIST (real)"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = InTimeSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return InTimeSettings()
        return InTimeSettings(
            seeds=5,
            draws=12,
            images=("digits", "mnist_20k_5k", "fashion_mnist_20k_5k"),
            samples=900,
            label_noise=(0.0, 0.2, 0.4),
            widths=(4, 8, 16, 32, 64),
            steps=3000,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return least squares with one step size and with many, and networks by noise."""
        own = InTimeSettings.of(settings)
        tasks, skipped = image_tasks(own.images, own.samples, own.held_out, own.data)

        def least_squares(by_feature: bool) -> TwoScaleRun:
            return TwoScaleRun(
                own.seeds * own.draws,
                own.features,
                own.least_squares_samples,
                duration=own.duration,
                steps_by_feature=by_feature,
            )

        arms = [Arm(TWO, least_squares(False)), Arm(ONE, least_squares(True))]
        for name, task in tasks.items():
            for noise in own.label_noise:
                curve = NetworkCurve(
                    task, "width", own.widths, own.seeds, noise, steps=own.steps, rate=own.rate
                )
                arms.append(Arm(NETWORKS.format(f"{name} ({noise:.0%} wrong)"), curve))
        return tuple(arms), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge the course against theory, the second fall, and that networks have none."""
        del settings
        found = [
            Judgement(TWO, "test", COURSE_ERROR, (TWO,), lambda r: _distance(r[TWO])),
            Judgement(TWO, "test", SECOND_FALL, (TWO,), lambda r: _fall(curves(r[TWO]))),
            Judgement(ONE, "control", SECOND_FALL, (ONE,), lambda r: _fall(curves(r[ONE]))),
            Judgement(CONTROL_BUMP, "control", NO_BUMP, (TWO,), lambda r: _bump(curves(r[TWO]))),
        ]
        for label in labels:
            if name_in(label, NETWORKS) is not None:

                def most(results: Results, label: str = label) -> Statistic:
                    return _largest_bump(results[label])

                found.append(Judgement(label, "test", NO_BUMP, (label,), most))
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return what was looked for and what was found, width by width."""
        table = Table("arm", "width", "least", "then most", "then least", title="two falls in time")
        for label, run in result.results.items():
            if COURSE.name not in run.observation:
                table.add_row(label, "-", *_extrema(curves(run).mean(axis=0)))
                continue
            for index, size in enumerate(sizes_of(run)):
                table.add_row(label, f"{size:g}", *_extrema(_course(run)[:, index].mean(axis=0)))
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw courses of least squares with theory, and of networks by width."""
        runs = result.results
        networks = [label for label in runs if name_in(label, NETWORKS) is not None]
        rows = 2 if len(networks) < 5 else 3
        columns = 1 + -(-len(networks) // rows)
        figure = Figure(figsize=(4.0 * columns, 3.2 * rows))
        grid = figure.add_gridspec(rows, columns)
        for row, label in enumerate((TWO, ONE)):
            axes = figure.add_subplot(grid[row, 0])
            time, run = sizes_of(runs[label])[1:], runs[label]
            draw_experiment(axes, time, curves(run)[:, 1:], row, "least squares")
            draw_theory(axes, time, expected(run)[1:], label="theory")
            axes.set(title=label, xlabel="steps", ylabel="excess error", xscale="log")
            axes.legend(fontsize="x-small")
        for index, label in enumerate(networks):
            axes = figure.add_subplot(grid[index % rows, 1 + index // rows])
            _draw_networks(axes, label, runs[label])
        headline(figure, "Two scales fall twice, as computed; networks fall once")
        return figure


def _draw_networks(axes: Axes, label: str, run: RunResult) -> None:
    steps = np.asarray(run.observation["step"].values)[1:]
    for index, width in enumerate(sizes_of(run)):
        draw_experiment(axes, steps, _course(run)[:, index, 1:], index, f"{width:g} units")
    axes.set(title=label, xlabel="steps", ylabel="test error", xscale="log", ylim=(0.0, None))
    axes.legend(fontsize="x-small")


def _course(run: RunResult) -> Float[np.ndarray, "seed size step"]:
    return np.asarray(run.observation[COURSE.name].values, dtype=np.float64)


def _extrema(mean: Float[np.ndarray, " step"]) -> tuple[str, str, str]:
    at = rise(mean)[1]
    return f"{mean[: at + 1].min():.3f}", f"{mean[at]:.3f}", f"{mean[at:].min():.3f}"


def _fall(values: Curves) -> Statistic:
    """Return the least error behind the peak over the error there; 1 where nothing rises."""

    def statistic(rows: Rows) -> float:
        mean = values[rows].mean(axis=0)
        peak = rise(mean)[1]
        return float(mean[peak:].min() / mean[peak]) if peak else 1.0

    return statistic


def _bump(values: Curves) -> Statistic:
    return lambda rows: bump(values[rows].mean(axis=0))[0]


def _largest_bump(run: RunResult) -> Statistic:
    bumps = [_bump(_course(run)[:, index]) for index in range(run.observation.sizes["size"])]
    return lambda rows: max(each(rows) for each in bumps)


def _distance(run: RunResult) -> Statistic:
    values, theory = curves(run), expected(run)
    return lambda rows: float(np.sqrt(np.mean((values[rows].mean(axis=0) / theory - 1.0) ** 2)))
