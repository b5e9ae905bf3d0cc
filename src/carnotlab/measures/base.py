"""What a measure is: a quantity and a pure function of the network's state and the data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from jaxtyping import Array, Float

from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity


class Readable(Protocol):
    """The functions of stored weights that measures may call; `networks.finite.Model` has them."""

    @property
    def couples_samples(self) -> bool:
        """Whether the output for a sample depends on its batch, as with batch norm."""
        ...

    def apply(
        self,
        weights: Any,
        x: Float[Array, "n *input"],
        noise: Any = None,
        statistics: Any = None,
    ) -> Float[Array, "n outputs"]:
        """Return the outputs; batch norms take ``statistics``, or else those of the batch."""
        ...

    def statistics(self, weights: Any, x: Float[Array, "n *input"]) -> Any:
        """Return what batch norms normalize by on a batch."""
        ...

    def hidden(
        self, weights: Any, x: Float[Array, "n *input"]
    ) -> tuple[Float[Array, "n units"], ...]:
        """Return the input of every dense layer after the first."""
        ...

    def factors(self, weights: Any) -> tuple[Float[Array, "out in"], ...]:
        """Return the matrices of a deep linear network; refused for any other."""
        ...

    def effective(self, weights: Any) -> tuple[Float[Array, "out in"], ...]:
        """Return the matrix that acts on activity in every dense layer."""
        ...

    def rate_scales(self, rule: Any) -> tuple[float, ...]:
        """Return each dense layer's learning-rate factor for 'gradient' or 'adaptive' rules."""
        ...


class State(NamedTuple):
    """One member of an ensemble at one moment.

    ``weights`` and ``start`` (the weights at time zero) are the stored weights: a tuple with one
    dictionary per dense layer, ``weight: [out, in]`` and perhaps ``bias: [out]``.
    ``loss(outputs, targets)`` is the training loss, a mean over samples, without weight decay.
    """

    model: Readable
    weights: Any
    start: Any
    loss: Callable[[Array, Array], Float[Array, ""]]


@dataclass(frozen=True)
class Measure:
    """A quantity and how to compute it; ``fn`` must be traceable by JAX.

    ``fn(state, data)`` returns an array with the dimensions ``quantity.dims``. Inside training it
    runs compiled, under `vmap` over the ensemble.
    """

    quantity: Quantity
    fn: Callable[[State, Data], Float[Array, "..."]]
