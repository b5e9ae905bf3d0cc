"""Can more samples make a model worse, and at which number of them?"""

from dataclasses import replace
from typing import ClassVar

from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.experiment.losses import SquaredError
from carnotlab.studies.double_descent.curve_panels import curve_table, draw_curves
from carnotlab.studies.double_descent.feature_curve import FeatureCurve
from carnotlab.studies.double_descent.image_data import image_tasks
from carnotlab.studies.double_descent.judging import (
    CLEAN,
    FEATURES,
    LINEAR,
    NETWORKS,
    PAIR,
    SPHERE,
    Thresholds,
    judgements_of,
    name_in,
)
from carnotlab.studies.double_descent.network_curve import NetworkCurve
from carnotlab.studies.double_descent.sizes import (
    FULL_LINEAR_SAMPLES,
    LINEAR_SAMPLES,
    SizeSettings,
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


class InSamplesSettings(SizeSettings, frozen=True, kw_only=True):
    """Settings of `DoubleDescentInSamples`.

    Least squares on ``fixed`` inputs by number of samples ``linear_samples``; ``features`` random
    features on ``feature_samples`` images; networks of ``width`` units on ``samples`` images of
    ``networks``, for ``steps``, ``network_seeds`` times; networks of ``pair_width`` units on
    ``pair_samples`` images of two classes of ``pairs``, a share ``pair_noise`` of them wrong,
    ``pair_seeds`` times. Networks on true labels have a quarter of these seeds.
    """

    linear_samples: tuple[Count, ...] = LINEAR_SAMPLES
    features: Count = 300
    feature_samples: tuple[Count, ...] = (30, 75, 150, 220, 300, 400, 600, 950)
    networks: tuple[str, ...] = ()
    samples: tuple[Count, ...] = (125, 250, 500, 1000, 2000, 4000)
    width: Count = 12
    steps: Count = 2000
    network_seeds: Count = 24
    pairs: tuple[str, ...] = ()
    pair_samples: tuple[Count, ...] = (10, 20, 40, 80, 160, 320, 640, 1280)
    pair_width: Count = 16
    pair_noise: float = 0.1
    pair_seeds: Count = 128
    pair_steps: Count = 3000


class DoubleDescentInSamples(Study):
    """Least squares, random features and trained networks of one size on more and more samples."""

    name: ClassVar[str] = "double-descent-in-samples"
    question: ClassVar[str] = (
        "Does a model of fixed size get worse with more samples where it can just fit them?"
    )
    message: ClassVar[str] = (
        "It does: least squares and random features follow theory through the peak at as many "
        "samples as features, which a ridge removes. To networks on ten classes four times the "
        "samples bring little while they can be fitted; two classes, told apart from few samples, "
        "show a peak where labels are wrong. Stopped in time, networks have neither."
    )
    source: ClassVar[tuple[str, ...]] = ("hastie2022", "mei2022", "nakkiran2020")
    data: ClassVar[str] = "synthetic; digits (real); at full size MNIST (real)"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = InSamplesSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return InSamplesSettings()
        return at_full_size(
            InSamplesSettings(
                linear_samples=FULL_LINEAR_SAMPLES,
                feature_samples=(30, 75, 150, 200, 250, 300, 350, 450, 600, 950),
                networks=("mnist_20k_5k",),
                pairs=("mnist_20k_5k",),
            )
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return least squares, features and networks, and the controls."""
        own = InSamplesSettings.of(settings)
        most = max(own.feature_samples)
        few, skipped = image_tasks(own.images, most, own.held_out, own.data)
        tasks, missing = image_tasks(own.networks, max(own.samples), own.held_out)
        pairs, lacking = image_tasks(own.pairs, max(own.pair_samples), own.held_out, classes=(0, 1))
        arms = arms_with_theory(own, "samples", own.linear_samples, "samples")
        for name, task in few.items():
            curve = FeatureCurve(
                task, "samples", own.feature_samples, own.seeds, own.label_noise, own.features
            )
            arms.append(Arm(FEATURES.format(name), curve))
        for name, task in tasks.items():
            curve = NetworkCurve(
                task,
                "samples",
                own.samples,
                own.network_seeds,
                own.label_noise,
                own.width,
                steps=own.steps,
                rate=own.rate,
            )
            arms += _with_true_labels(name, curve)
        for name, task in pairs.items():
            curve = NetworkCurve(
                task,
                "samples",
                own.pair_samples,
                own.pair_seeds,
                own.pair_noise,
                own.pair_width,
                steps=own.pair_steps,
                loss=SquaredError(),
            )
            arms += _with_true_labels(PAIR.format(name), curve)
        return tuple(arms), tuple(dict.fromkeys((*skipped, *missing, *lacking)))

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge courses against theory, and rise, fall and place of each peak."""
        own = InSamplesSettings.of(settings)
        thresholds = Thresholds(own.fixed, 3 * own.dimension, own.features)
        found = [judgements_of(each, thresholds, rising=True, fall=True) for each in labels]
        return tuple(one for each in found for one in each)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return peaks and baselines."""
        return (curve_table(result.results, "double descent in samples"),)

    def figure(self, result: StudyResult) -> Figure:
        """Draw error over the number of samples at each level."""
        own = InSamplesSettings.of(result.settings)
        runs = result.results
        panels = [
            (LINEAR, f"{LINEAR}, {own.fixed} inputs", own.fixed),
            (SPHERE, f"{SPHERE}, {3 * own.dimension} features", 3 * own.dimension),
        ]
        for label in runs:
            name = name_in(label, FEATURES)
            if name is not None:
                panels.append((label, f"{own.features} Fourier features, {name}", own.features))
        panels += [
            (label, f"networks, {name}", 0)
            for label in runs
            if (name := name_in(label, NETWORKS)) is not None
        ]
        columns = (len(panels) + 1) // 2 if len(panels) > 3 else len(panels)
        rows = -(-len(panels) // columns)
        figure = Figure(figsize=(4.2 * columns, 3.3 * rows))
        grid = figure.add_gridspec(rows, columns)
        for index, (label, title, threshold) in enumerate(panels):
            clean = CLEAN.format(name_in(label, NETWORKS))
            draw_curves(
                figure.add_subplot(grid[index // columns, index % columns]),
                runs[label],
                title=title,
                xlabel="samples",
                threshold=threshold or None,
                controls=((runs[clean], "test, true labels\n(control)"),) if clean in runs else (),
            )
        headline(figure, "More samples hurt near as many samples as features (lines theory)")
        return figure


def _with_true_labels(name: str, curve: NetworkCurve) -> tuple[Arm, Arm]:
    """Return networks taught wrong labels, and the same on true ones as their control.

    A quarter of the starts shows that a control has no peak: without wrong labels it scatters less.
    """
    clean = replace(curve, label_noise=0.0, seeds=max(curve.seeds // 4, 2))
    return Arm(NETWORKS.format(name), curve), Arm(CLEAN.format(name), clean)
