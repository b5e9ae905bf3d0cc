r"""Kernels of infinitely wide convolutional networks, compiled: the networks covered, both kernels.

For pairs of positions :math:`(p, q)` of two images, convolutions and activations keep the
displacement :math:`q - p` as it is, or a stride divides it. So each displacement is a small image
by itself, on which all layers up to the next pool act while it stays in the processor's cache, and
covariances of all pairs of positions never lie in memory together.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import OutOfReachError, require
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.cores import cores
from carnotlab.networks.infinite.engine.displacements import moduli
from carnotlab.networks.infinite.engine.program import NotCoveredError, Program
from carnotlab.networks.infinite.engine.translation import translated
from carnotlab.networks.infinite.gains import Gain
from carnotlab.networks.infinite.prefix import weighted_layers, weighted_shape

Precision: TypeAlias = Literal["float32", "float64"]


def supports(network: Network) -> bool:
    """Return whether the engine covers all layers from the first that has weights.

    These are convolutions over one or two axes, dense layers, pooling by sums and means, flatten,
    sums of branches without pooling, layer norm, dropout, and rectifiers (`Linear`, `Relu`,
    `LeakyRelu`, `Abs`).

    >>> from carnotlab.networks.activations import Relu, Tanh
    >>> from carnotlab.networks.layers import Convolution, Dense, Flatten
    >>> def net(activation):
    ...     return Network((8, 8, 3), (Convolution(16), activation, Flatten(), Dense(1)))
    >>> supports(net(Relu())), supports(net(Tanh()))
    (True, False)
    """
    try:
        covered(network, (Gain(1.0, 0.0, 1.0, 0.0),) * network.depth)
    except NotCoveredError:
        return False
    return True


def convolutional_kernels(
    network: Network,
    gains: Sequence[Gain],
    x1: Float[np.ndarray, "n1 *positions channels"],
    x2: Float[np.ndarray, "n2 *positions channels"] | None = None,
    dtype: Precision = "float64",
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Float[np.ndarray, "n1 n2"], Float[np.ndarray, "n1 n2"]]:
    """Return ``nngp`` and ``ntk`` between images, as they are in front of the first weights.

    Without ``x2`` they are those of ``x1`` with itself: exactly symmetric, one triangle computed.
    ``gains`` are one for each map with weights; ``threads=None`` takes all cores allowed;
    ``progress`` hears how many pairs are done and how many there are, after each piece of work.
    Results depend neither on threads nor on which other images there are.

    In float32 only what cannot cancel is in single precision; relative errors stay below 1e-5.
    The first call in a precision compiles for some twenty seconds; later processes start at once.
    Memory beyond the results is about half a GiB, and some 150 MiB for each thread where layers
    follow a pool (more only where eight pairs at once do not fit).

    Raises:
        OutOfReachError: if a layer is not covered, see `supports`.
        InputError: if images have another shape than the network's, or a setting is out of range.

    >>> from carnotlab.networks.infinite.gains import gains
    >>> from carnotlab.networks.layers import Convolution, Dense, Flatten
    >>> from carnotlab.networks.parameterization import NTK
    >>> net = Network((4, 1), (Convolution(8, 1), Flatten(), Dense(1)), NTK())
    >>> nngp, ntk = convolutional_kernels(net, gains(net), np.ones((1, 4, 1)))
    >>> nngp.round(6).tolist(), ntk.round(6).tolist()
    ([[1.0]], [[2.0]])
    """
    try:
        its = covered(network, gains)
    except NotCoveredError:
        raise OutOfReachError(
            "a network with a layer that the compiled engine does not cover",
            "one that `supports` says yes to",
            "use the general recursion",
        ) from None
    require(
        dtype in ("float32", "float64"),
        f"dtype = {dtype!r}",
        "'float32' or 'float64'",
        "use 'float64'",
    )
    require(threads is None or threads >= 1, f"threads = {threads}", "at least 1", "leave it out")
    first = _images(network, x1, "x1")
    second = None if x2 is None else _images(network, x2, "x2")
    n1, n2 = first.shape[0], (first if second is None else second).shape[0]
    pairs = n1 * (n1 + 1) // 2 if second is None else n1 * n2
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        if progress is not None and more > 0:
            progress(done, pairs)

    # Here, so that what does not need the compiler does not wait for it.
    from carnotlab.networks.infinite.engine.matrix import Engine

    engine = Engine(its, np.dtype(dtype), n2, cores() if threads is None else threads, count)
    return engine.symmetric(first) if second is None else engine.rectangular(first, second)


def covered(network: Network, gains: Sequence[Gain]) -> Program:
    """Return the program of a network, with displacements that can be counted.

    Raises:
        NotCoveredError: if there is none.
    """
    its = translated(weighted_shape(network), weighted_layers(network), gains)
    for stage in its.stages:
        for axis in (0, 1):
            moduli(stage, axis)
    return its


def _images(
    network: Network, x: Float[np.ndarray, "n *positions channels"], name: str
) -> Float[np.ndarray, "n positions channels"]:
    shape = weighted_shape(network)
    require(
        x.shape[1:] == shape and x.shape[0] > 0,
        f"{name} of shape {x.shape}",
        f"at least one image of shape {shape}, channels last",
        "reshape the images, or describe their shape in the network's inputs",
    )
    return np.ascontiguousarray(x, dtype=np.float64).reshape(x.shape[0], -1, shape[-1])
