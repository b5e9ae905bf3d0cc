"""Statistics of data that theories are written in: covariances, spectra, input–output modes.

All are means over the training samples, without centring, on inputs flattened to ``[n, d]``.
"""

from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Batch, Modes
from carnotlab.core.errors import require
from carnotlab.tasks.base import Task

Source: TypeAlias = Task | Batch
"""A task, of which the training samples are taken, or the samples themselves."""


def flattened(source: Source) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n k"]]:
    """Return inputs and targets, float64, each sample flattened to one row.

    Raises:
        InputError: if there are no samples.

    >>> x, y = flattened(Batch(np.ones((3, 2, 2), np.float32), np.ones((3, 1))))
    >>> x.shape, x.dtype.name, y.shape
    ((3, 4), 'float64', (3, 1))
    """
    batch = source.data().train if isinstance(source, Task) else source
    x = np.asarray(batch.x, dtype=np.float64)
    y = np.asarray(batch.y, dtype=np.float64)
    require(len(x) > 0, "no samples", "at least one", "give a batch that is not empty")
    return x.reshape(len(x), -1), y.reshape(len(y), -1)


def input_covariance(source: Source) -> Float[np.ndarray, "d d"]:
    r"""Return :math:`\Sigma_{xx} = \langle xx^\top\rangle`, in squared input units.

    >>> input_covariance(Batch(np.array([[1.0, 0.0], [0.0, 2.0]]), np.ones((2, 1))))
    array([[0.5, 0. ],
           [0. , 2. ]])
    """
    x, _ = flattened(source)
    return x.T @ x / len(x)


def input_output_correlation(source: Source) -> Float[np.ndarray, "k d"]:
    r"""Return :math:`\Sigma_{yx} = \langle yx^\top\rangle`, in output times input units.

    >>> input_output_correlation(Batch(np.diag([1.0, 2.0]), np.array([[3.0], [4.0]])))
    array([[1.5, 4. ]])
    """
    x, y = flattened(source)
    return y.T @ x / len(x)


def input_spectrum(source: Source) -> Float[np.ndarray, " d"]:
    r"""Return the d eigenvalues of :math:`\Sigma_{xx}`, largest first, none below zero.

    From the singular values of the inputs, so that small eigenvalues keep their relative
    precision; with fewer samples than inputs the last d − n are exactly zero.

    >>> input_spectrum(Batch(np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]), np.ones((2, 1))))
    array([2. , 0.5, 0. ])
    """
    x, _ = flattened(source)
    values = np.linalg.svd(x, compute_uv=False) ** 2 / len(x)
    return np.concatenate([values, np.zeros(x.shape[1] - len(values))])


def input_output_modes(source: Source, *, tolerance: float | None = None) -> Modes:
    r"""Return the singular vectors and values of :math:`\Sigma_{yx} = \langle yx^\top\rangle`.

    :math:`\Sigma_{yx} = U\,\mathrm{diag}(s)\,V^\top`, strongest first; modes with
    :math:`s \le` ``tolerance`` :math:`\cdot\sqrt{\langle|x|^2\rangle\langle|y|^2\rangle}` are left
    out (default: machine epsilon times the largest of n, d and k, a bound on the rounding of
    :math:`\Sigma_{yx}`), so that targets uncorrelated with the inputs give no modes. The first
    entry of each right vector that comes within 1e-6 of its largest magnitude is positive, which
    fixes the sign. Where singular values coincide, only the space of their vectors is defined,
    and any basis of it may be returned.

    Raises:
        InputError: if ``tolerance`` is not in [0, 1).

    References: saxe2014.

    >>> modes = input_output_modes(Batch(2.0 * np.eye(2), np.array([[4.0, 0.0], [0.0, 2.0]])))
    >>> modes.strengths
    array([4., 2.])
    """
    x, y = flattened(source)
    covariance = input_output_correlation(source)
    rounding = max(*covariance.shape, len(x)) * float(np.finfo(np.float64).eps)
    share = rounding if tolerance is None else tolerance
    scale = float(np.linalg.norm(x) * np.linalg.norm(y)) / len(x)
    require(0.0 <= share < 1.0, f"tolerance = {share}", "a number in [0, 1)", "try 1e-12")
    left, strengths, right = np.linalg.svd(covariance, full_matrices=False)
    kept = int(np.sum(strengths > share * scale))
    left, strengths, right = left[:, :kept], strengths[:kept], right[:kept].T
    size = np.abs(right)
    leading = np.argmax(size >= (1.0 - 1e-6) * size.max(axis=0), axis=0)
    signs = np.where(np.take_along_axis(right, leading[None, :], axis=0)[0] < 0.0, -1.0, 1.0)
    return Modes(left * signs, strengths, right * signs)


def input_power_along(source: Source, modes: Modes) -> Float[np.ndarray, " mode"]:
    r"""Return the input power :math:`d = v^\top\Sigma_{xx}v` along each mode; 1 if whitened.

    >>> batch = Batch(np.diag([1.0, 2.0]), np.diag([3.0, 1.0]))
    >>> input_power_along(batch, input_output_modes(batch))
    array([0.5, 2. ])
    """
    right = np.asarray(modes.right)
    return np.sum(right * (input_covariance(source) @ right), axis=0)


def whiteness(source: Source) -> float:
    r"""Distance of inputs from white ones, :math:`\|\Sigma_{xx}-cI\|_F/\|\Sigma_{xx}\|_F`.

    c is the mean eigenvalue, the best choice. 0 for white inputs, below 1 always; inputs that
    are all zero give nan. References: saxe2014.

    >>> round(whiteness(Batch(np.eye(3), np.ones((3, 1)))), 12)
    0.0
    """
    values = input_spectrum(source)
    norm = np.linalg.norm(values)
    return float(np.linalg.norm(values - values.mean()) / norm) if norm > 0.0 else float("nan")


def mode_alignment(source: Source) -> float:
    r"""Off-diagonal fraction of the input covariance in the basis of the input modes V.

    .. math:: \|\Sigma_{xx}V - V\,\mathrm{diag}(V^\top\Sigma_{xx}V)\|_F\,/\,\|\Sigma_{xx}V\|_F

    which is that of :math:`V^\top\Sigma_{xx}V` where there are as many modes as inputs, and
    otherwise counts the leakage into directions outside the modes as well. 0 if the modes are
    principal directions of the inputs and so learn independently of each other; no modes give nan.
    Inside spaces of equal strengths the measure depends on the basis chosen there, unless it is 0
    for white inputs. References: saxe2014.

    >>> mode_alignment(Batch(np.diag([1.0, 2.0]), np.diag([3.0, 1.0])))
    0.0
    """
    x, _ = flattened(source)
    V = np.asarray(input_output_modes(source).right)
    image = x.T @ (x @ V) / len(x)
    norm = np.linalg.norm(image)
    within = V * np.sum(V * image, axis=0)
    return float(np.linalg.norm(image - within) / norm) if norm > 0.0 else float("nan")


def effective_rank(source: Source) -> float:
    r"""Participation ratio of the input spectrum, :math:`(\sum\lambda)^2/\sum\lambda^2`.

    From 1 (one direction) to d (white inputs); inputs that are all zero give nan.

    >>> round(effective_rank(Batch(np.eye(3), np.ones((3, 1)))), 12)
    3.0
    """
    values = input_spectrum(source)
    total = float(np.sum(values**2))
    return float(np.sum(values)) ** 2 / total if total > 0.0 else float("nan")


def target_alignment(source: Source) -> float:
    r"""Cosine between the linear kernel and the ideal one, from 0 to 1.

    :math:`\langle XX^\top, YY^\top\rangle_F\,/\,(\|XX^\top\|_F\|YY^\top\|_F)`, computed in the
    space of the features. Inputs or targets that are all zero give nan.

    >>> round(target_alignment(Batch(np.eye(2), 3.0 * np.eye(2))), 12)
    1.0
    """
    x, y = flattened(source)
    norm = _gram_norm(x) * _gram_norm(y)
    return float(np.sum((x.T @ y) ** 2) / norm) if norm > 0.0 else float("nan")


def target_power(source: Source) -> Float[np.ndarray, " r"]:
    r"""Return the fraction of target power along each principal direction of the inputs.

    :math:`p_i = |u_i^\top Y|^2/\|Y\|_F^2` for the left singular vectors :math:`u_i` of the inputs
    ``[n, d]``, largest singular value first, :math:`r = \min(n, d)`. The sum is the share of the
    targets that a linear map can fit. Targets that are all zero give nan.

    >>> target_power(Batch(np.diag([2.0, 1.0]), np.array([[0.0], [5.0]])))
    array([0., 1.])
    """
    x, y = flattened(source)
    left, values, _ = np.linalg.svd(x, full_matrices=False)
    reach = values > max(x.shape) * float(np.finfo(np.float64).eps) * values[0]
    total = float(np.sum(y**2))
    if total == 0.0:
        return np.full(len(values), np.nan)
    return np.where(reach, np.sum((left.T @ y) ** 2, axis=1) / total, 0.0)


def _gram_norm(a: Float[np.ndarray, "n d"]) -> float:
    """Frobenius norm of aaᵀ, from whichever Gram matrix is smaller."""
    return float(np.linalg.norm(a @ a.T if a.shape[0] < a.shape[1] else a.T @ a))
