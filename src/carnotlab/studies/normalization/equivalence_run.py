"""One training with decay and its variants without, side by side in one compiled program."""

import time
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from carnotlab.core.data import Data
from carnotlab.core.precision import Precision
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import Adam, GradientDescent, OptaxRule, Rule
from carnotlab.experiment.schedules import Tabulated, tabulated
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure, State
from carnotlab.measures.losses import TEST_ACCURACY, TEST_PREDICTION, test_prediction
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.normalization.invariance_checks import invariance_checks
from carnotlab.studies.normalization.normalized_networks import (
    NEGLIGIBLE,
    Kind,
    small_network,
    without_scale,
)
from carnotlab.tasks.base import Task
from carnotlab.theories.scale_invariance.decoupled_decay import (
    growing_adam_schedule,
    growing_momentum_schedule,
    shrinking_adam,
)
from carnotlab.theories.scale_invariance.fixed_root import first_buffer, stepped_exponential
from carnotlab.theories.scale_invariance.growing_rates import growing_schedule, without_decay
from carnotlab.training.train import train_sweep

FUNCTION_GAP = Quantity(
    "function_gap", ("variant",), "1", "largest difference of an output on held-out images"
)
RESCALING_GAP = Quantity(
    "rescaling_gap", (), "1", "largest difference of an output, rescaled by powers of two or not"
)
VARIANT_ACCURACY = Quantity("variant_accuracy", ("variant",), "fraction", TEST_ACCURACY.meaning)
LOG2_NORM = Quantity("log2_norm", (), "1", "log2 of the norm of all weights without scale")
VARIANT_NORM = Quantity("variant_log2_norm", ("variant",), "1", LOG2_NORM.meaning)

RuleName: TypeAlias = Literal["SGD", "SGDW", "AdamW"]
Variant: TypeAlias = Literal[
    "decay",
    "recursion",
    "recursion, rescaled",
    "fixed root",
    "fixed root, zero buffer",
    "head grown too",
    "decay, epsilon 1e-5",
    "recursion, epsilon 1e-5",
    "decay, strong",
    "recursion, strong",
    "recursion, strong, rescaled",
]
EPSILON = 1e-5
STRONG = 5.0
"""Times the decay of the other variants."""
RESCALE_EVERY = 50


def _log2_norm(state: State, data: Data) -> Float[Array, ""]:
    del data
    flat = jnp.concatenate([jnp.ravel(layer["weight"]) for layer in state.weights[:-1]])
    largest = jnp.max(jnp.abs(flat))  # so that squares do not overflow before the weights do
    return jnp.log2(largest) + 0.5 * jnp.log2(jnp.sum((flat / largest) ** 2))


log2_norm = Measure(LOG2_NORM, _log2_norm)


def reference_of(variant: str) -> str:
    """Return the variant with decay that one is held against.

    >>> reference_of("recursion, epsilon 1e-5"), reference_of("fixed root")
    ('decay, epsilon 1e-5', 'decay')
    """
    kinds = [each for each in ("epsilon 1e-5", "strong") if each in variant]
    return ", ".join(["decay", *kinds])


@dataclass(frozen=True)
class EquivalenceRun(Computable):
    """Variants of one training, each held against the one with decay of the same epsilon.

    ``phases`` are pairs of a rate and a number of steps. A seed is a start with its batches, common
    to all variants.
    """

    task: Task
    kind: Kind
    width: int
    variants: tuple[Variant, ...]
    phases: tuple[tuple[float, int], ...]
    decay: float
    seeds: tuple[int, ...]
    rule: RuleName = "SGD"
    momentum: float = 0.9
    batch: int = 16
    pool: int = 1
    records: int = 21
    numbers: Precision = "float64"

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("equivalence", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return self.numbers

    @property
    def rates(self) -> Float[np.ndarray, " steps"]:
        """The rate of every step of the training with decay, where decay is not strong."""
        return np.concatenate([np.full(steps, rate) for rate, steps in self.phases])

    def experiment(self, variant: Variant) -> Experiment:
        """Return the description of one variant."""
        epsilon = EPSILON if "epsilon" in variant else NEGLIGIBLE
        members = max(self.seeds) + 1
        network = small_network(self.kind, self.task, self.width, members, epsilon, self.pool)
        invariant = without_scale(network)
        if "head" in variant:
            invariant = (True,) * network.depth
        decay = self.decay_of(variant)
        decays = tuple(0.0 if free else decay for free in invariant)
        if variant.startswith("decay"):
            decays = (decay,) * network.depth
        rule, schedule = self._rule_and_schedule(variant, invariant)
        training = Training(
            rule,
            len(self.rates),
            Minibatch(self.batch),
            CrossEntropy(),
            schedule,
            decays,
            decoupled_decay=self.rule != "SGD",
            record=Evenly(self.records),
            precision=self.numbers,
        )
        return Experiment(self.task, network, training)

    def rates_of(self, variant: Variant) -> Float[np.ndarray, " steps"]:
        """Return the rates that a variant has, or stands for: without drops for strong decay."""
        return np.full_like(self.rates, self.rates[0]) if "strong" in variant else self.rates

    def decay_of(self, variant: Variant) -> float:
        """Return the weight decay that a variant has, or stands for."""
        return self.decay * (STRONG if "strong" in variant else 1.0)

    def _rule_and_schedule(
        self, variant: Variant, invariant: tuple[bool, ...]
    ) -> tuple[Rule, Tabulated]:
        rates, decay, momentum = self.rates_of(variant), self.decay_of(variant), self.momentum
        rate, columns = float(rates[0]), np.array(invariant)
        given = np.outer(rates / rate, np.ones(len(invariant)))
        descent = GradientDescent(rate, momentum)
        kept = variant.startswith("decay")
        if self.rule == "AdamW":
            if kept:
                return Adam(rate, eps=NEGLIGIBLE), tabulated(given)
            shrink = tuple(1.0 - rate * decay if free else 1.0 for free in invariant)
            rule = OptaxRule(shrinking_adam, rate, (("shrink", shrink),))
            return rule, growing_adam_schedule(rates, decay, invariant)
        if self.rule == "SGDW":
            table = tabulated(given, buffers=np.ones_like(given))
            return descent, table if kept else growing_momentum_schedule(rates, decay, invariant)
        buffers, one = np.zeros(len(invariant)), np.ones_like(given)
        if kept:
            table = tabulated(given, one, one)
        elif variant.startswith("fixed root"):
            grown = stepped_exponential(self.phases, decay, momentum) / rate
            table = tabulated(np.where(columns, grown[:, None], given), one, one)
            if variant == "fixed root":
                buffers = np.where(columns, first_buffer(rate, decay, momentum), 0.0)
        else:
            every = RESCALE_EVERY if "rescaled" in variant else None
            course = without_decay(rates, decay, momentum)
            table = growing_schedule(course, rates, invariant, every=every)
        return descent, replace(table, first_buffers=buffers)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train all variants on the same batches and compare their outputs."""
        del store
        began = time.perf_counter()
        experiments = {variant: self.experiment(variant) for variant in self.variants}
        measures = [test_prediction, log2_norm]
        with np.errstate(over="ignore"):  # rates that single precision cannot hold are the point
            seen = train_sweep(dict(experiments), measures, self.seeds, progress=progress)
        first = experiments[self.variants[0]]
        checks = invariance_checks(first, without_scale(first.network))
        return RunResult(
            self._predicted(seen), self._observed(seen), checks, time.perf_counter() - began
        )

    def _observed(self, seen: xr.Dataset) -> xr.Dataset:
        outputs: Any = seen[TEST_PREDICTION.name]
        gaps: list[np.ndarray[Any, Any]] = []
        for variant in self.variants:
            apart = abs(outputs.sel(setting=variant) - outputs.sel(setting=reference_of(variant)))
            gaps.append(apart.max(("test_sample", "output"), skipna=False).values)
        chosen = outputs.transpose("setting", "seed", "time", "test_sample", "output").values
        wanted = np.argmax(np.asarray(self.task.data().test.y), axis=-1)
        right = np.argmax(chosen, axis=-1) == wanted
        coords = {"time": seen["time"], "seed": seen["seed"], "variant": list(self.variants)}
        found = {
            FUNCTION_GAP: np.stack(gaps, axis=-1),
            VARIANT_ACCURACY: np.moveaxis(right.mean(axis=-1), 0, -1),
            VARIANT_NORM: np.moveaxis(seen[LOG2_NORM.name].values, 0, -1),
        }
        if "recursion, rescaled" in self.variants:
            apart = abs(
                outputs.sel(setting="recursion, rescaled") - outputs.sel(setting="recursion")
            )
            found[RESCALING_GAP] = apart.max(("test_sample", "output"), skipna=False).values
        return labelled(found, ("seed", "time"), coords)

    def _predicted(self, seen: xr.Dataset) -> xr.Dataset:
        r"""Predict no gap; and by the scale :math:`A_t` the norm of weights that grow."""
        times = seen["time"].values.astype(int)
        own = seen[LOG2_NORM.name].sel(setting=self.variants[0]).values
        if self.rule == "SGD":
            scale = without_decay(self.rates, self.decay, self.momentum).log2_scale
        else:
            scale = np.log2(np.cumprod([1.0, *(1.0 - self.rates * self.decay)]))
        clock = {"time": seen["time"], "seed": seen["seed"]}
        return labelled({LOG2_NORM: own - scale[times]}, ("seed", "time"), clock)
