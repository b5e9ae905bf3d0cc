r"""Fits of laws to measured losses, by least squares of logarithms or Huber's loss of them.

For given exponents a law is linear in all else, so the fit starts from the best of a grid of
exponents, solved for the rest with no amplitude below zero, and is refined from there.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares, nnls

from carnotlab.core.errors import require
from carnotlab.theories.scaling_laws.laws import Form, JointLaw, Law, basis

EXPONENTS = np.geomspace(0.02, 5.0, 60)
LARGEST_EXPONENT = 20.0
SMALLEST = 1e-300
"""Of a law that the fit has taken to zero or below, for its logarithm."""


def fit_law(
    n: Float[np.ndarray, " points"],
    losses: Float[np.ndarray, " points"],
    form: Form = "power",
    *,
    huber: float | None = None,
) -> Law:
    r"""Return the law of one form that fits losses best: least squares of :math:`\log L`.

    With ``huber`` :math:`\delta` residuals of the logarithm beyond it count linearly, as in
    hoffmann2022 (:math:`\delta = 10^{-3}`). Floor, amplitude and exponent are not negative;
    repeated sizes are allowed.

    Raises:
        InputError: for losses or sizes that are not above zero, or fewer different sizes than
            the law has parameters.

    >>> n = np.array([10.0, 30.0, 100.0, 300.0])
    >>> round(fit_law(n, 1.0 + 2.0 * n**-0.5).exponent, 6)
    0.5
    """
    n, losses = _checked(n, losses)
    least = 2 if form == "logarithmic" else 3
    require(
        len(np.unique(n)) >= least,
        f"{len(np.unique(n))} different sizes for a {form} law of {least} parameters",
        f"at least {least}",
        "measure at more sizes",
    )
    target = np.log(losses)
    if form == "logarithmic":
        return _fit_logarithmic(n, losses, target, huber)
    unit = float(np.exp(np.mean(np.log(n))))
    floor, amplitude, exponent = _refined(
        *_best_start(losses, lambda a: [basis(form, n / unit, a)]),
        lambda p: p[0] + p[1] * basis(form, n / unit, p[2]),
        target,
        huber,
    )
    # The unit keeps amplitude and exponent from trading against each other in the fit; a power
    # law is told without it.
    if form == "power":
        return Law(form, floor, amplitude * unit**exponent, exponent)
    return Law(form, floor, amplitude, exponent, unit)


def fit_joint_law(
    n: Float[np.ndarray, " points"],
    d: Float[np.ndarray, " points"],
    losses: Float[np.ndarray, " points"],
    *,
    huber: float | None = None,
) -> JointLaw:
    """Return the law of size and data that fits losses best, as `fit_law`.

    Sizes and data need no full grid: both must vary, by three values or more each.

    Raises:
        InputError: for numbers that are not above zero, or too few different ones.

    >>> n, d = (a.ravel() for a in np.meshgrid([1e2, 1e3, 1e4], [1e3, 1e4, 1e5]))
    >>> law = fit_joint_law(n, d, JointLaw(1.0, 5.0, 0.4, 9.0, 0.3)(n, d))
    >>> round(law.size_exponent, 4), round(law.data_exponent, 4)
    (0.4, 0.3)
    """
    n, losses = _checked(n, losses)
    d, _ = _checked(d, losses)
    for name, values in (("sizes", n), ("amounts of data", d)):
        require(
            len(np.unique(values)) >= 3,
            f"{len(np.unique(values))} different {name}",
            "at least 3",
            "measure at more of them",
        )
    scales = [float(np.exp(np.mean(np.log(values)))) for values in (n, d)]
    grid = EXPONENTS[::3]
    starts = [
        _linear(losses, [(n / scales[0]) ** -a, (d / scales[1]) ** -b]) for a in grid for b in grid
    ]
    best = int(np.argmin([error for error, _ in starts]))
    a, b = grid[best // len(grid)], grid[best % len(grid)]
    # In logarithms: where one is scarce, its part is orders of magnitude above the others.
    least = 1e-6 * float(np.median(losses))
    low = float(np.log(least)) - 10.0
    floor, *rest = np.log(np.maximum(starts[best][1], least))
    found = _solve(
        lambda p: (
            np.exp(p[0])
            + np.exp(p[1]) * (n / scales[0]) ** -p[2]
            + np.exp(p[3]) * (d / scales[1]) ** -p[4]
        ),
        np.log(losses),
        [floor, rest[0], a, rest[1], b],
        [low, low, 1e-6, low, 1e-6],
        huber,
    )
    return JointLaw(
        float(np.exp(found[0])),
        float(np.exp(found[1]) * scales[0] ** found[2]),
        float(found[2]),
        float(np.exp(found[3]) * scales[1] ** found[4]),
        float(found[4]),
    )


def predictions_of_refits(
    law: Law,
    n: Float[np.ndarray, " sizes"],
    losses: Float[np.ndarray, "draws sizes"],
    beyond: float,
) -> Float[np.ndarray, " draws"]:
    """Return what laws of one form, fitted to many draws of losses about one law, say beyond.

    All draws at once: least squares of losses over the law's, which for a scatter of per cents
    are those of logarithms, on a grid of exponents refined by a parabola.

    >>> law, n = Law("power", 1.0, 2.0, 0.5), np.array([10.0, 30.0, 100.0, 300.0])
    >>> drawn = np.stack([law(n), 1.5 + 4.0 * n**-0.7])
    >>> predictions_of_refits(law, n, drawn, 1e3).round(3)
    array([1.063, 1.532])
    """
    about = law(n)
    target = (losses / about).T
    at = np.array([beyond]) / law.unit
    if law.form == "logarithmic":
        columns = np.stack([np.ones_like(n), -np.log(n)], axis=1) / about[:, None]
        return np.asarray(np.array([1.0, -np.log(beyond)]) @ np.linalg.pinv(columns) @ target)
    unit = float(np.exp(np.mean(np.log(n / law.unit))))
    grid = np.geomspace(0.005, LARGEST_EXPONENT, 400)
    squares, said = (np.empty((len(grid), len(losses))) for _ in range(2))
    for index, exponent in enumerate(grid):
        falling = basis(law.form, n / law.unit / unit, float(exponent))
        columns = np.stack([np.ones_like(n), falling], axis=1) / about[:, None]
        found = np.linalg.pinv(columns) @ target
        alone = [
            np.maximum(column @ target, 0.0) / max(float(column @ column), SMALLEST)
            for column in columns.T
        ]
        found = np.where(found[0] < 0.0, np.stack([0.0 * alone[1], alone[1]]), found)
        found = np.where(found[1] < 0.0, np.stack([alone[0], 0.0 * alone[0]]), found)
        squares[index] = np.sum((columns @ found - target) ** 2, axis=0)
        said[index] = found[0] + found[1] * basis(law.form, at / unit, float(exponent))
    best = np.clip(np.argmin(squares, axis=0), 1, len(grid) - 2)
    every = np.arange(len(losses))
    below, here, above = (squares[best + step, every] for step in (-1, 0, 1))
    bend = np.maximum(below - 2.0 * here + above, SMALLEST)
    step = np.clip(0.5 * (below - above) / bend, -1.0, 1.0)
    low, middle, high = (said[best + step, every] for step in (-1, 0, 1))
    return middle + 0.5 * step * (high - low) + 0.5 * step**2 * (high - 2.0 * middle + low)


def _checked(n: Any, losses: Any) -> tuple[np.ndarray, np.ndarray]:
    sizes, values = (np.asarray(part, dtype=np.float64).ravel() for part in (n, losses))
    require(
        len(sizes) == len(values) > 0
        and bool(np.all((sizes > 0) & np.isfinite(sizes)))
        and bool(np.all((values > 0) & np.isfinite(values))),
        "sizes and losses of which some are missing, infinite or not above 0",
        "one finite loss above 0 for each size above 0",
        "leave out runs that diverged",
    )
    return sizes, values


def _linear(losses: np.ndarray, parts: list[np.ndarray]) -> tuple[float, np.ndarray]:
    """Return the error of the best floor and amplitudes, relative residuals, and these."""
    columns = np.stack([np.ones_like(losses), *parts], axis=1) / losses[:, None]
    found, error = nnls(columns, np.ones_like(losses))
    return float(error), found


def _best_start(
    losses: np.ndarray, parts: Callable[[float], list[np.ndarray]]
) -> tuple[np.ndarray, float]:
    starts = [_linear(losses, parts(float(a))) for a in EXPONENTS]
    best = int(np.argmin([error for error, _ in starts]))
    return starts[best][1], float(EXPONENTS[best])


def _refined(
    linear: np.ndarray,
    exponent: float,
    law: Callable[[np.ndarray], np.ndarray],
    target: np.ndarray,
    huber: float | None,
) -> tuple[float, float, float]:
    found = _solve(law, target, [*linear, exponent], [0.0, 0.0, 1e-6], huber)
    return float(found[0]), float(found[1]), float(found[2])


def _solve(
    law: Callable[[np.ndarray], np.ndarray],
    target: np.ndarray,
    start: list[float],
    low: list[float],
    huber: float | None,
) -> np.ndarray:
    found: Any = least_squares(
        lambda p: np.log(np.maximum(law(p), SMALLEST)) - target,
        np.maximum(start, low),
        bounds=(low, np.inf),
        x_scale="jac",
        ftol=1e-12,
        xtol=1e-12,
        gtol=1e-12,
        max_nfev=400,
        loss="linear" if huber is None else "huber",
        f_scale=1.0 if huber is None else huber,
    )
    return np.asarray(found.x)


def _fit_logarithmic(
    n: np.ndarray, losses: np.ndarray, target: np.ndarray, huber: float | None
) -> Law:
    columns = np.stack([np.ones_like(n), -np.log(n)], axis=1)
    start = np.linalg.lstsq(columns / losses[:, None], np.ones_like(n), rcond=None)[0]
    found: Any = least_squares(
        lambda p: np.log(np.maximum(columns @ p, SMALLEST)) - target,
        start,
        x_scale="jac",
        loss="linear" if huber is None else "huber",
        f_scale=1.0 if huber is None else huber,
    )
    return Law("logarithmic", float(found.x[0]), float(found.x[1]), 0.0)
