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

from typing import Literal, TypeAlias

import jax
import numpy as np

from carnotlab.core.data import RealArray
from carnotlab.core.errors import OutOfReachError, require
from carnotlab.networks.description import Network
from carnotlab.networks.infinite import dense_engine, engine
from carnotlab.networks.infinite.displaced import parts
from carnotlab.networks.infinite.gains import gains
from carnotlab.networks.infinite.general import (
    Kernels,
    Progress,
    general_kernels,
    nngp_diagonal,
    quadrature_error,
)
from carnotlab.networks.infinite.limits import refuse_without_limit
from carnotlab.networks.infinite.prefix import weighted_inputs
from carnotlab.networks.infinite.recursion import starting_positions

__all__ = ["Kernels", "kernels", "nngp_diagonal", "quadrature_error"]

Method: TypeAlias = Literal["auto", "general", "compiled", "displaced"]

SMALL = 2**20
"""Pairs of samples up to which the general path takes no time to speak of without positions.

With positions it compiles for seconds, anew for each network.
"""


def kernels(
    network: Network,
    x1: RealArray,
    x2: RealArray | None = None,
    *,
    dtype: Literal["float64", "float32"] = "float64",
    method: Method = "auto",
    block: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Kernels:
    """Return both kernels between two sets of inputs ``[n, *input]``.

    Without ``x2`` they are those of ``x1`` with itself: exactly symmetric, one triangle computed.

    Args:
        network: any description with a limit.
        x1: samples, flat or in the network's own shape.
        x2: other samples.
        dtype: of the results. ``float32`` is good to a relative 1e-5 and takes half the memory.
        method: ``general`` has every layer, through JAX, in float64. ``compiled`` is many times
            faster on processors and needs memory for the results and little else; it has piecewise
            linear activations and layers that treat positions alike. ``displaced`` is the same
            recursion through JAX, in float64, for globally pooled convolutions. ``auto`` takes
            what is fastest for the network, the size and the device.
        block: rows and columns computed at a time by the general path; it does not change results.
        threads: of the compiled path; all of this process's cores if left out.
        progress: called with the share done, from 0 to 1.

    Raises:
        OutOfReachError: if the network has no such limit, or no compiled path.
        InputError: if inputs are empty, not finite or of the wrong size.

    >>> import numpy as np
    >>> from carnotlab.networks.architectures import mlp
    >>> kernels(mlp(2, (8,), 1), np.eye(2)).ntk.round(4).tolist()
    [[1.0, 0.1592], [0.1592, 1.0]]
    """
    require(
        dtype in ("float64", "float32"),
        f"dtype = {dtype!r}",
        "'float64' or 'float32'",
        "use dtype='float64'",
    )
    require(
        method in ("auto", "general", "compiled", "displaced"),
        f"method = {method!r}",
        "'auto', 'general', 'compiled' or 'displaced'",
        "use method='auto'",
    )
    refuse_without_limit(network)
    if method == "auto":
        method = _fastest(network, _count(x1) * _count(x1 if x2 is None else x2))
    if method in ("general", "displaced"):
        both = general_kernels(
            network, x1, x2, block=block, by_displacement=method == "displaced", progress=progress
        )
        return _finite(Kernels(*(part.astype(dtype, copy=False) for part in both)))
    if not _is_compiled(network):
        raise OutOfReachError(
            "a network with a layer that the compiled path lacks",
            "piecewise linear activations, convolutions, linear pooling, sums of branches",
            "use method='general'",
        )
    if not starting_positions(network).lengths:
        return _finite(
            dense_engine.dense_kernels(
                network, x1, x2, dtype=dtype, threads=threads, progress=progress
            )
        )
    first = weighted_inputs(network, x1, "x1")
    second = None if x2 is None else weighted_inputs(network, x2, "x2")

    def report(done: int, pairs: int) -> None:
        if progress is not None:
            progress(done / pairs)

    nngp, ntk = engine.convolutional_kernels(
        network, gains(network), first, second, dtype, threads, report
    )
    return _finite(Kernels(nngp, ntk))


def _fastest(network: Network, pairs: int) -> Method:
    if not starting_positions(network).lengths and pairs <= SMALL:
        return "general"
    if jax.default_backend() == "gpu":
        return "general" if parts(network) is None else "displaced"
    return "compiled" if _is_compiled(network) else "general"


def _is_compiled(network: Network) -> bool:
    positions = starting_positions(network).lengths
    return engine.supports(network) if positions else dense_engine.supports(network)


def _finite(both: Kernels) -> Kernels:
    """Refuse what has overflown, without a copy of it."""
    for part in both:
        require(
            bool(np.isfinite(part.min()) and np.isfinite(part.max())),
            "samples and variances for which a kernel overflows",
            "variances that stay finite from layer to layer",
            "scale the inputs or the weight variances down",
        )
    return both


def _count(x: RealArray) -> int:
    return np.shape(x)[0] if np.ndim(x) else 1
