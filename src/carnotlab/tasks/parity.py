"""The product of a few of many random bits: easy to state, hard for gradients to find."""

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import require
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_whole
from carnotlab.tasks.drawing import generator, sealed


@dataclass(frozen=True)
class Parity(Task):
    r"""Bits :math:`\pm1` with mean ``bias``; the target is the product of the first ``members``.

    Held-out bits are fair, whatever the bias of those trained on: what is asked for is the rule.

    Raises:
        InputError: for more members than bits, or a bias that is not between −1 and 1.

    >>> batch = Parity(bits=6, members=2, samples=4).data().train
    >>> bool((batch.y[:, 0] == batch.x[:, 0] * batch.x[:, 1]).all())
    True
    """

    bits: int
    members: int
    samples: int
    bias: float = 0.0
    held_out: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("bits", 1), ("members", 1), ("samples", 1), ("held_out", 1)):
            require_whole(name, getattr(self, name), least)
        require_whole("seed", self.seed, 0)
        require(
            self.members <= self.bits,
            f"members = {self.members} of {self.bits} bits",
            "no more than there are",
            "use fewer",
        )
        require(-1.0 < self.bias < 1.0, f"bias = {self.bias!r}", "between -1 and 1", "use 0.5")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input: ``(bits,)``."""
        return (self.bits,)

    @property
    def output_size(self) -> int:
        """One output."""
        return 1

    def data(self) -> Data:
        """Return biased bits to train on and fair ones held out, read-only float64."""
        return _data(self)

    def sample(self, key: Key[Array, ""], n: int) -> Batch:
        """Draw ``n`` fresh samples with the bias of those trained on, traceable by JAX."""
        up = jax.random.bernoulli(key, (1.0 + self.bias) / 2.0, (n, self.bits))
        x = jnp.where(up, 1.0, -1.0)
        return Batch(x, jnp.prod(x[:, : self.members], axis=1, keepdims=True))


@lru_cache(maxsize=32)
def _data(task: Parity) -> Data:
    def draw(count: int, bias: float, purpose: str) -> Batch:
        uniform = generator(task.seed, purpose).random((count, task.bits))
        x = np.where(uniform < (1.0 + bias) / 2.0, 1.0, -1.0)
        return sealed(x, np.prod(x[:, : task.members], axis=1, keepdims=True))

    return Data(draw(task.samples, task.bias, "train"), draw(task.held_out, 0.0, "test"))
