"""Is the polynomial of degree fifty that gradient descent fits to ten points smooth?"""

from typing import ClassVar, get_args

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_course_error, mean_of, observed
from carnotlab.studies.interpolation.polynomial_panels import (
    draw_courses,
    draw_curves,
    draw_gaps,
    polynomial_table,
    variations,
)
from carnotlab.studies.interpolation.polynomial_run import COEFFICIENTS, LEAST_NORM, PolynomialRun
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
    role_of,
)
from carnotlab.studies.style import headline
from carnotlab.tasks.noisy_polynomial import PolynomialBasis

ENDED = Tolerance(
    Quantity("distance_from_least_norm", (), "1", "of the last weights from the least-norm ones"),
    1e-10,
    "descent is over where steps are many times the condition number: thirty times for the worst "
    "of these bases, which leaves the last mode 1e-20, and rounding",
)
LINE = 2.0
"""Total variation of y = t on [−1, 1]."""

EXACT = Tolerance(
    COEFFICIENTS,
    1e-10,
    "exact at every step: three thousand steps in double precision, each rounding by 1e-16 of "
    "weights whose errors contract",
)
SMOOTH = Tolerance(
    Quantity("extra_variation", (), "1", "median total variation over that of the line, minus 1"),
    0.25,
    "noise of a tenth at ten points, followed by a smooth curve, moves it by a quarter of the line",
)
FAR = Tolerance(
    Quantity("variation_ratio", (), "1", "median variation, least norm over a random start's"),
    0.25,
    "what a random start leaves must be told from the least norm at a glance: four times as rough",
)

ZERO, RANDOM = "{} from zero", "{} from a random start"
IGNORANT = "control: {} from a random start, taken for zero"
SMOOTHED: PolynomialBasis = "damped legendre"
ORTHONORMAL: PolynomialBasis = "legendre"
MONOMIAL: PolynomialBasis = "monomial"


class PolynomialSettings(Settings, frozen=True, kw_only=True):
    """Settings of `PolynomialFromZero`; a ``seed`` is a draw of noise and start.

    Polynomials of ``degree`` through ``points`` equispaced points up to ``reach`` of [−1, 1];
    ``noise`` is a standard deviation, ``start`` that of weights of a random start.
    """

    seeds: Count = 50
    degree: Count = 50
    points: Count = 10
    reach: Positive = 0.95
    noise: float = 0.1
    start: Positive = 1.0


class PolynomialFromZero(Study):
    """Least-norm polynomials in four bases, of which one makes rough functions long."""

    name: ClassVar[str] = "polynomial-from-zero"
    question: ClassVar[str] = (
        "Is the polynomial of degree fifty that gradient descent fits to ten points smooth?"
    )
    message: ClassVar[str] = (
        "Only in a basis in which rough functions are long. From zero, descent fits ten noisy "
        "points by a polynomial of degree fifty that is as smooth as the line in damped Legendre "
        "functions, rough in orthonormal ones, and in powers no better than one drawn at random."
    )
    source: ClassVar[tuple[str, ...]] = ("advani2020",)
    data: ClassVar[str] = "ten noisy points of a line"
    settings: ClassVar[type[Settings]] = PolynomialSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        return PolynomialSettings() if size == "smoke" else PolynomialSettings(seeds=400)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return every basis from zero and from a random start, and a start that is not told."""
        own = PolynomialSettings.of(settings)

        def run(basis: PolynomialBasis, start: float, from_zero: bool = False) -> PolynomialRun:
            return PolynomialRun(
                basis, own.degree, own.points, own.noise, start, own.reach, from_zero, own.seeds
            )

        bases = get_args(PolynomialBasis)
        return (
            *(Arm(ZERO.format(basis), run(basis, 0.0)) for basis in bases),
            *(Arm(RANDOM.format(basis), run(basis, own.start)) for basis in bases),
            Arm(IGNORANT.format(SMOOTHED), run(SMOOTHED, own.start, from_zero=True)),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold descent against its closed form, and curves against the line and each other."""
        del settings
        return (
            *(_exact(label) for label in labels),
            *(_ended(f"ended: {b}", "test", b) for b in (SMOOTHED, ORTHONORMAL, "chebyshev")),
            _ended("control: ended in powers", "control", MONOMIAL),
            _smooth("smooth: damped legendre", "test", SMOOTHED),
            _smooth("control: smooth in orthonormal functions", "control", ORTHONORMAL),
            _smooth("control: smooth in powers", "control", MONOMIAL),
            _far("zero against random: damped legendre", "test", SMOOTHED),
            _far("zero against random: legendre", "test", ORTHONORMAL),
            _far("control: zero against random in powers", "control", MONOMIAL),
        )

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return medians of total variation and distance from the line for each basis."""
        return (polynomial_table(_by_basis(result)),)

    def figure(self, result: StudyResult) -> Figure:
        """Draw one fit in each basis, and how rough it is in the course of descent."""
        own = PolynomialSettings.of(result.settings)
        runs = _by_basis(result)
        figure = Figure(figsize=(13.0, 7.2))
        grid = figure.add_gridspec(3, len(runs), height_ratios=(3, 2, 1))
        for column, (basis, (zero, random)) in enumerate(runs.items()):
            description = PolynomialRun(
                basis, own.degree, own.points, own.noise, reach=own.reach, networks=own.seeds
            )
            draw_curves(figure.add_subplot(grid[0, column]), basis, zero, random, description)
            draw_courses(figure.add_subplot(grid[1, column]), zero, random, description)
            draw_gaps(figure.add_subplot(grid[2, column]), zero, random, EXACT.error)
        headline(
            figure,
            f"Degree {own.degree} through {own.points} points: which interpolator is shortest, "
            "and whether that is smooth, is the basis's doing",
        )
        return figure


def _by_basis(result: StudyResult) -> dict[PolynomialBasis, tuple[RunResult, RunResult]]:
    runs = result.results
    return {
        basis: (runs[ZERO.format(basis)], runs[RANDOM.format(basis)])
        for basis in get_args(PolynomialBasis)
    }


def _exact(label: str) -> Judgement:
    role: Role = role_of(label)

    def error(results: Results) -> Statistic:
        return mean_course_error(results[label], COEFFICIENTS)

    return Judgement(label, role, EXACT, (label,), error)


def _ended(label: str, role: Role, basis: PolynomialBasis) -> Judgement:
    arm = ZERO.format(basis)

    def error(results: Results) -> Statistic:
        last = observed(results[arm], COEFFICIENTS)[:, -1]
        shortest = np.asarray(results[arm].prediction[LEAST_NORM.name].values)
        gap = np.linalg.norm(last - shortest, axis=1) / np.linalg.norm(shortest, axis=1)
        return mean_of(gap)

    return Judgement(label, role, ENDED, (arm,), error)


def _smooth(label: str, role: Role, basis: PolynomialBasis) -> Judgement:
    arm = ZERO.format(basis)

    def error(results: Results) -> Statistic:
        rough = variations(results[arm])
        return lambda rows: abs(float(np.median(rough[rows])) / LINE - 1.0)

    return Judgement(label, role, SMOOTH, (arm,), error)


def _far(label: str, role: Role, basis: PolynomialBasis) -> Judgement:
    arms = ZERO.format(basis), RANDOM.format(basis)

    def error(results: Results) -> Statistic:
        zero, random = (variations(results[arm]) for arm in arms)

        def statistic(rows: Rows) -> float:
            return float(np.median(zero[rows]) / np.median(random[rows]))

        return statistic

    return Judgement(label, role, FAR, arms, error)
