"""Bringing inputs to a common scale, with statistics of the training samples only."""

from typing import Literal, TypeAlias, assert_never

import numpy as np
from jaxtyping import Float

Standardise: TypeAlias = Literal["none", "unit range", "zero mean, unit norm rows", "per feature"]
"""How inputs are scaled, see `standardised`."""

STANDARDISE: tuple[Standardise, ...] = (
    "none",
    "unit range",
    "zero mean, unit norm rows",
    "per feature",
)


def standardised(
    train: Float[np.ndarray, "n *input"], test: Float[np.ndarray, "m *input"], how: Standardise
) -> tuple[Float[np.ndarray, "n *input"], Float[np.ndarray, "m *input"]]:
    r"""Return both sets of inputs on the scale chosen; statistics are those of ``train``.

    - ``"none"``: as they are.
    - ``"unit range"``: :math:`(x-\min)/(\max-\min)`, one minimum and maximum over all entries.
    - ``"zero mean, unit norm rows"``: each input minus the mean of its own entries, divided by
      its norm; an input of equal entries becomes 0.
    - ``"per feature"``: each entry minus its mean over samples, divided by its standard deviation
      (1/n). A feature constant over ``train`` is only centred: zero in training.

    >>> standardised(np.array([[0.0, 7.0], [2.0, 7.0]]), np.array([[4.0, 8.0]]), "per feature")
    (array([[-1.,  0.],
           [ 1.,  0.]]), array([[3., 1.]]))
    """
    match how:
        case "none":
            return train, test
        case "unit range":
            low, high = float(train.min()), float(train.max())
            width = high - low if high > low else 1.0
            return (train - low) / width, (test - low) / width
        case "zero mean, unit norm rows":
            return _unit_rows(train), _unit_rows(test)
        case "per feature":
            mean, scale = scales(train)
            return (train - mean) / scale, (test - mean) / scale
        case _:
            assert_never(how)


def scales(
    values: Float[np.ndarray, "n *rest"],
) -> tuple[Float[np.ndarray, " *rest"], Float[np.ndarray, " *rest"]]:
    """Return mean and standard deviation over samples; the deviation of a constant counts as 1.

    >>> scales(np.array([[1.0, 5.0], [3.0, 5.0]]))
    (array([2., 5.]), array([1., 1.]))
    """
    # The mean of equal numbers may differ from them by rounding, so constants are named exactly.
    constant = values.max(axis=0) == values.min(axis=0)
    value, mean = np.asarray(values.min(axis=0)), np.asarray(values.mean(axis=0))
    deviation = values.std(axis=0)
    # Differences below 1e-154 have squares of zero.
    return np.where(constant, value, mean), np.where(constant | (deviation == 0.0), 1.0, deviation)


def _unit_rows(x: Float[np.ndarray, "n *input"]) -> Float[np.ndarray, "n *input"]:
    rows = x.reshape(len(x), -1)
    constant = rows.max(axis=1, keepdims=True) == rows.min(axis=1, keepdims=True)
    centred = np.where(constant, 0.0, rows - rows.mean(axis=1, keepdims=True))
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    return (centred / np.where(norms > 0.0, norms, 1.0)).reshape(x.shape)
