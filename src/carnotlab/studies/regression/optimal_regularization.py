"""Does theory know the best ridge, and the learning curves of ridge regression on real images?"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.studies.data_folder import find_data, not_found
from carnotlab.studies.regression.image_ridge_run import (
    AT_BEST,
    BASELINE,
    BY_SAMPLES,
    ImageRidgeRun,
)
from carnotlab.studies.regression.ridge_panels import draw_choices, draw_images, draw_ridges
from carnotlab.studies.regression.ridge_run import AT_THEORY, AT_VALIDATED, BY_RIDGE, RidgeRun
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
from carnotlab.tasks.spectra import Isotropic, PowerLaw

Error = Callable[[Results], Statistic]

LOST = Quantity("error_lost", (), "fraction", "test error above the least on a grid, over it")
CURVE = Quantity("curve_error", (), "fraction", "root mean square of measured over predicted, - 1")
WORST = Quantity(
    "worst_size_error", (), "1", "largest logarithm of measured over predicted, up or down"
)

CHOSEN = Tolerance(
    LOST,
    0.01,
    "the error is flat to second order at its least: a ridge that is wrong by a fifth loses less "
    "than a percent",
)
AS_GOOD = Tolerance(
    LOST,
    0.01,
    "knowing spectrum, teacher and noise cannot be worse than estimating the error from the sample",
)
CURVES = Tolerance(
    CURVE,
    0.05,
    "errors of one draw of 200 inputs scatter by the root of 2/200, a tenth, and twice that at "
    "small ridges near the threshold; over the root of 66 draws 2.5 %",
)
IMAGES = Tolerance(
    WORST,
    0.05,
    "2500 held-out images fix a mean error to a percent, six draws of few samples to two; the "
    "theory takes images as Gaussian",
)

WHITE, QUIET, LOUD = "white, {:g} samples per input", "power law, quiet teacher", "power law"
VALIDATED = "{}, against leaving one out"
MISTAKEN = "control: power law, quiet teacher, taken for white"
NONE = "control: no ridge, one sample per input"
IMAGE, IMAGE_ONE = "{}, best ridge", "{}, ridge of 1"
IMAGE_WHITE, IMAGE_NONE = "control: {}, taken for white", "control: {}, no ridge"


class RegularizationSettings(Settings, frozen=True, kw_only=True):
    """Settings of `OptimalRegularization`; ``seeds`` are draws of images.

    Of Gaussian inputs there are ``draws`` to each of them.

    ``ratios`` are samples per input, ``sizes`` numbers of images of each set in ``images``.
    """

    seeds: Count = 6
    draws: Count = 11
    inputs: Count = 200
    ratios: tuple[Positive, ...] = (0.5, 1.0, 2.0)
    noise: Positive = 0.5
    ridges: Count = 61
    images: tuple[str, ...] = ("fashion_mnist",)
    sizes: tuple[Count, ...] = (50, 100, 150, 196, 250, 400, 1000)


class OptimalRegularization(Study):
    """Ridge at every penalty, on Gaussian inputs and on images, against random matrices."""

    name: ClassVar[str] = "optimal-regularization"
    question: ClassVar[str] = (
        "Does theory find the best ridge, and does the spectrum of real images predict how ridge "
        "regression on them learns?"
    )
    message: ClassVar[str] = (
        "The ridge that theory names from spectrum, teacher and noise is as good as any on a dense "
        "grid, and better than validation. Fed with the spectrum of images it predicts their "
        "learning curves at every number of samples; without a ridge their heavy tails break it."
    )
    source: ClassVar[tuple[str, ...]] = ("dobriban2018", "bordelon2020", "hastie2022")
    data: ClassVar[str] = "Gaussian inputs; Fashion-MNIST, at full size MNIST too"
    settings: ClassVar[type[Settings]] = RegularizationSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return RegularizationSettings()
        return RegularizationSettings(
            inputs=800,
            ratios=(0.25, 0.5, 1.0, 2.0, 4.0),
            ridges=121,
            images=("fashion_mnist", "mnist"),
            sizes=(30, 50, 75, 100, 150, 180, 196, 215, 250, 400, 700, 1000, 2000, 5000),
            seeds=24,
            draws=3,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return white and power-law inputs, images, and the controls."""
        own = RegularizationSettings.of(settings)
        n, law = 2 * own.inputs, PowerLaw(1.2)

        def run(
            samples: int,
            law: PowerLaw | None = None,
            alignment: float = 0.0,
            believed: Isotropic | None = None,
        ) -> RidgeRun:
            spectrum = law or Isotropic()
            rest = own.noise, own.seeds * own.draws, own.ridges, believed
            return RidgeRun(own.inputs, samples, spectrum, alignment, *rest)

        arms = [Arm(WHITE.format(a), run(round(a * own.inputs))) for a in own.ratios]
        arms += [
            Arm(LOUD, run(n, law, 0.5)),
            Arm(QUIET, run(n, law, -1.0)),
            Arm(MISTAKEN, run(n, law, -1.0, Isotropic())),
        ]
        skipped: list[str] = []
        for name in own.images:
            path = find_data(f"{name}_20k_5k.npz")
            if path is None:
                skipped.append(not_found(f"{name}_20k_5k.npz", "nothing"))
                continue
            for white in (False, True):
                found = ImageRidgeRun(
                    str(path),
                    own.sizes,
                    (0.0, 0.01, 0.1, 1.0),
                    tuple(range(own.seeds)),
                    white=white,
                    baselines=not white,
                )
                arms.append(Arm(IMAGE_WHITE.format(name) if white else name, found))
        return tuple(arms), tuple(skipped)

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge the ridge chosen, the curves over ridges, and learning curves of images."""
        own = RegularizationSettings.of(settings)
        found: list[Judgement] = []
        for label in labels:
            if label in own.images:
                found += [
                    _images(IMAGE.format(label), "test", label, None),
                    _images(IMAGE_ONE.format(label), "test", label, 1.0),
                    _images(IMAGE_NONE.format(label), "control", label, 0.0),
                ]
            elif any(label == IMAGE_WHITE.format(name) for name in own.images):
                found.append(_images(label, "control", label, None))
            elif label == MISTAKEN:
                found += [
                    Judgement(label, "control", CHOSEN, (label,), _lost(label)),
                    Judgement(label, "control", CURVES, (label,), _curve(label)),
                ]
            else:
                found += [
                    Judgement(label, "test", CHOSEN, (label,), _lost(label)),
                    Judgement(label, "test", CURVES, (label,), _curve(label)),
                    Judgement(
                        VALIDATED.format(label), "test", AS_GOOD, (label,), _than_validated(label)
                    ),
                ]
        one = WHITE.format(1.0)
        if one in labels:
            found.append(Judgement(NONE, "control", CHOSEN, (one,), _lost(one, unregularized=True)))
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return the linear baselines on images, errors of classes."""
        own = RegularizationSettings.of(result.settings)
        table = Table("images", "samples", "ridge", "logistic", title="held-out errors of classes")
        for name in own.images:
            if name in result.results:
                ridge, logistic = result.results[name].observation[BASELINE.name].values
                table.add_row(name, str(max(own.sizes)), f"{ridge:.3f}", f"{logistic:.3f}")
        return (table,) if table.row_count else ()

    def figure(self, result: StudyResult) -> Figure:
        """Draw errors over ridges, what choices of ridge lose, and learning curves of images."""
        own = RegularizationSettings.of(result.settings)
        runs = result.results
        images = [name for name in own.images if name in runs]
        figure = Figure(figsize=(12.5, 3.9 if len(images) < 2 else 7.6))
        grid = figure.subplots(1 if len(images) < 2 else 2, 3 if images else 2, squeeze=False)
        axes = list(grid.ravel())
        middle = [WHITE.format(a) for a in own.ratios]
        draw_ridges(axes[0], {label: runs[label] for label in middle})
        ways = {label: runs[label] for label in (*middle, LOUD, QUIET)}
        draw_choices(axes[1], ways, runs[MISTAKEN])
        for panel, name in zip(axes[2:], images, strict=False):
            draw_images(panel, name, runs[name], runs[IMAGE_WHITE.format(name)])
        for panel in axes[2 + len(images) :]:
            panel.set_axis_off()
        figure.suptitle(
            "Theory names the best ridge, and predicts learning from the spectrum of images",
            x=0.01,
            ha="left",
        )
        return figure


def _lost(label: str, *, unregularized: bool = False) -> Error:
    def error(results: Results) -> Statistic:
        seen = results[label].observation
        curves = seen[BY_RIDGE.name].transpose("seed", "ridge").values
        # The smallest ridge of the grid, a thousandth of the mean variance, stands for none.
        at = curves[:, 0] if unregularized else seen[AT_THEORY.name].values
        return lambda rows: max(float(at[rows].mean() / curves[rows].mean(axis=0).min()) - 1.0, 0.0)

    return error


def _than_validated(label: str) -> Error:
    def error(results: Results) -> Statistic:
        seen = results[label].observation
        at, other = seen[AT_THEORY.name].values, seen[AT_VALIDATED.name].values
        return lambda rows: max(float(at[rows].mean() / other[rows].mean()) - 1.0, 0.0)

    return error


def _curve(label: str) -> Error:
    def error(results: Results) -> Statistic:
        curves = results[label].observation[BY_RIDGE.name].transpose("seed", "ridge").values
        ratios = curves / results[label].prediction[BY_RIDGE.name].values

        def statistic(rows: Rows) -> float:
            return float(np.sqrt(np.mean((ratios[rows].mean(axis=0) - 1.0) ** 2)))

        return statistic

    return error


def _images(label: str, role: Role, arm: str, strength: float | None) -> Judgement:
    def error(results: Results) -> Statistic:
        quantity = AT_BEST if strength is None else BY_SAMPLES
        seen = results[arm].observation[quantity.name]
        expected = results[arm].prediction[quantity.name]
        if strength is not None:
            seen, expected = seen.sel(strength=strength), expected.sel(strength=strength)
        # With as many samples as pixels that vary and no ridge, theory says infinite.
        finite = np.isfinite(expected.values)
        ratios = (seen.transpose("seed", "samples").values / expected.values)[:, finite]

        def statistic(rows: Rows) -> float:
            # Without a ridge single draws are thousands of times off: their mean has no spread
            # to speak of, its logarithm has.
            return float(np.max(np.abs(np.log(ratios[rows].mean(axis=0)))))

        return statistic

    return Judgement(label, role, IMAGES, (arm,), error)
