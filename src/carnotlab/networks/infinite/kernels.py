r"""Kernels of infinitely wide networks: the prior at the start and the tangent kernel of training.

With widths (units, channels, heads) going to infinity the outputs at the start are a Gaussian
process, independent from output to output, with covariance ``nngp`` (lee2018), and training by the
gradient moves them as a linear model with kernel ``ntk`` (jacot2018). Per unit, layer by layer,
from :math:`K_{pq} = \langle x_p, x'_q \rangle / n` and :math:`\Theta = 0` on the inputs, where
:math:`p` and :math:`q` are positions of either sample, if there are any:

.. math::
    \text{Dense:} \quad K' = m^2 s^2 n\, K + m_b^2 s_b^2, \qquad
    \Theta' = m^2 s^2 n\, \Theta + r\,(m^2 n\, K + m_b^2);

.. math::
    \phi: \quad K' = E[\phi(u)\phi(v)], \qquad \Theta' = \Theta\, E[\phi'(u)\phi'(v)].

A convolution takes the mean of :math:`K_{p+\delta, q+\delta}` over its filter and goes on as Dense
(arora2019); pooling takes the mean over both positions; `Flatten` the mean over :math:`p = q`.
Branches add; those of a `Product` follow its rule. `LayerNorm` divides by standard deviations,
`Dropout` grows variances; for `SelfAttention` see `attention`.

Multipliers :math:`m`, spreads :math:`s` and rate factors :math:`r` are the parameterization's, at
fan-in :math:`n`, so ``ntk`` is the kernel that the declared parameterization trains with:
:math:`\dot f = -\Theta\, \partial L / \partial f`.

- `NTK`: the width drops out.
- `Standard`: leading order at the declared widths; it grows with width, hence rates :math:`\propto`
  1 / width.
- `MeanField`: ``ntk`` is that of `NTK`, at time zero only: features move at any width, so the
  kernel does not stay. ``nngp`` is smaller by :math:`\gamma^2 N` at the declared width :math:`N`.

Frozen weights add nothing to ``ntk``.
"""

from carnotlab.core.data import RealArray
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.general import (
    Kernels,
    general_kernels,
    nngp_diagonal,
    quadrature_error,
)

__all__ = ["Kernels", "kernels", "nngp_diagonal", "quadrature_error"]


def kernels(
    network: Network,
    x1: RealArray,
    x2: RealArray | None = None,
    *,
    block: int | None = None,
) -> Kernels:
    """Return both kernels between two sets of inputs ``[n, *input]``.

    Without ``x2`` they are those of ``x1`` with itself: exactly symmetric, one triangle computed.
    ``block`` bounds the memory beyond the results; it does not change them.

    Raises:
        OutOfReachError: if the network has no such limit.
        InputError: if inputs are empty, not finite or of the wrong size.

    >>> import numpy as np
    >>> from carnotlab.networks.architectures import mlp
    >>> kernels(mlp(2, (8,), 1), np.eye(2)).ntk.round(4).tolist()
    [[1.0, 0.1592], [0.1592, 1.0]]
    """
    return general_kernels(network, x1, x2, block=block)
