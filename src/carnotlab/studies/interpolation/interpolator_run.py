"""Linear models that fit all labels, found by descent or drawn at random, by number of labels."""

import time
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, assert_never

import numpy as np
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.initialisation import given
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.linear_networks import one_layer, trained_maps
from carnotlab.theories.high_dimensional.random_interpolators import gibbs_error, sphere_error

EXCESS = Quantity(
    "excess_error", ("samples",), "1", "mean squared error on new inputs without label noise"
)
Rule: TypeAlias = Literal["descent", "gibbs", "sphere"]
STEPS = 2000


class Draws(NamedTuple):
    """Teachers, inputs and labels of every member: a network and a number of labels."""

    teachers: Float[np.ndarray, "member N"]
    inputs: Float[np.ndarray, "member P N"]
    labels: Float[np.ndarray, "member P"]


@dataclass(frozen=True)
class InterpolatorRun(Computable):
    """Networks of one ``rule``, held against the error of weights of ``prior`` variance.

    ``descent`` trains networks to zero loss from weights of this variance; ``gibbs`` and ``sphere``
    draw from that prior what fits the labels. The prediction takes the variance to be ``assumed``.
    """

    rule: Rule
    inputs: int
    samples: tuple[int, ...]
    prior: float
    noise: float = 0.0
    assumed: float | None = None
    networks: int = 128

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("interpolators", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Find the weights by the rule; the prediction knows sizes and variances only."""
        del store, progress
        began = time.perf_counter()
        draws = self._draws()
        weights = self._weights(draws)
        errors = np.sum((weights - draws.teachers) ** 2, axis=1) / self.inputs
        left = np.einsum("mpn,mn->mp", draws.inputs, weights) - draws.labels
        unfitted = float(np.sqrt(np.mean(left**2) / np.mean(draws.labels**2)))
        believed = self.prior if self.assumed is None else self.assumed
        theory = sphere_error if self.rule == "sphere" else gibbs_error
        expected = [
            theory(self.inputs, p, prior_variance=believed, noise_variance=self.noise)
            for p in self.samples
        ]
        coords = {"time": [0.0], "samples": list(self.samples)}
        checks = (
            Check(
                "labels fitted",
                "what is left of the labels, root mean square, over their size",
                unfitted,
                0.03,
            ),
            Check(
                "prior declared",
                "difference of the prior's variance from the one that is assumed",
                abs(believed - self.prior),
                0.0,
            ),
        )
        seen = errors.reshape(self.networks, 1, len(self.samples))
        return RunResult(
            EXCESS.label(np.array(expected)[None], ("time",), coords).to_dataset(),
            EXCESS.label(seen, ("seed", "time"), coords).to_dataset(),
            checks,
            time.perf_counter() - began,
        )

    def _draws(self) -> Draws:
        """Draw all members; fewer labels than the most leave rows of zeros, which say nothing."""
        random = np.random.default_rng([self.inputs, *self.samples, 13])
        members, most = self.networks * len(self.samples), max(self.samples)
        teachers = random.standard_normal((members, self.inputs))
        if self.rule == "sphere":
            teachers *= np.sqrt(self.inputs) / np.linalg.norm(teachers, axis=1, keepdims=True)
        x = random.standard_normal((members, most, self.inputs)) / np.sqrt(self.inputs)
        noise = np.sqrt(self.noise) * random.standard_normal((members, most))
        used = np.arange(most) < np.tile(self.samples, self.networks)[:, None]
        y = (np.einsum("mpn,mn->mp", x, teachers) + noise) * used
        return Draws(teachers, x * used[:, :, None], y)

    def _weights(self, draws: Draws) -> Float[np.ndarray, "member N"]:
        random = np.random.default_rng([self.inputs, *self.samples, 17])
        start = np.sqrt(self.prior) * random.standard_normal(draws.teachers.shape)
        match self.rule:
            case "descent":
                return _descended(draws, start)
            case "gibbs":
                return _conditioned(draws, start)
            case "sphere":
                return _on_sphere(draws, start, self.prior * self.inputs)
            case _:
                assert_never(self.rule)


def _descended(draws: Draws, start: Float[np.ndarray, "member N"]) -> Float[np.ndarray, "member N"]:
    """Train one-layer networks by gradient descent, all members as one program."""
    _, most, inputs = draws.inputs.shape
    largest = float(np.linalg.norm(draws.inputs, 2, axis=(1, 2)).max()) ** 2 / most
    training = Training(GradientDescent(1.8 / largest), STEPS, record=At((float(STEPS),)))
    experiment = one_layer(inputs, most, given([start[:, None]]), training)
    maps = trained_maps(experiment, draws.inputs[:, None], draws.labels[:, None, :, None])
    return maps[:, 0, -1, 0]


def _conditioned(
    draws: Draws, before: Float[np.ndarray, "member N"]
) -> Float[np.ndarray, "member N"]:
    """Move each draw of the prior to fit the labels: an exact draw of the conditional law."""
    missing = draws.labels - np.einsum("mpn,mn->mp", draws.inputs, before)
    return before + np.einsum("mnp,mp->mn", np.linalg.pinv(draws.inputs), missing)


def _on_sphere(
    draws: Draws, direction: Float[np.ndarray, "member N"], square: float
) -> Float[np.ndarray, "member N"]:
    """Draw uniformly from the part of a sphere that fits the labels."""
    inverse = np.linalg.pinv(draws.inputs)
    least = np.einsum("mnp,mp->mn", inverse, draws.labels)
    seen = np.einsum("mpn,mn->mp", draws.inputs, direction)
    unseen = direction - np.einsum("mnp,mp->mn", inverse, seen)
    length = np.sqrt(square - np.sum(least**2, axis=1))
    return least + unseen * (length / np.linalg.norm(unseen, axis=1))[:, None]
