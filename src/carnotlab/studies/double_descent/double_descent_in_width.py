"""Does test error fall, rise and fall again as a model grows, and where is the peak?"""

from typing import ClassVar

from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.studies.double_descent.curve_panels import curve_table, draw_curves
from carnotlab.studies.double_descent.feature_curve import FeatureCurve
from carnotlab.studies.double_descent.image_data import image_tasks
from carnotlab.studies.double_descent.judging import (
    CLEAN,
    FEATURES,
    LINEAR,
    NETWORKS,
    SPHERE,
    Thresholds,
    judgements_of,
    name_in,
)
from carnotlab.studies.double_descent.network_curve import NetworkCurve
from carnotlab.studies.double_descent.sizes import (
    FULL_FEATURES,
    WidthSettings,
    arms_with_theory,
    at_full_size,
)
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Settings,
    Size,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline


class InWidthSettings(WidthSettings, frozen=True, kw_only=True):
    """Settings of `DoubleDescentInWidth`.

    Least squares of ``inputs`` on ``fixed`` samples; networks on true labels have up to
    ``widest_control`` units, which is enough to see a peak at the same place. With ``fall`` the
    last descent of networks is judged too, which needs wide ones.
    """

    inputs: tuple[Count, ...] = (12, 24, 36, 48, 75, 100, 150, 300)
    widest_control: Count = 64
    fall: bool = False


class DoubleDescentInWidth(Study):
    """Least squares, random features and trained networks of growing size on fixed samples."""

    name: ClassVar[str] = "double-descent-in-width"
    question: ClassVar[str] = (
        "Does test error fall, rise to a peak where the samples can just be fitted, and fall again "
        "as a model grows?"
    )
    message: ClassVar[str] = (
        "It does in least squares and random features as theory says, number by number, and in "
        "trained networks with wrong labels, near the first width that fits them. Networks on true "
        "labels show no peak; random features show one even so, and lose it by a ridge."
    )
    source: ClassVar[tuple[str, ...]] = ("hastie2022", "mei2022", "belkin2019", "nakkiran2020")
    data: ClassVar[str] = "synthetic; digits (real); at full size MNIST and Fashion-MNIST (real)"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = InWidthSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return InWidthSettings()
        return at_full_size(
            InWidthSettings(
                inputs=(20, 40, 60, 80, 90, 110, 120, 150, 200, 400, 1000),
                features=FULL_FEATURES,
                widths=(4, 6, 8, 12, 16, 24, 32, 48, 96, 192, 384),
                steps=1600,
                fall=True,
            )
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return least squares, features and networks, and the controls."""
        own = InWidthSettings.of(settings)
        tasks, skipped = image_tasks(own.images, own.samples, own.held_out, own.data)
        few, _ = image_tasks(own.images, own.feature_samples, own.held_out, own.data)
        arms = arms_with_theory(own, "width", own.inputs, "width")
        for name, task in few.items():
            curve = FeatureCurve(task, "width", own.features, own.seeds, own.label_noise)
            arms.append(Arm(FEATURES.format(name), curve))
        for name, task in tasks.items():
            narrow = tuple(width for width in own.widths if width <= own.widest_control)
            for label, widths, noise in (
                (NETWORKS, own.widths, own.label_noise),
                (CLEAN, narrow, 0.0),
            ):
                curve = NetworkCurve(
                    task, "width", widths, own.seeds, noise, steps=own.steps, rate=own.rate
                )
                arms.append(Arm(label.format(name), curve))
        return tuple(arms), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge courses against theory, and rise, fall and place of each peak."""
        own = InWidthSettings.of(settings)
        thresholds = Thresholds(own.fixed, 3 * own.dimension, own.feature_samples)
        found = [judgements_of(each, thresholds, rising=False, fall=own.fall) for each in labels]
        return tuple(one for each in found for one in each)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return peaks and baselines."""
        return (curve_table(result.results, "double descent in width"),)

    def figure(self, result: StudyResult) -> Figure:
        """Draw error over size at the three levels."""
        own = InWidthSettings.of(result.settings)
        runs = result.results
        names = [name for label in runs if (name := name_in(label, NETWORKS)) is not None]
        figure = Figure(figsize=(4.2 * (1 + len(names)), 6.6))
        grid = figure.add_gridspec(2, 1 + len(names))
        draw_curves(
            figure.add_subplot(grid[0, 0]),
            runs[LINEAR],
            title=f"{LINEAR}, {own.fixed} samples",
            xlabel="inputs",
            threshold=own.fixed,
        )
        draw_curves(
            figure.add_subplot(grid[1, 0]),
            runs[SPHERE],
            title=f"{SPHERE}, {3 * own.dimension} samples",
            xlabel="features",
            threshold=3 * own.dimension,
        )
        for column, name in enumerate(names, 1):
            draw_curves(
                figure.add_subplot(grid[0, column]),
                runs[FEATURES.format(name)],
                title=f"Fourier features, {name}",
                xlabel=f"features ({own.feature_samples} samples)",
                threshold=own.feature_samples,
            )
            draw_curves(
                figure.add_subplot(grid[1, column]),
                runs[NETWORKS.format(name)],
                title=f"networks, {name}",
                xlabel=f"hidden units ({own.samples} samples, {own.label_noise:.0%} wrong)",
                controls=((runs[CLEAN.format(name)], "test, true labels\n(control)"),),
            )
        headline(
            figure,
            "Test error peaks where samples can just be fitted (lines theory, dotted thresholds)",
        )
        return figure
