r"""How many labelled patterns one threshold unit can separate: Cover's count.

Of the :math:`2^P` ways to label P points in general position in N dimensions, hyperplanes through
the origin separate :math:`C(P, N) = 2\sum_{k<N}\binom{P-1}{k}`: all of them up to P = N, exactly
one half at P = 2N, and a share that jumps from 1 to 0 there as N grows. Any smooth distribution of
points will do. Source: cover1965.
"""

from fractions import Fraction
from math import comb

import numpy as np
from jaxtyping import Float
from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

from carnotlab.core.errors import require


def separable_share(points: int, inputs: int) -> Fraction:
    """Return the share of labellings that a hyperplane through the origin separates, exactly.

    Raises:
        InputError: for fewer than one point or input.

    >>> separable_share(10, 5), separable_share(5, 5), float(separable_share(15, 5))
    (Fraction(1, 2), Fraction(1, 1), 0.08978271484375)
    """
    require(
        points >= 1 and inputs >= 1,
        f"{points} points in {inputs} dimensions",
        "at least one of each",
        "use more",
    )
    return Fraction(sum(comb(points - 1, k) for k in range(inputs)), 2 ** (points - 1))


def is_separable(points: Float[np.ndarray, "p n"], labels: Float[np.ndarray, " p"]) -> bool:
    r"""Return whether some w has :math:`y_i\, w\cdot x_i \ge 1` for all i, by linear programming.

    >>> line = np.array([[1.0], [2.0]])
    >>> is_separable(line, np.array([1.0, 1.0])), is_separable(line, np.array([1.0, -1.0]))
    (True, False)
    """
    found = optimize.linprog(
        np.zeros(points.shape[1]),
        A_ub=-labels[:, None] * points,
        b_ub=-np.ones(len(points)),
        bounds=(None, None),
        method="highs",
    )
    return int(found.status) == 0
