r"""Support-vector machines on small sets: choose kernel and cost on one split, report on others.

The protocol of arora2020: every kernel of a family with every cost :math:`C = 10^{-2}, \dots, 10^4`
is trained on one half of a set and tested on the other; the first of the best is then trained and
tested on each of the four splits by which fernandezdelgado2014 compare classifiers. The rows that
choose are among those that report, for every family alike, so accuracies are a little too high.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.errors import InputError
from carnotlab.networks.activations import Relu
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.layers import Dense, Layer
from carnotlab.networks.parameterization import NTK
from carnotlab.tasks.small_data_sets import SmallDataSet, Split

Inputs: TypeAlias = Float[np.ndarray, "n features"]
Matrix: TypeAlias = Float[np.ndarray, "n n"]
Parameters: TypeAlias = Mapping[str, float]
Family: TypeAlias = Callable[[Inputs], Iterator[tuple[Parameters, Callable[[], Matrix]]]]
"""From inputs to the kernels of a family: parameters, and a function that computes the matrix."""

COSTS = tuple(10.0**power for power in range(-2, 5))
DEPTHS = range(5)
SCALES = tuple(2.0**power for power in range(-7, 8))
"""Inverse squared widths of the Gaussian kernel, times the number of features: 15 of them, as
many as there are kernels of depth 0 to 4."""

ITERATIONS = 1_000_000
"""Steps after which a machine is stopped; one that is stopped is not chosen. Only machines with a
cost far above what their set calls for need more."""


@dataclass(frozen=True)
class Outcome:
    """What the protocol found on one set.

    ``parameters`` and ``cost`` are those chosen, ``chosen_by`` is their accuracy on the half that
    chose; ``accuracies`` has one entry for each reporting split, ``shuffled`` those of the same
    machine where labels were permuted. ``unconverged`` counts machines stopped at `ITERATIONS`.
    """

    parameters: Parameters
    cost: float
    chosen_by: float
    accuracies: Float[np.ndarray, " splits"]
    shuffled: Float[np.ndarray, " splits"]
    unconverged: int


def relu_network(inputs: int, depth: int, frozen: int) -> Network:
    r"""Return the rectifier network of arora2020 with ``depth`` hidden layers.

    Its tangent kernel begins from :math:`x \cdot x'`, not divided by the number of inputs, and has
    no factor 2 per rectifier, so kernels of greater depth are smaller. The first ``frozen`` of its
    ``depth + 1`` layers are not trained. Widths do not enter the kernel.

    >>> from carnotlab.networks.infinite.kernels import kernels
    >>> kernels(relu_network(2, 0, 0), np.array([[3.0, 4.0]])).ntk.tolist()
    [[25.0]]
    """
    layers: list[Layer] = []
    for layer in range(depth + 1):
        layers += [Relu()] if layer else []
        layers.append(Dense(1, float(inputs) if layer == 0 else 1.0))
    return Network(inputs, tuple(layers), NTK(), frozen=frozen)


def tangent_kernels(x: Inputs) -> Iterator[tuple[Parameters, Callable[[], Matrix]]]:
    """Yield the tangent kernels of depth 0 to 4 with 0 to depth layers frozen (arora2020).

    >>> [tuple(named.values()) for named, _ in tangent_kernels(np.eye(2))][:3]
    [(0, 0), (1, 0), (1, 1)]
    """
    for depth in DEPTHS:
        for frozen in range(depth + 1):
            named = {"depth": depth, "frozen": frozen}
            yield named, lambda depth=depth, frozen=frozen: tangent_kernel(x, depth, frozen)


def tangent_kernel(x: Inputs, depth: int, frozen: int) -> Matrix:
    """Return the tangent kernel of `relu_network` between all rows.

    >>> tangent_kernel(np.eye(2), 1, 0).round(4).tolist()
    [[1.0, 0.1592], [0.1592, 1.0]]
    """
    # The general path would be compiled anew for every set and network.
    return kernels(relu_network(x.shape[1], depth, frozen), x, method="compiled").ntk


def linear_kernel(x: Inputs) -> Iterator[tuple[Parameters, Callable[[], Matrix]]]:
    """Yield the kernel of a linear machine, which is the tangent kernel of depth 0."""
    yield {}, lambda: x @ x.T


def gaussian_kernels(x: Inputs) -> Iterator[tuple[Parameters, Callable[[], Matrix]]]:
    r"""Yield :math:`\exp(-\gamma \|x - x'\|^2 / \text{features})` for 15 values of γ."""
    squares = np.sum(x**2, axis=1)
    distances = np.maximum(squares[:, None] + squares - 2.0 * x @ x.T, 0.0) / x.shape[1]
    for scale in SCALES:
        yield {"scale": scale}, lambda scale=scale: np.exp(-scale * distances)


FAMILIES: Mapping[str, Family] = {
    "NTK": tangent_kernels,
    "Gaussian kernel": gaussian_kernels,
    "linear": linear_kernel,
}


def protocol(
    given: SmallDataSet, family: Family, *, progress: Callable[[], None] | None = None
) -> Outcome:
    """Choose kernel and cost of a family on one set, and report the accuracy of what was chosen.

    Machines that do not converge are not chosen. Ties go to the first, kernels in the family's
    order and costs from small to large.

    Args:
        given: The set with its splits.
        family: Which kernels to choose from.
        progress: Called after each kernel.

    Raises:
        InputError: if no machine converges.

    >>> rng = np.random.default_rng(0)
    >>> x, half = rng.standard_normal((40, 2)), Split(np.arange(20), np.arange(20, 40))
    >>> x[:, 0] += 3.0 * np.sign(x[:, 0])  # a gap that no machine misses
    >>> apart = SmallDataSet("by sign", x, (x[:, 0] > 0).astype(int), half, (half,) * 4)
    >>> protocol(apart, linear_kernel).accuracies.tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    machines = _Machines()
    best: tuple[float, Parameters, float, Matrix] | None = None
    for parameters, compute in family(given.x):
        matrix = compute()
        for cost in COSTS:
            before = machines.unconverged
            accuracy = machines.accuracy(matrix, given.y, given.choosing, cost)
            if machines.unconverged > before:
                continue  # where it was stopped is no property of its cost
            if best is None or accuracy > best[0]:
                best = accuracy, parameters, cost, matrix
        if progress is not None:
            progress()
    if best is None:
        raise InputError(
            f"{given.name}, on which no machine converges",
            f"one that does within {ITERATIONS} steps",
            "check that its features are standardised",
        )
    chosen_by, parameters, cost, matrix = best
    # Permuted within the whole set, so that nothing but the link from inputs to labels is lost.
    permuted = np.random.default_rng(0).permutation(given.y)
    real, shuffled = (
        np.array([machines.accuracy(matrix, y, split, cost) for split in given.reporting])
        for y in (given.y, permuted)
    )
    return Outcome(parameters, cost, chosen_by, real, shuffled, machines.unconverged)


class _Machines:
    """Support-vector machines on a given matrix, and how many of them did not converge."""

    def __init__(self) -> None:
        self.unconverged = 0

    def accuracy(
        self, matrix: Matrix, y: Int[np.ndarray, " n"], split: Split, cost: float
    ) -> float:
        """Return the share of test rows that a machine trained on the others classifies rightly."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import SVC

        machine: Any = SVC(kernel="precomputed", C=cost, max_iter=ITERATIONS)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            machine.fit(matrix[np.ix_(split.train, split.train)], y[split.train])
        self.unconverged += any(issubclass(w.category, ConvergenceWarning) for w in caught)
        found = machine.predict(matrix[np.ix_(split.test, split.train)])
        return float(np.mean(found == y[split.test]))
