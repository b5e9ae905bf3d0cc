r"""Hebbian learning with a bound finds principal components: the exact flow of Oja's rule.

Of a linear unit :math:`y = w\cdot x` with inputs of second moment C:

- Hebb, :math:`\dot w = \langle y x\rangle = Cw`: grows as :math:`e^{Ct}w_0`, without end;
- Oja, :math:`\dot w = \langle y(x - y w)\rangle = Cw - (w^\top C w)w`, exactly

  .. math:: w(t) = \frac{e^{Ct} w_0}{\sqrt{1 + w_0^\top(e^{2Ct} - I)\,w_0}},

  which turns into the first principal component, components j falling as
  :math:`e^{-(\lambda_1 - \lambda_j)t}`, with unit norm;
- Sanger, k units, each subtracting what those before it explain: the first k in order.

Sample by sample at a rate η the flow is the mean to first order, and the unit jitters about the
first component: :math:`\langle w_j^2\rangle = \tfrac12\eta\,\lambda_1\lambda_j/(\lambda_1 -
\lambda_j)` for Gaussian inputs, derived here to first order in η. Sources: oja1982, sanger1989.
"""

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_positive

Vector = Float[np.ndarray, " n"]
Matrix = Float[np.ndarray, "n n"]


def oja_course(
    moment: Matrix, start: Vector, times: Float[np.ndarray, " time"]
) -> Float[np.ndarray, "time n"]:
    """Return the weights of Oja's flow at ``times``, exactly; stable at any time.

    >>> course = oja_course(np.diag([2.0, 1.0]), np.array([0.1, 0.1]), np.array([0.0, 20.0]))
    >>> course.round(6).tolist()
    [[0.1, 0.1], [1.0, 0.0]]
    """
    values, vectors = np.linalg.eigh(moment)
    parts = vectors.T @ start
    # Growth beyond the largest is divided out, so that nothing overflows.
    lead = np.exp(-values[-1] * times)[:, None]
    grown = np.exp((values - values[-1]) * times[:, None]) * parts
    size = lead[:, 0] ** 2 * (1.0 - parts @ parts) + np.sum(grown**2, axis=1)
    return grown @ vectors.T / np.sqrt(size)[:, None]


def hebb_course(
    moment: Matrix, start: Vector, times: Float[np.ndarray, " time"]
) -> Float[np.ndarray, "time n"]:
    """Return the weights of Hebb's rule without a bound at ``times``.

    >>> float(hebb_course(np.eye(1), np.ones(1), np.array([1.0]))[0, 0].round(4))
    2.7183
    """
    values, vectors = np.linalg.eigh(moment)
    return (np.exp(values * times[:, None]) * (vectors.T @ start)) @ vectors.T


def jitter(spectrum: Float[np.ndarray, " n"], rate: float) -> float:
    r"""Return the mean squared sine of the angle to the first component, once settled.

    Args:
        spectrum: Eigenvalues of the inputs' second moment, the largest first.
        rate: η of every sample.

    Raises:
        InputError: if the largest eigenvalue is not alone.

    >>> round(jitter(np.array([2.0, 1.0]), 0.01), 4)
    0.01
    """
    require_positive("rate", rate)
    top, others = spectrum[0], spectrum[1:]
    require(
        bool(np.all(others < top)),
        "a spectrum whose largest eigenvalue is not first and alone",
        "one largest eigenvalue, first",
        "sort it, or add structure",
    )
    return float(0.5 * rate * np.sum(top * others / (top - others)))


def sanger_steps(
    inputs: Float[np.ndarray, "samples n"], start: Float[np.ndarray, "k n"], rate: float, every: int
) -> Float[np.ndarray, "time k n"]:
    r"""Learn from samples one by one; return the weights at the start and after ``every`` samples.

    :math:`\Delta w_i = \eta\,y_i\bigl(x - \sum_{j\le i} y_j w_j\bigr)`; one unit is Oja's rule.

    >>> random = np.random.default_rng(0)
    >>> x = random.standard_normal((4000, 3)) * [3.0, 1.0, 1.0]
    >>> bool(abs(sanger_steps(x, random.standard_normal((1, 3)), 0.005, 4000)[-1, 0, 0]) > 0.98)
    True
    """
    weights = start.copy()
    course = [start]
    for count, x in enumerate(inputs, start=1):
        y = weights @ x
        weights = weights + rate * (np.outer(y, x) - np.tril(np.outer(y, y)) @ weights)
        if count % every == 0:
            course.append(weights)
    return np.stack(course)
