"""Is structure learned before noise, and does theory say when to stop between them?"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.measures.losses import TEST_LOSS
from carnotlab.studies.data_folder import find_data, not_found
from carnotlab.studies.errors import average_course_error, observed, predicted
from carnotlab.studies.regression.course_run import CourseRun
from carnotlab.studies.regression.image_course_run import ImageCourseRun
from carnotlab.studies.regression.noisy_labels_run import RIGHT, WRONG, NoisyLabelsRun
from carnotlab.studies.regression.structure_panels import draw_course, draw_labels
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

LOST = Quantity("stopping_loss", (), "fraction", "error at theory's time above the least, over it")
LEAST = Quantity("least_error", (), "fraction", "least test error over that at the start")
WRONG_SHARE = Quantity(
    "wrong_over_right", (), "fraction", "wrong labels learned over right, at half of the right"
)

COURSE = Tolerance(
    TEST_LOSS,
    0.02,
    "corrections are a few times one over the number of inputs, 200; the error of a draw scatters "
    "by a tenth, over the root of 192 draws below 1 %",
)
IMAGE_COURSE = Tolerance(
    TEST_LOSS,
    0.05,
    "2500 held-out images fix an error to a percent and six draws to two; the theory takes "
    "images as Gaussian",
)
STOPPING = Tolerance(
    LOST,
    0.01,
    "error is flat to second order where it is least, and records are a tenth of a time apart",
)
WORTH = Tolerance(LEAST, 0.9, "learning that takes away less than a tenth is not worth the name")
NOISE_LAST = Tolerance(
    WRONG_SHARE,
    0.5,
    "learned alike they are in proportion, 1; chance alone repeats a tenth of them",
)

LAW, WHITE = "power law", "white inputs"
MISTAKEN = "control: power law taken for white"
IMAGES, SHUFFLED = "Fashion-MNIST", "control: Fashion-MNIST, shuffled classes"
IMAGES_WHITE = "control: Fashion-MNIST taken for white"
DIGITS, RANDOM = "digits, rectifier network", "control: digits, random labels"
STOP = "{}, stopped by theory"


class StructureSettings(Settings, frozen=True, kw_only=True):
    """Settings of `ImportantStructureFirst`; ``seeds`` are networks on digits.

    ``seeds`` times ``networks`` are draws of Gaussian samples, and ``seeds`` draws of images.
    """

    seeds: Count = 6
    networks: Count = 32
    inputs: Count = 200
    noise: Positive = 0.5
    steps: Count = 400
    images: Count = 200
    image_steps: Count = 1200
    wrong: Positive = 0.3
    width: Count = 128


class ImportantStructureFirst(Study):
    """Linear networks on Gaussian inputs and images, a nonlinear one on wrongly labelled digits."""

    name: ClassVar[str] = "important-structure-first"
    question: ClassVar[str] = (
        "Do networks learn structure before noise, and can theory tell from a spectrum when to "
        "stop?"
    )
    message: ClassVar[str] = (
        "Structure in directions of large variance is learned first and noise last, in linear "
        "networks by an exact course that names the time to stop, on images too. A rectifier "
        "network learns right labels before wrong ones. Without structure stopping gains nothing."
    )
    source: ClassVar[tuple[str, ...]] = ("advani2020", "ali2019", "bordelon2020")
    data: ClassVar[str] = "Gaussian inputs; Fashion-MNIST; digits with wrong labels"
    settings: ClassVar[type[Settings]] = StructureSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return StructureSettings()
        return StructureSettings(
            seeds=16, inputs=800, networks=6, steps=1600, image_steps=8000, width=1024
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return Gaussian inputs, images, digits, and the controls."""
        own = StructureSettings.of(settings)

        def gaussian(law: bool, networks: int, believed: Isotropic | None = None) -> CourseRun:
            return CourseRun(
                own.inputs,
                own.inputs // 2,
                PowerLaw(1.0) if law else Isotropic(),
                own.noise,
                steps=own.steps,
                draws=own.seeds * networks,
                believed=believed,
            )

        arms = [
            Arm(LAW, gaussian(True, own.networks)),
            Arm(WHITE, gaussian(False, own.networks)),
            Arm(MISTAKEN, gaussian(True, 4, Isotropic())),
        ]
        skipped: tuple[str, ...] = ()
        path = find_data("fashion_mnist_20k_5k.npz")
        if path is None:
            skipped = (not_found("fashion_mnist_20k_5k.npz", "nothing"),)
        else:
            given = str(path), own.images, own.seeds, own.image_steps
            arms += [
                Arm(IMAGES, ImageCourseRun(*given)),
                Arm(SHUFFLED, ImageCourseRun(*given, shuffled=True)),
                Arm(IMAGES_WHITE, ImageCourseRun(*given, white=True)),
            ]
        for label, wrong in ((DIGITS, own.wrong), (RANDOM, 0.9)):
            arms.append(Arm(label, NoisyLabelsRun(noise=wrong, width=own.width, seeds=own.seeds)))
        return tuple(arms), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge courses, stopping times, what learning is worth, and the order of labels."""
        del settings
        found: list[Judgement] = []
        for label in labels:
            role: Role = "control" if label.startswith("control") else "test"
            if label in (DIGITS, RANDOM):
                found.append(Judgement(label, role, NOISE_LAST, (label,), _order(label)))
                continue
            if label == SHUFFLED:
                found.append(Judgement(label, role, WORTH, (label,), _least(label)))
                continue
            tolerance = IMAGE_COURSE if "Fashion" in label else COURSE
            found.append(Judgement(label, role, tolerance, (label,), _course(label)))
            if role == "test":
                stop = Judgement(STOP.format(label), role, STOPPING, (label,), _stopped(label))
                found.append(stop)
            if label == IMAGES:
                found.append(Judgement(label, role, WORTH, (label,), _least(label)))
        return tuple(found)

    def figure(self, result: StudyResult) -> Figure:
        """Draw test error over time with theory's stopping times, and labels learned."""
        runs = result.results
        figure = Figure(figsize=(12.5, 3.9))
        panels = [(LAW, WHITE, MISTAKEN)]
        if IMAGES in runs:
            panels.append((IMAGES, SHUFFLED, IMAGES_WHITE))
        axes = figure.subplots(1, len(panels) + 1)
        for panel, (first, second, third) in zip(axes, panels, strict=False):
            draw_course(panel, {first: runs[first], second: runs[second]}, runs[third])
        draw_labels(axes[-1], runs[DIGITS], runs[RANDOM])
        figure.suptitle(
            "Structure is learned before noise, and theory says when to stop", x=0.01, ha="left"
        )
        return figure


def _course(label: str) -> Error:
    return lambda results: average_course_error(results[label], TEST_LOSS)


def _stopped(label: str) -> Error:
    def error(results: Results) -> Statistic:
        seen = observed(results[label], TEST_LOSS)
        stop = int(np.argmin(predicted(results[label], TEST_LOSS)[0]))

        def statistic(rows: Rows) -> float:
            mean = seen[rows].mean(axis=0)
            return float(mean[stop] / mean.min()) - 1.0

        return statistic

    return error


def _least(label: str) -> Error:
    def error(results: Results) -> Statistic:
        seen = observed(results[label], TEST_LOSS)

        def statistic(rows: Rows) -> float:
            mean = seen[rows].mean(axis=0)
            return float(mean.min() / mean[0])

        return statistic

    return error


def _order(label: str) -> Error:
    def error(results: Results) -> Statistic:
        right, wrong = observed(results[label], RIGHT), observed(results[label], WRONG)

        def statistic(rows: Rows) -> float:
            learned = right[rows].mean(axis=0)
            half = int(np.argmax(learned >= 0.5 * learned[-1]))
            return float(wrong[rows].mean(axis=0)[half] / learned[half])

        return statistic

    return error
