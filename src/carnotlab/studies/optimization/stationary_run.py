"""Where steps with noise settle: variances, orders without replacement, tails."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.assumptions import Check
from carnotlab.core.keys import key_for
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.theories.quadratic_models.stationary_state import (
    diffusion_covariance,
    reshuffled_variance,
    stationary_covariance,
    stationary_excess_kurtosis,
)

Order: TypeAlias = Literal["independent", "reshuffled"]

VARIANCE = Quantity("variance", ("rate",), "1", "stationary variance of the weight")
KURTOSIS = Quantity("kurtosis", ("rate",), "1", "excess kurtosis of the stationary weight")
DIFFUSION = Quantity("diffusion", ("rate",), "1", "stationary variance of the diffusion")
NOISE_KURTOSIS = 3.0
"""Of the two-sided exponential noise that steps have."""


@dataclass(frozen=True)
class StationaryRun(Computable):
    """One weight of curvature 1 under noise of variance 1, at several rates, with momentum.

    Steps are ``independent``, or go through ``samples`` noises of mean zero in a new order each
    epoch and are looked at where epochs end. A seed is a group of ``paths``, each looked at
    ``looks`` times a relaxation time or more apart.
    """

    rates: tuple[float, ...]
    momentum: float
    order: Order
    samples: int
    seeds: int
    paths: int
    looks: int = 100

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("stationary state", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Let paths settle and look at them; predict exactly, and by the diffusion."""
        del store, progress
        began = time.perf_counter()
        one = np.eye(1)
        exact = [
            float(stationary_covariance(one, one, rate, self.momentum)[0, 0])
            if self.order == "independent"
            else reshuffled_variance(rate, 1.0, 1.0, self.samples)
            for rate in self.rates
        ]
        diffusion = [
            float(diffusion_covariance(one, one, rate, self.momentum)[0, 0]) for rate in self.rates
        ]
        variance, kurtosis = self._settled()
        coords = {"rate": list(self.rates)}
        plain = self.order == "independent" and self.momentum == 0.0
        tails = [
            stationary_excess_kurtosis(rate, 1.0, NOISE_KURTOSIS) if plain else float("nan")
            for rate in self.rates
        ]
        prediction = labelled(
            {VARIANCE: exact, DIFFUSION: diffusion, KURTOSIS: tails}, coords=coords
        )
        observation = labelled({VARIANCE: variance, KURTOSIS: kurtosis}, ("seed",), coords)
        checks = (
            Check(
                "steps settle",
                "rate times curvature over the stable limit",
                max(self.rates) / (2.0 * (1.0 + self.momentum)),
                0.9999,
            ),
        )
        return RunResult(prediction, observation, checks, time.perf_counter() - began)

    def _settled(self) -> tuple[Float[np.ndarray, "seed rate"], Float[np.ndarray, "seed rate"]]:
        """Return variances and excess kurtoses over paths and looks, the mean known to be zero."""
        members = self.seeds * self.paths
        with precision("float32"):
            rate = jnp.asarray(self.rates, jnp.float32)[:, None]
            fixed = jax.random.laplace(key_for(1, "batches"), (self.samples, members))
            fixed = fixed - fixed.mean(axis=0)
            fixed = fixed / jnp.sqrt(jnp.mean(fixed**2, axis=0))

            def step(state: tuple[Array, Array], noise: Array) -> tuple[tuple[Array, Array], None]:
                w, v = state
                v = self.momentum * v + w + noise
                return (w - rate * v, v), None

            def epoch(
                state: tuple[Array, Array], key: Array
            ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
                if self.order == "independent":
                    noises = jax.random.laplace(key, (self.samples, members)) / 2.0**0.5
                else:
                    # One order for each seed's paths, all of which have noises of their own.
                    orders = jax.vmap(partial(jax.random.permutation, x=self.samples))(
                        jax.random.split(key, self.seeds)
                    )
                    rows = jnp.repeat(orders.T, self.paths, axis=1)
                    noises = jnp.take_along_axis(fixed, rows, axis=0)
                state, _ = jax.lax.scan(step, state, noises)
                return state, (jnp.square(state[0]), jnp.square(jnp.square(state[0])))

            settling = int(np.ceil(6.0 / (min(self.rates) * self.samples))) + 1
            keys = jax.random.split(key_for(0, "batches"), settling + self.looks)
            start = (jnp.zeros((len(self.rates), members)),) * 2
            _, powers = jax.jit(lambda s, k: jax.lax.scan(epoch, s, k))(start, keys)
            second, fourth = (
                np.asarray(power, np.float64)[settling:]
                .mean(axis=0)
                .reshape(len(self.rates), self.seeds, self.paths)
                .mean(axis=2)
                .T
                for power in powers
            )
        return second, fourth / second**2 - 3.0
