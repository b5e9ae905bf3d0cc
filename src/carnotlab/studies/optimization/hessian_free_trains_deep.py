"""Does curvature train a deep network from small random weights, where gradients cannot?"""

from typing import ClassVar

from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.judging import judge
from carnotlab.studies.optimization.deep_autoencoder_run import (
    LINEAR,
    DeepAutoencoderRun,
    Method,
    Start,
)
from carnotlab.studies.optimization.deep_errors import (
    best_learned,
    best_left,
    ends_of,
    ratio_of,
)
from carnotlab.studies.optimization.deep_panels import draw_errors
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Settings,
    Size,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline
from carnotlab.tasks.base import Task
from carnotlab.tasks.curves import Curves
from carnotlab.tasks.digits import Digits

LEARNED = Quantity("learned", (), "1", "1 less the error over the mean image's, best rate")
LEFT = Quantity("left", (), "1", "error over the mean image's, best rate")
RATIO = Quantity("error_ratio", (), "1", "error over that of another method, both at their best")
FREE, PLAIN, PUSHED, ADAM = "Hessian-free", "SGD", "momentum", "Adam"
OVER_SGD, OVER_MOMENTUM, OVER_SGD_ON_DIGITS = 0.058 / 0.48, 0.058 / 0.074, 0.69 / 2.1
"""Training error of Hessian-free optimization over those of others, on curves and on handwritten
digits (sutskever2013)."""
DEEP, CURVES = "ten layers, {} start, {}", "curves, {}"


class DeepSettings(Settings, frozen=True, kw_only=True):
    """Settings of `HessianFreeTrainsDeep`.

    ``budget`` and ``curve_budget`` count gradients on all images; rates are per method, those of
    Hessian-free optimization initial dampings.
    """

    seeds: Count = 2
    images: Count = 100
    units: tuple[Count, ...] = (64, 40, 30, 20, 12, 6)
    budget: Count = 8000
    most: Count = 400
    dampings: tuple[Positive, ...] = (1.0,)
    sgd: tuple[Positive, ...] = (1.0, 10.0)
    adam: tuple[Positive, ...] = (1e-2,)
    sparse_sgd: tuple[Positive, ...] = (1.5, 3.0)
    curves: Count = 150
    curve_size: Count = 12
    curve_units: tuple[Count, ...] = (144, 72, 48, 32, 20, 12, 6)
    curve_budget: Count = 6000
    curve_dampings: tuple[Positive, ...] = (1.0,)
    curve_sgd: tuple[Positive, ...] = (1.0, 3.0)
    curve_momentum: tuple[Positive, ...] = (0.1, 0.3)
    curve_adam: tuple[Positive, ...] = (3e-3, 1e-2)


class HessianFreeTrainsDeep(Study):
    """A ten-layer autoencoder of digits and one of curves, by curvature and by gradients."""

    name: ClassVar[str] = "hessian-free-trains-deep"
    question: ClassVar[str] = (
        "Can a deep network that gradients do not move from small random weights be trained end "
        "to end by curvature, at the same cost?"
    )
    message: ClassVar[str] = (
        "Ten logistic layers from small dense weights stay at the mean image under SGD at every "
        "rate; for the same number of multiplications Hessian-free optimization moves them, and so "
        "does Adam. From a sparse start SGD learns too, and curvature leaves a small part of its "
        "error, on digits and on curves: the start matters as much as the method."
    )
    source: ClassVar[tuple[str, ...]] = ("martens2010", "sutskever2013", "hinton2006")
    data: ClassVar[str] = "scikit-learn's digits; synthetic curves"
    settings: ClassVar[type[Settings]] = DeepSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return DeepSettings()
        return DeepSettings(
            seeds=3,
            images=600,
            budget=40_000,
            sgd=(1.0, 10.0, 100.0),
            adam=(3e-3, 1e-2),
            sparse_sgd=(1.0, 3.0),
            curves=300,
            curve_size=16,
            curve_units=(256, 128, 80, 50, 28, 16, 6),
            curve_budget=10_000,
            curve_sgd=(1.0, 3.0),
            curve_momentum=(0.1, 0.3),
            curve_adam=(1e-3, 3e-3, 1e-2),
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return all methods on digits from both starts, and on curves from a sparse one."""
        own = DeepSettings.of(settings)
        digits, curves = Digits(own.images, 10), Curves(own.curves, own.curve_size)

        def run(
            task: Task,
            units: tuple[int, ...],
            start: Start,
            method: Method,
            rates: tuple[float, ...],
            budget: int,
        ) -> DeepAutoencoderRun:
            seeds = tuple(range(own.seeds))
            return DeepAutoencoderRun(task, units, start, method, rates, budget, own.most, seeds)

        deep: tuple[tuple[Start, Method, tuple[float, ...]], ...] = (
            ("dense", FREE, own.dampings),
            ("dense", PLAIN, own.sgd),
            ("dense", ADAM, own.adam),
            ("sparse", FREE, own.dampings[:1]),
            ("sparse", PLAIN, own.sparse_sgd),
        )
        shallow: tuple[tuple[Method, tuple[float, ...]], ...] = (
            (FREE, own.curve_dampings),
            (PLAIN, own.curve_sgd),
            (PUSHED, own.curve_momentum),
            (ADAM, own.curve_adam),
        )
        return (
            *(
                Arm(
                    DEEP.format(start, method),
                    run(digits, own.units, start, method, rates, own.budget),
                )
                for start, method, rates in deep
            ),
            *(
                Arm(
                    CURVES.format(method),
                    run(curves, own.curve_units, "sparse", method, rates, own.curve_budget),
                )
                for method, rates in shallow
            ),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold each method against the mean image and against the others, at one cost."""
        del settings, labels
        learned = Tolerance(LEARNED, 0.01, "less than a hundredth of the mean image's error")
        left = Tolerance(LEFT, 0.9, "nine tenths of the mean image's error is little to ask for")
        ratio = Tolerance(RATIO, 1.0, "a method that leaves more at the same cost is not worth it")

        dense, sgd = DEEP.format("dense", FREE), DEEP.format("dense", PLAIN)
        sparse = DEEP.format("sparse", PLAIN)
        free, other = CURVES.format(FREE), CURVES.format(PLAIN)
        adam, well = CURVES.format(ADAM), DEEP.format("sparse", FREE)
        published = "the published ratio, from a sparse start and with as many layers"
        over_sgd = Tolerance(RATIO, OVER_SGD, published)
        over_momentum = Tolerance(RATIO, OVER_MOMENTUM, published)
        on_digits = Tolerance(
            RATIO,
            OVER_SGD_ON_DIGITS,
            "the published ratio on handwritten digits, from a sparse start too",
        )
        return (
            judge(f"{sgd}: learns nothing at any rate", learned, (sgd,), best_learned),
            judge(f"control: {dense}: learns nothing", learned, (dense,), best_learned),
            judge(f"control: {sgd}: learns", left, (sgd,), best_left),
            judge(f"control: {sparse}: learns nothing", learned, (sparse,), best_learned),
            judge(f"{sparse}: learns", left, (sparse,), best_left),
            judge("ten layers, sparse start: Hessian-free over SGD", on_digits, (well, sparse),
                  ratio_of),
            judge("curves: Hessian-free over SGD", over_sgd, (free, other), ratio_of),
            judge("curves: Hessian-free over momentum", over_momentum,
                  (free, CURVES.format(PUSHED)), ratio_of),
            judge("control: curves: SGD over Hessian-free", ratio, (other, free), ratio_of),
            judge("curves: Hessian-free over Adam", ratio, (free, adam), ratio_of),
        )  # fmt: skip

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return errors at the end, at every rate, with the seconds of training."""
        table = Table(
            "arm", "rates or dampings", "error over the mean image's", "best", "linear", "seconds",
            title="at equal cost",
        )  # fmt: skip
        for label, run in result.results.items():
            error = ends_of(run)
            seconds = float(run.observation["training_seconds"].mean())
            table.add_row(
                label,
                ", ".join(f"{rate:g}" for rate in run.observation["rate"].values),
                ", ".join(f"{value:.3f}" for value in error.mean(axis=0)),
                ", ".join(f"{value:.3f}" for value in error.min(axis=1)),
                f"{float(run.observation[LINEAR.name].values):.3f}",
                f"{seconds:.1f}",
            )
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw errors over cost on digits and on curves."""
        figure = Figure(figsize=(12.0, 4.8))
        left, right = figure.subplots(1, 2)
        runs = result.results
        deep = {arm: run for arm, run in runs.items() if arm.startswith("ten")}
        short = {arm.removeprefix("ten layers, "): run for arm, run in deep.items()}
        curves = {
            arm.removeprefix("curves, "): run
            for arm, run in runs.items()
            if arm.startswith("curves")
        }
        draw_errors(left, short, "digits, ten logistic layers")
        draw_errors(right, curves, "curves, sparse start")
        headline(
            figure,
            "SGD stays at the mean image; curvature and Adam leave it; the start matters as much",
        )
        return figure
