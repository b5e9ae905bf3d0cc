"""What does it change to start from orthogonal rather than from Gaussian weights, and what not?"""

from typing import ClassVar

from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.measures.jacobian import JACOBIAN_SPREAD
from carnotlab.measures.kernel_change import TANGENT_KERNEL
from carnotlab.measures.learned_share import LEARNED_SHARE
from carnotlab.studies.infinite_width.orthogonal_arms import (
    SPECTRA,
    STARTS,
    UNSCALED,
    OrthogonalSettings,
    deep_arm,
    deep_label,
    kernel_arm,
    lazy_arm,
    spectrum_arm,
    spectrum_label,
    unscaled_arm,
)
from carnotlab.studies.infinite_width.orthogonal_gaps import (
    course_difference,
    kernel_difference,
    spread,
    spread_gap,
    time_growth,
)
from carnotlab.studies.infinite_width.orthogonal_panels import (
    draw_kernels,
    draw_spreads,
    draw_times,
)
from carnotlab.studies.infinite_width.width_gaps import exponent_of, kernel_gap
from carnotlab.studies.study import (
    Arm,
    Judgement,
    Results,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline

SPREAD = Tolerance(
    JACOBIAN_SPREAD,
    0.15,
    "free probability holds at infinite width; at width 128 the exact second moment of a product "
    "of 8 Gaussian matrices is 3 % off, and at most twice that where units fluctuate as well; "
    "second moments of one network scatter by 6 to 10 %, of the mean over sixteen by 2.5 %",
)
ISOMETRY = Tolerance(
    Quantity("distance_from_isometry", (), "1", "relative variance of squared singular values"),
    0.1,
    "a variance of 0.1 keeps squared singular values within a third of their mean; a single "
    "Gaussian or rectifying layer has a variance of 1",
)
KERNEL_SLOPE = Tolerance(
    Quantity("kernel_gap_exponent", (), "1", "power of width in the kernel's distance, minus -1/2"),
    0.15,
    "a sum over width independent units fluctuates as width^(-1/2), and orthogonal entries depend "
    "on each other by 1 / width only; over a factor of eight in width a correction of relative "
    "order width^(-1/2) bends the line by 0.1, and sampling sixteen networks by 0.05",
)
KERNEL_DIFFERENCE = Tolerance(
    TANGENT_KERNEL,
    0.05,
    "each network's kernel is off by about 1 / width^(1/2) = 0.06, the difference of two means "
    "over sixteen by the root of 2/16 of that, 0.02; what is not random is of order 1 / width",
)
LAZY_COURSE = Tolerance(
    LEARNED_SHARE,
    0.05,
    "the share learned at a time depends smoothly on the kernel, which both starts share up to 2 % "
    "in the mean, and on outputs at the start, whose loss is a tenth to a fifth of the targets' "
    "and scatters by a fifth of itself from start to start",
)
TIME_GROWTH = Tolerance(
    Quantity("learning_time_exponent", (), "1", "power of depth in the shortest learning time"),
    0.25,
    "halfway between a time that does not grow and one that grows as the root of depth, the "
    "slowest growth known of starts without isometry; a grid of rates with factors of four blurs "
    "each time by up to a factor of two, as much at any depth",
)


class OrthogonalOrGaussian(Study):
    """Orthogonal against Gaussian starts: spectra at any depth, kernels at any width, training."""

    name: ClassVar[str] = "orthogonal-or-gaussian"
    question: ClassVar[str] = (
        "What does it change to start from orthogonal instead of Gaussian weights, and what not?"
    )
    message: ClassVar[str] = (
        "Orthogonal weights keep all directions of the input alike through any number of nearly "
        "linear layers, and deep networks then learn as fast as shallow ones; rectifiers undo it. "
        "At infinite width the kernel is the same, and so is lazy learning."
    )
    source: ClassVar[tuple[str, ...]] = ("saxe2014", "pennington2017", "huang2021")
    data: ClassVar[str] = "scikit-learn's digits (real); Gaussian inputs"
    settings: ClassVar[type[Settings]] = OrthogonalSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return OrthogonalSettings()
        return OrthogonalSettings(
            width=256,
            layers=(2, 4, 8, 12),
            widths=(64, 128, 256, 512, 1024),
            depths=(4, 8, 16, 32, 64),
            rates=(0.012, 0.024, 0.048, 0.096, 0.192, 0.384, 0.768),
            steps=512,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return spectra over depth, kernels over width, lazy training, and deep training."""
        chosen = OrthogonalSettings.of(settings)
        arms = [
            spectrum_arm(chosen, unit, start, layers)
            for unit, start in SPECTRA
            for layers in chosen.layers
        ]
        for start in STARTS:
            arms += [kernel_arm(chosen, start, width) for width in chosen.widths]
            arms.append(lazy_arm(chosen, start))
            arms += [
                deep_arm(chosen, start, depth, rate)
                for depth in chosen.depths
                for rate in chosen.rates
            ]
        arms += [unscaled_arm(chosen, width) for width in chosen.widths]
        return tuple(arms), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge spectra, kernels of both starts and between them, lazy courses, learning times."""
        del labels
        chosen = OrthogonalSettings.of(settings)
        deepest, widest = chosen.layers[-1], chosen.widths[-1]
        spreads = [
            _of_spread(spectrum_label(unit, start, layers))
            for unit, start in SPECTRA
            for layers in chosen.layers
        ]
        isometry = [
            _of_isometry(unit, start, deepest)
            for unit, start in SPECTRA
            if (unit, start) != ("tanh", "Gaussian")
        ]
        slopes = [
            _of_kernel_slope(chosen, kind)
            for kind in ("Gaussian kernel", "orthogonal kernel", UNSCALED)
        ]
        pairs = (f"Gaussian kernel, width {widest}", f"orthogonal kernel, width {widest}")
        wrong = (f"Gaussian kernel, width {widest}", f"{UNSCALED}, width {widest}")
        rate = chosen.rates[len(chosen.rates) // 2]
        deep = tuple(deep_label(start, chosen.depths[-1], rate) for start in STARTS)
        return (
            *spreads,
            *isometry,
            *slopes,
            _between("Gaussian and orthogonal kernel", KERNEL_DIFFERENCE, pairs),
            _between("control: Gaussian and unscaled kernel", KERNEL_DIFFERENCE, wrong, "control"),
            _between("lazy, both starts", LAZY_COURSE, ("lazy, Gaussian", "lazy, orthogonal")),
            _between("control: deep, both starts", LAZY_COURSE, (deep[0], deep[1]), "control"),
            _of_growth(chosen, "orthogonal", "test"),
            _of_growth(chosen, "Gaussian", "control"),
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw spreads over depth, kernels' distances over width, and learning times over depth."""
        chosen = OrthogonalSettings.of(result.settings)
        figure = Figure(figsize=(12.0, 4.4))
        spreads, gaps, times = figure.subplots(1, 3)
        draw_spreads(
            spreads,
            chosen.layers,
            {
                f"{unit}, {start}": [
                    result.results[spectrum_label(unit, start, layers)] for layers in chosen.layers
                ]
                for unit, start in SPECTRA
            },
        )
        draw_kernels(
            gaps,
            chosen.widths,
            {
                kind.removeprefix("control: "): [
                    result.results[f"{kind}, width {width}"] for width in chosen.widths
                ]
                for kind in ("Gaussian kernel", "orthogonal kernel", UNSCALED)
            },
        )
        draw_times(
            times,
            chosen.depths,
            {
                start: [
                    [result.results[deep_label(start, depth, rate)] for rate in chosen.rates]
                    for depth in chosen.depths
                ]
                for start in STARTS
            },
        )
        headline(
            figure,
            "Orthogonal weights change deep learning, not wide: lines theory, marks networks",
        )
        return figure


def _of_spread(label: str) -> Judgement:
    return Judgement(label, "test", SPREAD, (label,), lambda results: spread_gap(results[label]))


def _of_isometry(unit: str, start: str, layers: int) -> Judgement:
    arm = spectrum_label(unit, start, layers)
    isometric = start == "orthogonal" and unit != "rectifier"
    label = arm if isometric else f"control: {arm}"
    role: Role = "test" if isometric else "control"

    def error(results: Results) -> Statistic:
        variance = spread(results[arm])
        # A variance of zero may be below it by rounding.
        return lambda rows: abs(variance(rows))

    return Judgement(label, role, ISOMETRY, (arm,), error)


def _of_kernel_slope(settings: OrthogonalSettings, kind: str) -> Judgement:
    widths = settings.widths
    arms = tuple(f"{kind}, width {width}" for width in widths)

    def error(results: Results) -> Statistic:
        power = exponent_of(widths, [kernel_gap(results[arm]) for arm in arms])
        return lambda rows: abs(power(rows) + 0.5)

    label = f"{kind}, widths {widths[0]} to {widths[-1]}"
    role: Role = "control" if kind == UNSCALED else "test"
    return Judgement(label, role, KERNEL_SLOPE, arms, error)


def _between(
    label: str, tolerance: Tolerance, arms: tuple[str, str], role: Role = "test"
) -> Judgement:
    difference = kernel_difference if tolerance is KERNEL_DIFFERENCE else course_difference
    return Judgement(
        label, role, tolerance, arms, lambda results: difference(*(results[arm] for arm in arms))
    )


def _of_growth(settings: OrthogonalSettings, start: str, role: Role) -> Judgement:
    arms = [
        [deep_label(start, depth, rate) for rate in settings.rates] for depth in settings.depths
    ]

    def error(results: Results) -> Statistic:
        return time_growth([[results[arm] for arm in column] for column in arms], settings.depths)

    label = "deep, orthogonal" if role == "test" else "control: deep, Gaussian"
    return Judgement(label, role, TIME_GROWTH, tuple(arm for c in arms for arm in c), error)
