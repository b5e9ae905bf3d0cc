"""Networks of growing size on growing parts of a text, followed in test loss."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.data import Batch, Data
from carnotlab.core.keys import key_for
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import Adam
from carnotlab.experiment.schedules import Cosine
from carnotlab.experiment.times import Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure, State
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Weights, scalings
from carnotlab.networks.sequence_architectures import recurrent, transformer, window_mlp
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.scaling.text_curves import COUNTED, TEST, VALIDATION, checked
from carnotlab.tasks.drawing import generator
from carnotlab.tasks.next_character import NextCharacter
from carnotlab.theories.scaling_laws.character_counts import counted_loss
from carnotlab.training.descent import descend
from carnotlab.training.recording import recorder
from carnotlab.training.several_samples import repeated
from carnotlab.training.sweep import rebuild

Architecture: TypeAlias = Literal["perceptron", "recurrent", "transformer"]
Cell: TypeAlias = tuple[int, int]
"""Units of a network, and samples that it is trained on."""

HELD_OUT = Quantity("held_out_loss", ("part",), "loss", "losses on validation and test samples")

ARRAYS = 32
"""Units that narrower networks are padded to, for one program: idle ones stay idle."""
ORDERS = (0, 1, 2)


@dataclass(frozen=True)
class TextRun(Computable):
    """One kind of network trained in ``cells``: so many units, on so many samples of a text.

    All take the same steps: smaller samples come round more often. A seed draws weights, batches
    and places in the text. ``rate`` is that of Adam up to 16 units and falls with the root of
    more. The prediction holds the losses of counts on the largest sample.
    """

    task: NextCharacter
    architecture: Architecture
    cells: tuple[Cell, ...]
    steps: int
    batch: int
    rate: float
    records: int
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """A digest of text, networks, training, seeds, code, versions and devices."""
        return result_key("text", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    def experiment(self, units: int) -> Experiment:
        """Return the description of one network on the largest sample."""
        training = Training(
            Adam(self.rate_of(units)),
            self.steps,
            Minibatch(self.batch),
            CrossEntropy(),
            Cosine(),
            record=Logarithmically(self.records, 8),
        )
        # Places and order of the text are data that a program is given, not part of it.
        task = replace(self.task, shuffled=False, seed=0)
        return Experiment(task, self.network(units), training)

    def rate_of(self, units: int) -> float:
        """Return the learning rate of a network of so many units."""
        return self.rate * min(1.0, 16 / units) ** 0.5

    def network(self, units: int) -> Network:
        """Return the network of so many units."""
        inputs, symbols = (self.task.context, 1), self.task.output_size
        match self.architecture:
            case "perceptron":
                return window_mlp(inputs, (units,), symbols, symbols=symbols)
            case "recurrent":
                return recurrent(inputs, (units,), symbols, symbols=symbols)
            case "transformer":
                return transformer(inputs, units, symbols, symbols=symbols)

    def weights(self, units: int) -> int:
        """Return how many weights and biases a network has."""
        maps = self.network(units).maps
        return sum(
            int(np.prod(each.shape)) + (0 if each.bias_variance is None else each.outputs)
            for each in maps
        )

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train every network from every seed, one after another."""
        del store
        began = time.perf_counter()
        test, validation = self.task.data().test, self.task.validation()
        held_out = Batch(*(np.concatenate(parts) for parts in zip(validation, test, strict=True)))
        found: list[list[np.ndarray[Any, Any]]] = []
        counted: list[tuple[float, ...]] = []
        for index, seed in enumerate(self.seeds):
            train = replace(self.task, seed=seed).data().train
            counted.append(counted_losses(replace(self.task, seed=seed)))
            row: list[np.ndarray[Any, Any]] = []
            for place, (units, samples) in enumerate(self.cells):
                if progress is not None:
                    progress((index + place / len(self.cells)) / len(self.seeds))
                first = Batch(train.x[:samples], train.y[:samples])
                data = Data(repeated(first, train.size), held_out)
                row.append(self._trained(units, index, data, validation.size))
            found.append(row)
        losses = np.asarray(found).transpose(3, 0, 2, 1)
        clock = self.experiment(self.cells[0][0]).training.times
        coords = {
            "seed": list(self.seeds),
            "time": ("time", clock, {"units": "steps"}),
            "weights": ("cell", [self.weights(units) for units, _ in self.cells]),
            "units": ("cell", [units for units, _ in self.cells]),
            "samples": ("cell", [samples for _, samples in self.cells]),
        }
        prediction = labelled(
            {COUNTED: counted}, ("seed",), {"seed": list(self.seeds), "order": list(ORDERS)}
        )
        parts = dict(zip((VALIDATION, TEST), losses, strict=True))
        observation = labelled(parts, ("seed", "time"), coords)
        seconds = time.perf_counter() - began
        return RunResult(prediction, observation, checked(observation), seconds)

    def _trained(
        self, units: int, row: int, data: Data, validation: int
    ) -> Float[np.ndarray, "time part"]:
        """Return losses of one network over time, of narrow ones by the program of wider arrays."""
        wide = units if self.architecture == "transformer" else max(units, ARRAYS)
        experiment, seed = self.experiment(wide), self.seeds[row]
        with precision("float32"):
            start = start_in_arrays(self.network(units), experiment.network, seed)
            cast = jax.tree.map(lambda part: np.asarray(part, np.float32), data)
            rate = np.asarray([self.rate_of(units)], np.float32)
            run = program(experiment, validation)
            return np.asarray(run(start, key_for(seed, "batches"), rate, cast))


@lru_cache(maxsize=16)
def program(experiment: Experiment, validation: int) -> Callable[..., Array]:
    """Return the compiled function from weights, key, rate and data to losses ``[time, part]``.

    The first ``validation`` held-out samples are those of validation, the others of the test.
    """

    def losses(state: State, data: Data) -> Array:
        x, y = jnp.asarray(data.test.x), jnp.asarray(data.test.y)
        outputs = state.model.apply(state.weights, x)
        parts = slice(None, validation), slice(validation, None)
        return jnp.stack([state.loss(outputs[part], y[part]) for part in parts])

    record = recorder([Measure(HELD_OUT, losses)], experiment.training.loss)
    at_rate = rebuild(experiment, [("training", "rule", "learning_rate")])

    @jax.jit
    def run(weights: Any, key: Any, rate: Array, data: Data) -> Array:
        outcome = descend(at_rate, record, weights, key[None], (rate,), data, None)
        return outcome.records[HELD_OUT.name][0]

    return run


def start_in_arrays(network: Network, arrays: Network, seed: int) -> Weights:
    """Draw the start of a network in the arrays of one of more units, zeros beyond its own.

    Units without weights stay idle: the activation of zero is zero, and no gradient reaches them.
    All have a leading dimension of one member, and biases start at zero.

    >>> narrow, wide = (window_mlp((1, 2), (units,), 2) for units in (1, 4))
    >>> [(layer["weight"] != 0).sum() for layer in start_in_arrays(narrow, wide, 0)]
    [np.int64(2), np.int64(2)]
    """
    random = generator(seed, "starting weights")
    found: list[dict[str, Any]] = []
    for own, held, spread in zip(network.maps, arrays.maps, scalings(network), strict=True):
        weight = np.zeros((1, *held.shape), np.float32)
        weight[(0, *map(slice, own.shape))] = spread.weight_std * random.normal(size=own.shape)
        bias = {"bias": np.zeros((1, held.outputs), np.float32)}
        found.append({"weight": weight, **({} if own.bias_variance is None else bias)})
    return tuple(found)


@lru_cache(maxsize=64)
def counted_losses(task: NextCharacter) -> tuple[float, ...]:
    """Return the test loss of counts of one, two and three characters in a row."""
    train, test = task.data()
    train, validation, test = (
        (np.asarray(batch.x)[..., 0].astype(np.int64), np.argmax(batch.y, axis=1))
        for batch in (train, task.validation(), test)
    )
    return tuple(counted_loss(train, validation, test, task.output_size, k) for k in ORDERS)
