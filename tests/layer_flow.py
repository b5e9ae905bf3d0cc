"""Deep linear networks written out by hand: products, balanced layers, flow of every layer."""

import itertools

import numpy as np
from scipy.integrate import solve_ivp


def balanced(random, widths, rank=None):
    """Draw balanced layers: equal singular values, bases shared by neighbours."""
    rank = min(widths) if rank is None else rank
    share = random.uniform(0.5, 1.5, rank)
    bases = [np.linalg.qr(random.standard_normal((units, rank)))[0] for units in widths]
    return [(after * share) @ before.T for before, after in itertools.pairwise(bases)]


def product(factors):
    whole = factors[0]
    for factor in factors[1:]:
        whole = factor @ whole
    return whole


def velocity_of_layers(factors, gradient):
    """Sum over layers of what gradient flow of that layer alone does to the product."""
    total = np.zeros_like(gradient)
    for place in range(len(factors)):
        above = product([np.eye(factors[place].shape[0]), *factors[place + 1 :]])
        below = product([np.eye(factors[0].shape[1]), *factors[:place]])
        total -= above @ above.T @ gradient @ below.T @ below
    return total


def layers_by_solver(factors, correlation, covariance, times):
    """Integrate every weight of every layer, nothing known of balance."""
    shapes = [factor.shape for factor in factors]
    ends = np.cumsum([0] + [rows * columns for rows, columns in shapes])

    def apart(flat):
        return [
            flat[a:b].reshape(shape)
            for a, b, shape in zip(ends[:-1], ends[1:], shapes, strict=True)
        ]

    def velocity(_t, flat):
        now = apart(flat)
        gradient = product(now) @ covariance - correlation
        return np.concatenate(
            [
                -(
                    product([np.eye(shape[0]), *now[place + 1 :]]).T
                    @ gradient
                    @ product([np.eye(shapes[0][1]), *now[:place]]).T
                ).ravel()
                for place, shape in enumerate(shapes)
            ]
        )

    start = np.concatenate([factor.ravel() for factor in factors])
    solution = solve_ivp(velocity, (0, times[-1]), start, "DOP853", times, rtol=1e-11, atol=1e-13)
    return [apart(flat) for flat in solution.y.T]


def products_by_solver(factors, correlation, covariance, times):
    """Return the end-to-end map at each time."""
    return np.stack(
        [product(now) for now in layers_by_solver(factors, correlation, covariance, times)]
    )
