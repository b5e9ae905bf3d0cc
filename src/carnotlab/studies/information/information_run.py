"""Codelength and bound of trained networks, on true or random labels, member by member."""

import math
import time
from dataclasses import dataclass
from functools import lru_cache

import jax.numpy as jnp
import numpy as np
import xarray as xr

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import mlp
from carnotlab.runs.information_in_weights import (
    apply_of,
    network_codelength,
    start_scales,
    trained_on,
)
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.label_noise import RandomLabels
from carnotlab.tasks.targets import share_wrong
from carnotlab.theories.information.bayesian_linear import (
    bayesian_learner,
    expected_information,
    information_in_weights,
    log_evidence,
    posterior,
)
from carnotlab.theories.information.pac_bayes import stochastic_bound, stochastic_error
from carnotlab.theories.information.prequential import doubling_blocks, prequential_codelength

CODELENGTH = Quantity(
    "codelength", ("block",), "1", "bits a label of each block, coded by what was learned before"
)
SHARE_OF_UNIFORM = Quantity(
    "share_of_uniform_code", (), "1", "codelength of all labels over that of the uniform code"
)
ERROR_BOUND = Quantity("error_bound", (), "fraction", "bound on the stochastic network's error")
STOCHASTIC_ERROR = Quantity(
    "stochastic_error", (), "fraction", "the stochastic network's error on held-out samples"
)
BITS_MOVED = Quantity("bits_moved", (), "1", "divergence from the start at noise 1, bits a sample")
TRAIN_ERROR = Quantity("train_error", (), "fraction", "training labels missed, without noise")
TEST_ERROR = Quantity("test_error", (), "fraction", "held-out labels missed, without noise")
EVIDENCE = Quantity("evidence", (), "1", "minus the log of the evidence, nats")
INFORMATION = Quantity("information", (), "1", "divergence of posterior from prior, nats")

FIRST = 8
WIDTHS = (0.25, 0.5, 1.0)
"""Of the noise on weights, in units of their spread at the start."""


@dataclass(frozen=True)
class InformationRun(Computable):
    """One hidden layer of ``width`` rectifying units (0: a linear classifier) on digits.

    ``decay`` holds the weights near their start. A seed draws start, batches, the order of the
    samples, and the labels where they are ``random``.
    """

    width: int
    random: bool
    decay: float
    samples: int
    steps: int
    draws: int
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("information in weights", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    @property
    def experiment(self) -> Experiment:
        """The network on true labels; random ones replace them without compiling anew."""
        training = Training(
            GradientDescent(0.3, momentum=0.9),
            self.steps,
            batching=Minibatch(64),
            loss=CrossEntropy(),
            weight_decay=self.decay,
            decay_to_start=True,
            record=At((float(self.steps),)),
        )
        hidden = (self.width,) if self.width else ()
        return Experiment(digits(self.samples), mlp(64, hidden, 10), training)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Code the labels of each member, train it on all, and bound its error under noise."""
        del store
        began, experiment = time.perf_counter(), self.experiment
        rows: list[tuple[float, ...]] = []
        blocks: list[np.ndarray] = []
        ends = doubling_blocks(self.samples, FIRST)
        lengths = np.diff((0, *ends))
        for index, seed in enumerate(self.seeds):
            data = self._data(seed)
            nats = network_codelength(experiment, (seed,), first=FIRST, data=data)[0]
            blocks.append(nats / math.log(2.0) / lengths)
            rows.append(
                (float(nats.sum() / (self.samples * math.log(10.0))), *self._shaken(data, seed))
            )
            if progress is not None:
                progress((index + 1) / len(self.seeds))
        quantities = (
            SHARE_OF_UNIFORM, ERROR_BOUND, STOCHASTIC_ERROR, BITS_MOVED, TRAIN_ERROR, TEST_ERROR,
        )  # fmt: skip
        found = dict(zip(quantities, zip(*rows, strict=True), strict=True))
        observation = labelled(
            {**found, CODELENGTH: blocks},
            ("seed",),
            {"seed": list(self.seeds), "block": list(ends)},
        )
        return RunResult(xr.Dataset(), observation, (), time.perf_counter() - began)

    def _data(self, seed: int) -> Data:
        task = digits(self.samples)
        return RandomLabels(task, seed).data() if self.random else task.data()

    def _shaken(self, data: Data, seed: int) -> tuple[float, ...]:
        experiment, train = self.experiment, data.train
        network = trained_on(experiment, seed, train, train)
        apply, scales = apply_of(experiment.network), start_scales(experiment)
        bound = stochastic_bound(
            apply, network.weights, network.start, train,
            scales=scales, widths=WIDTHS, draws=self.draws, seed=seed,
        )  # fmt: skip
        held_out = Batch(
            np.asarray(data.test.x)[: train.size], np.asarray(data.test.y)[: train.size]
        )
        error = stochastic_error(
            apply, network.weights, held_out, bound.width,
            scales=scales, draws=self.draws, seed=seed + 1,
        )  # fmt: skip
        outputs = np.asarray(apply(network.weights, jnp.asarray(data.test.x, jnp.float32)))
        return (
            bound.error_bound,
            error,
            bound.bits_per_sample * bound.width**2,
            share_wrong(network.outputs, np.asarray(train.y)),
            share_wrong(outputs, np.asarray(data.test.y)),
        )


@dataclass(frozen=True)
class GoldRun(Computable):
    """Bayesian linear regression on data of its own model, a draw for each member."""

    samples: int = 64
    weights: int = 20
    prior_variance: float = 1.0
    noise_variance: float = 0.25
    members: int = 200

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("bayesian linear regression", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Code the targets of each draw block by block; the prediction is the evidence."""
        del store, progress
        began, own = time.perf_counter(), (self.prior_variance, self.noise_variance)
        random = np.random.default_rng([self.samples, self.weights])
        a = random.standard_normal((self.samples, self.weights))
        learner, ends = bayesian_learner(*own), doubling_blocks(self.samples, 4)
        found: list[tuple[float, float, float]] = []
        for _ in range(self.members):
            w = self.prior_variance**0.5 * random.standard_normal(self.weights)
            y = a @ w + self.noise_variance**0.5 * random.standard_normal(self.samples)
            code = prequential_codelength(learner, Batch(a, y[:, None]), ends).sum()
            kl = information_in_weights(posterior(a, y, *own), self.prior_variance)
            found.append((float(code), kl, -log_evidence(a, y, *own)))
        codes, information, evidence = np.array(found).T
        capacity = np.full(self.members, expected_information(a, *own))
        return RunResult(
            labelled({EVIDENCE: evidence, INFORMATION: capacity}, ("seed",)),
            labelled({EVIDENCE: codes, INFORMATION: information}, ("seed",)),
            (Check("data of the model", "targets are drawn from the prior: 0 if so", 0.0, 0.0),),
            time.perf_counter() - began,
        )


@lru_cache(maxsize=4)
def digits(samples: int) -> Digits:
    """Return the digits that labels are learned of; the rest, up to 500, are held out."""
    return Digits(samples, 500, standardise="per feature")
