r"""Learning curves of kernel regression: test error by sample size, from eigenvalues and targets.

A kernel K on m samples has modes, the eigenvectors of K, with eigenvalues :math:`\Lambda_i`; its
operator has :math:`\lambda_i = \Lambda_i/m`. A mode that carries the power :math:`p_i` of the
targets is learned to the share :math:`s_i = \lambda_i/(\lambda_i + \kappa)`, where :math:`\kappa`
is the effective ridge, and the error is

.. math:: E = \frac{\sum_i (1 - s_i)^2 p_i + \sigma^2}{1 - \sum_i s_i^2 / n} - \sigma^2.

The m samples may stand for a population (`population_errors`), or be all there are, of which n are
drawn to learn from and the others predicted (`held_out_errors`): then the modes are compressed to n
of m rows, which for modes without preferred samples free probability solves. Both neglect that
modes may be concentrated on few samples. Sources: bordelon2020, canatar2021, simon2023.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require, require_not_negative
from carnotlab.theories.high_dimensional.effective_ridge import (
    effective_ridge,
    learnable,
    root_between,
)
from carnotlab.theories.kernel_regression.checking import finite_block, target_columns
from carnotlab.theories.kernel_regression.spectrum import Spectrum, spectrum

NO_RIDGE = 1e-10
"""Stands for no ridge where samples resolve all modes, relative to the least of them."""


class KernelModes(NamedTuple):
    r"""A kernel's modes on m samples, strongest first.

    ``eigenvalues`` :math:`\lambda_i` of K/m; ``powers`` :math:`p_i`, the mean over samples of the
    squared targets along each mode, summed over outputs, in squared target units.
    """

    eigenvalues: Float[np.ndarray, " m"]
    powers: Float[np.ndarray, " m"]

    @property
    def cumulative_power(self) -> Float[np.ndarray, " m"]:
        """Share of the targets' power in the first modes: the alignment of kernel and targets."""
        return np.cumsum(self.powers) / np.sum(self.powers)


def kernel_modes(kernel: RealArray | Spectrum, targets: RealArray) -> KernelModes:
    """Return the modes of a kernel ``[m, m]``, or its `spectrum`, with the power of the targets.

    ``targets`` are ``[m, k]``; eigenvalues below zero by rounding count as zero.

    Raises:
        InputError: if the kernel is not symmetric, or shapes differ.

    >>> kernel_modes(np.diag([1.0, 3.0]), np.array([[0.0], [2.0]]))
    KernelModes(eigenvalues=array([1.5, 0.5]), powers=array([2., 0.]))
    """
    basis = kernel if isinstance(kernel, Spectrum) else spectrum(kernel)
    vectors = basis.eigenvectors[:, ::-1]
    m = len(vectors)
    require(not basis.thin, "a low-rank spectrum", "one of all modes", "pass the whole kernel")
    y = target_columns(targets)
    y = finite_block("targets", y, (m, y.shape[1]))
    powers = np.sum((vectors.T @ y) ** 2, axis=1) / m
    return KernelModes(np.maximum(basis.eigenvalues[::-1], 0.0) / m, powers)


def population_errors(
    modes: KernelModes,
    samples: Sequence[int] | Int[np.ndarray, " sizes"],
    ridge: float = 0.0,
    noise_variance: float = 0.0,
) -> Float[np.ndarray, " sizes"]:
    r"""Return the error on new samples of a population that has these modes.

    Args:
        modes: Of the population, known exactly or from a pool much larger than ``samples``.
        samples: Numbers n of training samples, drawn independently.
        ridge: :math:`\delta` in :math:`(K + \delta)^{-1}y`; at 0 interpolation, where there are
            modes enough, whose error is infinite at as many samples as modes.
        noise_variance: :math:`\sigma^2` of the training labels, summed over outputs; the targets
            that are predicted have none.

    Returns:
        Mean squared error, summed over outputs, in squared target units.

    >>> modes = KernelModes(np.ones(20), np.full(20, 0.05))
    >>> population_errors(modes, [10]).round(6).tolist()
    [0.5]
    """
    require_not_negative("noise_variance", noise_variance)
    values, powers = _complete(modes)
    rank = learnable(values).size
    errors: list[float] = []
    for n in samples:
        kappa = effective_ridge(values, n, ridge)
        share = _shares(values, kappa, rank)
        free = 1.0 - float(np.sum(share**2)) / n
        wanted = float(np.sum((1.0 - share) ** 2 * powers)) + noise_variance
        if free <= np.finfo(np.float64).eps * rank:
            errors.append(np.inf if wanted > 0.0 else 0.0)
        else:
            errors.append(wanted / free - noise_variance)
    return np.array(errors)


def held_out_errors(
    modes: KernelModes,
    samples: Sequence[int] | Int[np.ndarray, " sizes"],
    ridge: float = 0.0,
    noise_variance: float = 0.0,
) -> Float[np.ndarray, " sizes"]:
    r"""Return the error on the rest of a pool, after training on n of its m samples.

    Arguments as `population_errors`, with ``samples`` drawn without replacement, fewer than m.
    Noise that the pool's own labels contain belongs to their powers; ``noise_variance`` is beside
    it. Without noise and ridge this is the error in `population_errors` times m/(m − n): the kernel
    interpolates, so the same sum over the pool comes from its unseen samples alone.

    >>> modes = KernelModes(np.full(40, 1.0), np.full(40, 0.025))
    >>> held_out_errors(modes, [10]).round(6).tolist()  # a kernel that generalizes not at all
    [1.0]
    """
    require_not_negative("noise_variance", noise_variance)
    require_not_negative("ridge", ridge)
    values, powers = _complete(modes)
    m = len(values)
    squares, least = values * m, float(learnable(values).min()) * m
    rank = learnable(values).size
    errors: list[float] = []
    for n in samples:
        require(0 < n < m, f"{n} samples of a pool of {m}", "at least 1, some left", "take fewer")
        delta = ridge if ridge > 0.0 or n < rank else NO_RIDGE * least
        shift = _compressed_shift(squares, rank, n, delta)
        inverse = 1.0 / (squares + shift)
        share = squares * inverse
        moved = float(inverse.sum()) - (shift - delta) * float(np.sum(inverse**2))
        # Of M = P'(PKP' + delta)^-1 P, by how the shift answers to a change of the kernel:
        # E[M B M] = D (B + shift') D with D = (K + shift)^-1, for B = K^2 and B = 1.
        by_square = (shift - delta) * float(np.sum(share**2)) / moved
        by_one = (shift - delta) * float(np.sum(inverse**2)) / moved
        fitted = share**2 + by_square * inverse**2
        left_in_training = delta**2 * (1.0 + by_one) * inverse**2
        clean = float(np.sum(powers * (1.0 - 2.0 * share + fitted - left_in_training)))
        noise_at_all = float(np.sum(fitted))
        noise_in_training = n - 2.0 * delta * float(inverse.sum()) + float(left_in_training.sum())
        noise = noise_variance * (noise_at_all - noise_in_training) / m
        errors.append((clean + noise) * m / (m - n))
    return np.array(errors)


def _complete(modes: KernelModes) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    values = np.asarray(modes.eigenvalues, dtype=np.float64)
    learnable(values)
    return values, finite_block("powers", modes.powers, values.shape)


def _shares(values: Float[np.ndarray, " m"], kappa: float, rank: int) -> Float[np.ndarray, " m"]:
    if kappa > 0.0:
        return values / (values + kappa)
    strongest = np.argsort(-values)[:rank]
    share = np.zeros_like(values)
    share[strongest] = 1.0
    return share


def _compressed_shift(
    squares: Float[np.ndarray, " m"], rank: int, samples: int, ridge: float
) -> float:
    r"""Return w with :math:`\sum_i (w - \delta)/(\Lambda_i + w) = m - n`.

    For a free compression to a share a of the rows the R-transform is that of the whole at a times
    its argument; this is that statement, solved for the shift of the resolvent.
    """
    m, least = len(squares), float(np.sort(squares)[-rank])
    low = max(ridge, least * (rank - samples) / samples)
    high = (float(squares.sum()) + m * ridge) / samples

    def gap(logarithm: float) -> float:
        w = np.exp(logarithm)
        return float(np.sum((squares + ridge) / (squares + w))) - samples

    ends = float(np.log(low)) - 1e-9, float(np.log(high)) + 1e-9
    return float(np.exp(root_between(gap, *ends)))
