r"""Exact mean risk of stochastic gradient descent on least squares with Gaussian inputs.

Inputs :math:`x \sim N(0, H)`, labels :math:`w^* \cdot x + \varepsilon` with noise of variance
:math:`\sigma^2`, B fresh samples a step. Along the eigenvectors of H, with eigenvalues
:math:`h_i`, the mean squares :math:`m_i = E\,(w - w^*)_i^2` obey a closed recursion at any rate
:math:`\eta_t`,

.. math:: m_i' = m_i\,[(1-\eta h_i)^2 + \eta^2 h_i^2/B]
          + \frac{\eta^2 h_i}{B}\Bigl(\sum_j h_j m_j + \sigma^2\Bigr),

and the excess risk is :math:`\tfrac12\sum_i h_i m_i`. Momentum :math:`\beta` (:math:`v' = \beta v +
g`, :math:`w' = w - \eta v'`) adds the moments of v. All follows from Wick's theorem,
:math:`E\,xx^\top\delta\delta^\top xx^\top = 2H\delta\delta^\top H + (\delta^\top H\delta)H`.
Sources: bach2013, wu2022.
"""

from typing import Any, cast

import numpy as np
from jaxtyping import Float, Int
from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

from carnotlab.core.errors import require, require_not_negative, require_positive

Spectrum = Float[np.ndarray, " d"]


def excess_courses(
    rates: Float[np.ndarray, "*schedules steps"],
    curvatures: Spectrum,
    squares: Spectrum,
    *,
    batch: int = 1,
    noise_variance: float = 0.0,
    momentum: float = 0.0,
    times: Int[np.ndarray, " time"] | None = None,
) -> Float[np.ndarray, "*schedules time"]:
    r"""Return the mean excess risk over steps of any schedules, all side by side.

    Args:
        rates: :math:`\eta_t`.
        curvatures: Eigenvalues :math:`h_i` of the inputs' covariance.
        squares: :math:`m_i` at time zero.
        batch: B, fresh samples a step.
        noise_variance: :math:`\sigma^2` of labels.
        momentum: :math:`\beta`; the buffer starts at zero.
        times: Steps to return; all, from 0 to the end, if not given.

    Exact. A course that diverges ends in infinity.

    >>> excess_courses(np.full(2, 0.5), np.ones(1), np.ones(1), batch=1).round(4).tolist()
    [0.5, 0.375, 0.2812]
    """
    h, m = _checked(curvatures, batch, noise_variance, momentum), np.asarray(squares, np.float64)
    require(
        m.shape == h.shape,
        f"squares of shape {list(m.shape)}",
        f"one for each curvature, [{h.size}]",
        "give the start along the eigenvectors",
    )
    eta = np.asarray(rates, dtype=np.float64)
    steps, lead = eta.shape[-1], eta.shape[:-1]
    wanted = np.arange(steps + 1) if times is None else np.asarray(times)
    place = {int(step): at for at, step in enumerate(wanted)}
    found = np.empty((*lead, len(wanted)))
    # Mean squares of displacement, of displacement times buffer, and of the buffer.
    state = np.zeros((3, *lead, h.size))
    state[0] = m
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps + 1):
            if step in place:
                risk = 0.5 * state[0] @ h
                found[..., place[step]] = np.where(np.isfinite(risk), risk, np.inf)
            if step < steps:
                force = (state[0] @ h + noise_variance)[..., None] * h / batch
                rate = eta[..., step, None]
                state = _moved(state, rate, h * h * (1.0 + 1.0 / batch), h, force, momentum)
    return found


def stationary_excess(
    rate: float,
    curvatures: Spectrum,
    *,
    batch: int = 1,
    noise_variance: float = 1.0,
    momentum: float = 0.0,
) -> float:
    r"""Return the mean excess risk at which a constant rate ends; infinite where it is unstable.

    :math:`\tfrac12\sigma^2 s/(1-s)`, where s is the mean square gradient noise that a unit of risk
    brings back: :math:`s = (\eta/B)\sum_i h_i/(2 - \eta h_i(1+1/B))` without momentum.

    >>> round(stationary_excess(0.1, np.ones(1), batch=1), 6)
    0.029412
    """
    require_positive("rate", rate)
    h = _checked(curvatures, batch, noise_variance, momentum)
    share = _noise_returned(rate, h, batch, momentum)
    return 0.5 * noise_variance * share / (1.0 - share) if share < 1.0 else float("inf")


def largest_stable_rate(curvatures: Spectrum, *, batch: int = 1, momentum: float = 0.0) -> float:
    r"""Return the rate above which the mean risk grows without bound.

    Without momentum stable iff every :math:`\eta h_i(1+1/B) < 2` and s < 1 (`stationary_excess`):
    at small batches far below :math:`2/\max h`, the limit of full batches.

    >>> round(largest_stable_rate(np.ones(1), batch=1), 6), largest_stable_rate(np.ones(20)) < 0.1
    (0.666667, True)
    """
    h = _checked(curvatures, batch, 0.0, momentum)
    above = 2.0 * (1.0 + momentum) / float(h.max())
    return float(
        cast("Any", optimize).brentq(
            lambda rate: min(_noise_returned(rate, h, batch, momentum), 2.0) - 1.0,
            1e-9 * above,
            above,
            xtol=1e-14 * above,
            rtol=1e-13,
        )
    )


def _moved(
    state: Float[np.ndarray, "3 *lead d"],
    rate: Any,
    square: Spectrum,
    slope: Spectrum,
    force: Any,
    momentum: float,
) -> Float[np.ndarray, "3 *lead d"]:
    """Return second moments behind a step whose gradient has mean ``slope`` times displacement.

    Its mean square is ``square`` times that of the displacement, plus ``force``.
    """
    own, mixed, buffer = state
    towards = momentum * mixed + slope * own
    pushed = momentum**2 * buffer + 2.0 * momentum * slope * mixed + square * own + force
    return np.stack(
        [own - 2.0 * rate * towards + rate**2 * pushed, towards - rate * pushed, pushed]
    )


def _noise_returned(rate: float, h: Spectrum, batch: int, momentum: float) -> float:
    """Return s, infinite where some direction is unstable by itself."""
    square = h * h * (1.0 + 1.0 / batch)
    columns = [
        _moved(np.broadcast_to(unit[:, None], (3, h.size)), rate, square, h, 0.0, momentum)
        for unit in np.eye(3)
    ]
    matrix = np.stack(columns, axis=-1).transpose(1, 0, 2)
    if np.abs(np.linalg.eigvals(matrix)).max() >= 1.0:
        return float("inf")
    forced = _moved(np.zeros((3, h.size)), rate, square, h, h / batch, momentum).T
    settled = np.linalg.solve(np.eye(3) - matrix, forced[..., None])[:, 0, 0]
    return float(h @ settled)


def _checked(curvatures: Spectrum, batch: int, noise_variance: float, momentum: float) -> Spectrum:
    require_positive("batch", batch)
    require_not_negative("noise_variance", noise_variance)
    require(0.0 <= momentum < 1.0, f"momentum = {momentum!r}", "0 <= momentum < 1", "try 0.9")
    h = np.asarray(curvatures, dtype=np.float64)
    require(
        h.ndim == 1 and h.size > 0 and bool(np.all(np.isfinite(h) & (h > 0.0))),
        "curvatures that are not all finite and above 0",
        "eigenvalues [d] of the inputs' covariance",
        "leave directions without variance out: nothing moves along them",
    )
    return h
