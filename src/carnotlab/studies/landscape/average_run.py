"""Pairs of trained networks, and the losses of what lies between them."""

import time
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from carnotlab.core.assumptions import Check
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy, loss_function
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.mixtures import losses_along, matched
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model, Weights
from carnotlab.networks.initialisation import given
from carnotlab.networks.layers import BatchNorm
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.information_in_weights import STORED_WEIGHTS, stored_weights
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.base import Task
from carnotlab.training.train import train

Way: TypeAlias = Literal[
    "independent",
    "matched",
    "one start",
    "forked later",
    "shuffled",
    "matched, statistics averaged",
]
LOSS_BETWEEN = Quantity("loss_between", ("way", "share"), "loss", "training loss of mixtures")
SHARES = np.linspace(0.0, 1.0, 21)
Chain: TypeAlias = list[np.ndarray[Any, Any]]


@dataclass(frozen=True)
class AverageRun(Computable):
    """Pairs of networks from different starts, from one start, and forked after some steps.

    Each seed is one pair of each kind; the members of a pair see different batches. Losses are
    those of the training set, whose statistics batch norms take at every mixture anew, unless they
    are averaged, too.
    """

    task: Task
    hidden: tuple[int, ...]
    steps: int
    seeds: int
    normalized: bool = False
    fork: int | None = None
    rate: float = 0.1
    batch: int = 50

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("average of two models", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    @property
    def network(self) -> Network:
        """The network of all models."""
        return mlp(
            self.task.input_size,
            self.hidden,
            self.task.output_size,
            normalization=BatchNorm() if self.normalized else None,
            parameterization=Standard(),
        )

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train all members side by side, and walk between those of each pair."""
        del store, progress
        began, random = time.perf_counter(), np.random.default_rng(0)
        spreads = [(its.weight_variance / its.fan_in) ** 0.5 for its in self.network.maps]
        starts = [
            [
                spread * random.standard_normal(its.shape)
                for spread, its in zip(spreads, self.network.maps, strict=True)
            ]
            for _ in range(2 * self.seeds)
        ]
        ours, others = starts[: self.seeds], starts[self.seeds :]
        ends = self._trained([*ours, *others, *ours], self.steps)
        one, other, same = (ends[k * self.seeds : (k + 1) * self.seeds] for k in range(3))
        pairs: dict[Way, list[tuple[Chain, Chain]]] = {
            "independent": list(zip(one, other, strict=True)),
            "matched": [(a, matched(a, b)) for a, b in zip(one, other, strict=True)],
            "one start": list(zip(one, same, strict=True)),
        }
        if self.hidden:
            pairs["shuffled"] = [(a, _shuffled(b, random)) for a, b in pairs["matched"]]
        if self.fork is not None:
            stems = self._trained(ours, self.fork)
            forked = self._trained([*stems, *stems], self.steps - self.fork)
            halves = forked[: self.seeds], forked[self.seeds :]
            pairs["forked later"] = list(zip(*halves, strict=True))
        losses = {way: self._between(its) for way, its in pairs.items()}
        if self.normalized:
            averaged = self._between(pairs["matched"], average=True)
            losses["matched, statistics averaged"] = averaged
        observation = xr.Dataset(
            {LOSS_BETWEEN.name: LOSS_BETWEEN.label(np.stack(list(losses.values()), 1), ("seed",))},
            {"seed": np.arange(self.seeds), "way": list(losses), "share": SHARES},
        )
        convex = 0.0 if not self.hidden else 1.0
        check = Check("convex loss", "0 where the loss is convex in the weights", convex, 0.0)
        return RunResult(xr.Dataset(), observation, (check,), time.perf_counter() - began)

    def _trained(self, starts: list[Chain], steps: int) -> list[Chain]:
        """Return all networks after training, each with batches of its own."""
        network = replace(
            self.network,
            initialisation=given([np.stack(layer) for layer in zip(*starts, strict=True)]),
        )
        training = Training(
            GradientDescent(self.rate, 0.9),
            steps,
            Minibatch(self.batch),
            CrossEntropy(),
            record=At((float(steps),)),
        )
        count = len(starts)
        seen = train(Experiment(self.task, network, training), [stored_weights], range(count))
        flat = seen[STORED_WEIGHTS.name].values[:, -1].astype(np.float64)
        return [self._chain(row) for row in flat]

    def _chain(self, flat: Float[np.ndarray, " weight"]) -> Chain:
        shapes = [its.shape for its in self.network.maps]
        cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        return [
            part.reshape(shape) for part, shape in zip(np.split(flat, cuts), shapes, strict=True)
        ]

    def _between(
        self, pairs: list[tuple[Chain, Chain]], *, average: bool = False
    ) -> Float[np.ndarray, "pairs shares"]:
        """Return training losses in double precision; statistics anew, or averaged of the ends."""
        with precision("float64"):
            x, y = (jnp.asarray(part, jnp.float64) for part in self.task.data().train)
            model, error = Model(self.network), loss_function(CrossEntropy())

            @jax.jit
            def walk(first: Weights, second: Weights) -> Float[Array, " shares"]:
                ends = [(w, model.statistics(w, x)) for w in (first, second)]

                def loss(mixed: Any) -> Float[Array, ""]:
                    weights, known = mixed
                    return error(model.apply(weights, x, statistics=known if average else None), y)

                return losses_along(loss, ends[0], ends[1], SHARES)

            found = [
                walk(*(tuple({"weight": jnp.asarray(w)} for w in chain) for chain in pair))
                for pair in pairs
            ]
            return np.stack([np.asarray(each) for each in found])


def _shuffled(chain: Chain, random: np.random.Generator) -> Chain:
    """Return the same function with hidden units in random order."""
    found = [np.array(matrix) for matrix in chain]
    for at in range(len(found) - 1):
        order = random.permutation(len(found[at]))
        found[at], found[at + 1] = found[at][order], found[at + 1][:, order]
    return found
