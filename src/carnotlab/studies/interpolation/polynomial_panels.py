"""Panels and table of interpolating polynomials: one fit in each basis, and its course."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from rich.table import Table

from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.interpolation.polynomial_run import (
    COEFFICIENTS,
    CURVE,
    GRID,
    OFF_LINE,
    ROUGHNESS,
    VARIATION,
    PolynomialRun,
)
from carnotlab.studies.style import COLOURS, MARKERS, ink
from carnotlab.tasks.noisy_polynomial import PolynomialBasis, features
from carnotlab.theories.high_dimensional.polynomial_interpolation import total_variation

LIMIT = 2.2
"""Height at which curves leave the panel."""


def variations(result: RunResult) -> Float[np.ndarray, " seed"]:
    """Return the total variation of each curve where descent ends."""
    return np.asarray(result.observation[VARIATION.name].values)


def draw_curves(
    axes: Axes,
    basis: PolynomialBasis,
    zero: RunResult,
    random: RunResult,
    description: PolynomialRun,
) -> None:
    """Draw the first draw's points, the line, and where descent ends from zero and at random."""
    curves = [np.asarray(run.observation[CURVE.name].values)[0] for run in (random, zero)]
    axes.plot(GRID, curves[0], color=COLOURS[1], lw=0.8, label="from a random start")
    axes.plot(GRID, curves[1], color=COLOURS[0], lw=1.4, label="from zero")
    axes.plot(GRID, GRID, color=ink(), lw=0.8, ls=":", label="the line")
    points = description.positions
    axes.plot(points, description.targets()[0], color=ink(), lw=0, marker="o", ms=4)
    axes.set(title=_TITLES[basis], ylim=(-LIMIT, LIMIT), xlabel="t")
    axes.legend(fontsize="x-small", loc="upper left")


def draw_courses(
    axes: Axes, zero: RunResult, random: RunResult, description: PolynomialRun
) -> None:
    """Draw the median total variation over steps of descent, closed form over networks."""
    fine = features(GRID, description.basis, description.degree)
    for index, (run, label) in enumerate(((zero, "from zero"), (random, "from a random start"))):
        steps = np.asarray(run.observation["time"].values)[1:]
        rough = np.median(np.asarray(run.observation[ROUGHNESS.name].values), axis=0)[1:]
        theory = np.median(total_variation(predicted(run, COEFFICIENTS) @ fine.T), axis=0)[1:]
        axes.plot(steps, theory, color=ink(), lw=1.1)
        axes.plot(steps, rough, color=COLOURS[index], lw=0, marker=MARKERS[index], ms=4)
        end = float(np.median(variations(run)))
        axes.axhline(
            end, color=COLOURS[index], lw=1.0, ls="--", label=f"{label}: ends at {end:.3g}"
        )
    axes.axhline(2.0, color=ink(), lw=0.8, ls=":")
    axes.set(ylabel="total variation", xscale="log", yscale="log", ylim=(0.7, 3e4))
    axes.tick_params(labelbottom=False)
    axes.legend(fontsize="x-small", loc="upper right")


def draw_gaps(axes: Axes, zero: RunResult, random: RunResult, tolerance: float) -> None:
    """Draw how far weights of networks are from the closed form at each step, relative."""
    for index, run in enumerate((zero, random)):
        seen, expected = observed(run, COEFFICIENTS)[:, 1:], predicted(run, COEFFICIENTS)[:, 1:]
        gap = np.linalg.norm(seen - expected, axis=2) / np.linalg.norm(expected, axis=2)
        steps = np.asarray(run.observation["time"].values)[1:]
        # One rounding stands for a gap of nothing, which has no logarithm.
        axes.plot(
            steps,
            np.maximum(gap.mean(axis=0), 1e-17),
            color=COLOURS[index],
            lw=0.8,
            marker=MARKERS[index],
            ms=3,
        )
    axes.axhline(tolerance, color=ink(), lw=0.8, ls="--")
    axes.set(xlabel="steps", ylabel="difference", xscale="log", yscale="log", ylim=(1e-17, 1e-8))


def polynomial_table(
    runs: Mapping[PolynomialBasis, tuple[RunResult, RunResult]],
) -> Table:
    """Return medians over draws for each basis; the line's total variation is 2."""
    table = Table("basis", "variation", "off the line", "random start", "ratio", "condition")
    for basis, (zero, random) in runs.items():
        rough, wild = (float(np.median(variations(run))) for run in (zero, random))
        off = float(np.median(np.asarray(zero.observation[OFF_LINE.name].values)))
        table.add_row(
            basis,
            f"{rough:.3g}",
            f"{off:.3g}",
            f"{wild:.3g}",
            f"{wild / rough:.2g}",
            f"{float(zero.observation.attrs['condition']):.2g}",
        )
    return table


_TITLES: dict[PolynomialBasis, str] = {
    "monomial": "powers of t: no better than random",
    "legendre": "orthonormal Legendre: rough",
    "chebyshev": "Chebyshev: rough",
    "damped legendre": "Legendre / (1 + k): smooth",
}
