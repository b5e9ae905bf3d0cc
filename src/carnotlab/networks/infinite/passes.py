"""Two ways through the recursion for blocks of samples: all pairs of positions, or one by one."""

from dataclasses import dataclass
from math import prod
from typing import Protocol

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import OutOfReachError
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.displaced import (
    displaced_pairs,
    displaced_samples,
    parts,
    pooled_own,
)
from carnotlab.networks.infinite.prefix import weighted_shape
from carnotlab.networks.infinite.recursion import (
    Pairs,
    follow_pairs,
    follow_samples,
    starting_positions,
)

BLOCK = 512
"""Rows and columns computed at a time, where samples have no positions."""

BLOCK_NUMBERS = 2**22
"""Numbers a covariance may hold at a time, where samples have positions."""

Inputs = Float[np.ndarray, "n *positions channels"]
Numbers = Float[np.ndarray, "..."]


class Way(Protocol):
    """How blocks of inputs, in front of the first layer with weights, become kernels."""

    @property
    def block(self) -> int:
        """Rows and columns to compute at a time."""
        ...

    def samples(self, order: int, x: Inputs) -> Pairs:
        """Follow samples with themselves."""
        ...

    def own(self, order: int, x: Inputs) -> Numbers:
        """Return what `pairs` needs of each sample's covariance with itself."""
        ...

    def across(self, x1: Inputs, x2: Inputs) -> Numbers:
        """Return what `pairs` needs of the covariance between samples."""
        ...

    def pairs(
        self, order: int, x1: Inputs, x2: Inputs, own1: Numbers, own2: Numbers, across: Numbers
    ) -> Pairs:
        """Follow all pairs of samples."""
        ...


@dataclass(frozen=True)
class AtOnce:
    """All pairs of positions that the network needs are held at once."""

    network: Network

    @property
    def block(self) -> int:
        """Rows and columns to compute at a time."""
        pairs = starting_positions(self.network).pairs
        return BLOCK if pairs == 1 else max(1, int((BLOCK_NUMBERS / pairs) ** 0.5))

    def samples(self, order: int, x: Inputs) -> Pairs:
        """Follow samples with themselves."""
        return follow_samples(self.network, order, self.own(order, x))

    def own(self, order: int, x: Inputs) -> Numbers:
        """Return each sample's covariance with itself."""
        del order
        positions = starting_positions(self.network)
        if positions.kept == "equal" or not positions.lengths:
            return np.vecdot(x, x) / x.shape[-1]
        flat = x.reshape(x.shape[0], -1, x.shape[-1])
        own = flat @ np.swapaxes(flat, 1, 2) / x.shape[-1]
        return own.reshape(x.shape[0], *positions.lengths, *positions.lengths)

    def across(self, x1: Inputs, x2: Inputs) -> Numbers:
        """Return the covariance between samples, ``[n1, n2, ...]``."""
        positions = starting_positions(self.network)
        n1, n2, channels = x1.shape[0], x2.shape[0], x1.shape[-1]
        if not positions.lengths:
            return x1 @ x2.T / channels
        if positions.kept == "equal":
            return np.einsum("a...c,b...c->ab...", x1, x2) / channels
        product = x1.reshape(-1, channels) @ x2.reshape(-1, channels).T / channels
        shaped = product.reshape(n1, -1, n2, product.shape[1] // n2).swapaxes(1, 2)
        return shaped.reshape(n1, n2, *positions.lengths, *positions.lengths)

    def pairs(
        self, order: int, x1: Inputs, x2: Inputs, own1: Numbers, own2: Numbers, across: Numbers
    ) -> Pairs:
        """Follow all pairs of samples."""
        del x1, x2
        return follow_pairs(self.network, order, own1, own2, across)


@dataclass(frozen=True)
class ByDisplacement:
    """Pairs of positions at one displacement are held at a time.

    Raises:
        OutOfReachError: if displacements do not decouple in the network.
    """

    network: Network

    def __post_init__(self) -> None:
        if parts(self.network) is None:
            raise OutOfReachError(
                "a network in which displacements do not decouple",
                "convolutions that are not circular, then global pooling, no other pooling before",
                "use method='general'",
            )

    @property
    def block(self) -> int:
        """Rows and columns to compute at a time."""
        positions = prod(weighted_shape(self.network)[:-1])
        return max(1, int((BLOCK_NUMBERS / positions) ** 0.5))

    def samples(self, order: int, x: Inputs) -> Pairs:
        """Follow samples with themselves."""
        return displaced_samples(self.network, order, x)

    def own(self, order: int, x: Inputs) -> Numbers:
        """Return each sample's covariance with itself behind the pooling."""
        return np.asarray(pooled_own(self.network, order, x))

    def across(self, x1: Inputs, x2: Inputs) -> Numbers:
        """Return nothing: covariances are taken from the inputs, displacement by displacement."""
        return np.empty((x1.shape[0], x2.shape[0]))

    def pairs(
        self, order: int, x1: Inputs, x2: Inputs, own1: Numbers, own2: Numbers, across: Numbers
    ) -> Pairs:
        """Follow all pairs of samples."""
        del across
        return displaced_pairs(self.network, order, jnp.asarray(x1), jnp.asarray(x2), own1, own2)
