"""Is double descent still there once a model is regularized as validation or theory says?"""

from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.double_descent.curve_panels import curve_table
from carnotlab.studies.double_descent.curves import CHOSEN_ERROR, TEST_ERROR, Curves, curves
from carnotlab.studies.double_descent.feature_curve import FeatureCurve
from carnotlab.studies.double_descent.image_data import image_tasks
from carnotlab.studies.double_descent.judging import (
    FEATURES,
    LINEAR,
    MISTAKEN,
    NETWORKS,
    SPHERE,
    name_in,
)
from carnotlab.studies.double_descent.network_curve import VALIDATION_ERROR, NetworkCurve
from carnotlab.studies.double_descent.peaks import distance_from_theory, peak_of, rise_at
from carnotlab.studies.double_descent.removed_panels import draw_removed
from carnotlab.studies.double_descent.sizes import (
    FULL_FEATURES,
    FULL_LINEAR_SAMPLES,
    LINEAR_SAMPLES,
    WidthSettings,
    arms_with_theory,
    at_full_size,
)
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Results,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
    role_of,
)

NO_RISE = Tolerance(
    Quantity("rise_at_peak", (), "1", "error at the peak over the least before it, less 1"),
    0.2,
    "the fifth by which the error without regularization must rise to be called a peak",
)
RIDGE_THEORY = Tolerance(
    Quantity("distance_from_theory", (), "1", "relative distance of errors at the best ridge"),
    0.1,
    "the error of one draw at the best ridge scatters by a quarter of itself, over the root of a "
    "few dozen draws 4 %; finite sizes add a few percent",
)
BEST, WITHOUT = "{}, {}", "control: {}, not regularized"
DECAY = "{}, weight decay {:g}"


class RemovedSettings(WidthSettings, frozen=True, kw_only=True):
    """Settings of `DoubleDescentRemoved`.

    Least squares on ``fixed`` inputs by number of samples ``linear_samples``; ``decays`` are
    strengths of weight decay of networks, of which validation samples choose one for each width and
    seed.
    """

    linear_samples: tuple[Count, ...] = LINEAR_SAMPLES
    decays: tuple[Positive, ...] = ()


class DoubleDescentRemoved(Study):
    """The best ridge, ridge chosen by leaving one out, early stopping and decay by validation."""

    name: ClassVar[str] = "double-descent-removed"
    question: ClassVar[str] = (
        "Does regularization, chosen without a look at test samples, remove the peak?"
    )
    message: ClassVar[str] = (
        "It does everywhere: at the best ridge of theory the error only falls, to the numbers that "
        "theory gives; a ridge chosen by leaving one out flattens random features of images; "
        "stopping where noisy validation samples say so flattens networks."
    )
    source: ClassVar[tuple[str, ...]] = ("hastie2022", "mei2022", "nakkiran2020", "advani2020")
    data: ClassVar[str] = "synthetic; digits (real); at full size MNIST and Fashion-MNIST (real)"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = RemovedSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return RemovedSettings()
        return at_full_size(
            RemovedSettings(
                linear_samples=FULL_LINEAR_SAMPLES,
                features=FULL_FEATURES,
                widths=(4, 6, 8, 12, 16, 24, 32, 48, 96),
                decays=(0.001, 0.003, 0.01),
                steps=1600,
            )
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return least squares, features and networks, each measured without and with."""
        own = RemovedSettings.of(settings)
        tasks, skipped = image_tasks(own.images, own.samples, own.held_out, own.data)
        few, _ = image_tasks(own.images, own.feature_samples, own.held_out, own.data)
        arms = arms_with_theory(own, "samples", own.linear_samples, "width")
        for name, task in few.items():
            curve = FeatureCurve(task, "width", own.features, own.seeds, own.label_noise)
            arms.append(Arm(FEATURES.format(name), curve))
        for name, task in tasks.items():
            label = NETWORKS.format(name)
            for decay in (0.0, *own.decays):
                curve = NetworkCurve(
                    task,
                    "width",
                    own.widths,
                    own.seeds,
                    own.label_noise,
                    steps=own.steps,
                    rate=own.rate,
                    decay=decay,
                )
                arms.append(Arm(DECAY.format(label, decay) if decay else label, curve))
        return tuple(arms), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge that the peak is there without regularization, and gone with it."""
        own = RemovedSettings.of(settings)
        found: list[Judgement] = []
        for label in (LINEAR, MISTAKEN, SPHERE):
            if label != MISTAKEN:
                found += _with_and_without(label, "best ridge")
            found.append(
                Judgement(
                    label,
                    role_of(label),
                    RIDGE_THEORY,
                    (label,),
                    lambda results, label=label: distance_from_theory(
                        results[label], quantity=CHOSEN_ERROR
                    ),
                )
            )
        for label in labels:
            if name_in(label, FEATURES) is not None:
                found += _with_and_without(label, "ridge by leaving one out")
            elif name_in(label, NETWORKS) is not None:
                found += _with_and_without(label, "stopped by validation")
                if own.decays:
                    found.append(_decayed(label, own))
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return peaks, what regularization leaves of them, and baselines."""
        return (curve_table(result.results, "double descent removed"),)

    def figure(self, result: StudyResult) -> Figure:
        """Draw error over size with and without regularization."""
        own = RemovedSettings.of(result.settings)
        return draw_removed(
            result.results,
            linear=own.fixed,
            sphere=3 * own.dimension,
            features=own.feature_samples,
        )


def _rise(values: Curves, place: int) -> Statistic:
    ratio = rise_at(values, place)
    return lambda rows: 1.0 / ratio(rows) - 1.0


def _with_and_without(label: str, how: str) -> list[Judgement]:
    def error(results: Results, quantity: Quantity) -> Statistic:
        return _rise(curves(results[label], quantity), peak_of(results[label]))

    return [
        Judgement(
            BEST.format(label, how),
            "test",
            NO_RISE,
            (label,),
            lambda results: error(results, CHOSEN_ERROR),
        ),
        Judgement(
            WITHOUT.format(label),
            "control",
            NO_RISE,
            (label,),
            lambda results: error(results, TEST_ERROR),
        ),
    ]


def _decayed(label: str, own: RemovedSettings) -> Judgement:
    names = (label, *(DECAY.format(label, decay) for decay in own.decays))

    def error(results: Results) -> Statistic:
        return _rise(_chosen([results[name] for name in names]), peak_of(results[label]))

    return Judgement(
        BEST.format(label, "weight decay by validation"), "test", NO_RISE, names, error
    )


def _chosen(runs: list[RunResult]) -> Curves:
    """Return the error of the run of least validation error, size by size and seed by seed."""
    best = np.stack([curves(run, VALIDATION_ERROR) for run in runs]).argmin(axis=0)
    errors = np.stack([curves(run) for run in runs])
    return np.take_along_axis(errors, best[None], axis=0)[0]
