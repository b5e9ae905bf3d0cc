"""Schedules on least squares: rates tuned by the exact risk, then steps simulated."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.assumptions import Check
from carnotlab.core.keys import key_for
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.times import Logarithmically, recorded
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.theories.quadratic_models.least_squares_risk import (
    excess_courses,
    largest_stable_rate,
)
from carnotlab.theories.quadratic_models.schedules import ScheduleName, schedule

RISK = Quantity(
    "excess_risk", ("noise", "schedule"), "loss", "mean excess risk of the last weights"
)
BASE_RATES = Quantity("base_rates", ("noise", "schedule"), "1", "tuned base rate over the edge")
SHARE_OF_EDGE = 0.5
"""Base rates are tuned up to this share of the largest stable one, where risks still have a
variance, so that their means can be told from draws."""
GRID = 25


@dataclass(frozen=True)
class LeastSquaresRun(Computable):
    """Online descent on Gaussian least squares with curvatures 1, 1/2, …, 1/d, from all ones.

    Each schedule has the base rate whose exact risk at the end is least; ``"1/t"`` turns at
    one over base rate and least curvature. A seed is a group of ``draws`` simulated paths, and all
    schedules and noises see the same inputs.
    """

    schedules: tuple[ScheduleName, ...]
    noises: tuple[float, ...]
    inputs: int
    steps: int
    seeds: int
    draws: int
    records: int = 16
    batch_seed: int = 0

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("schedules on least squares", self)

    @property
    def curvatures(self) -> Float[np.ndarray, " d"]:
        """Eigenvalues of the inputs' covariance."""
        return 1.0 / np.arange(1, self.inputs + 1)

    @property
    def times(self) -> Float[np.ndarray, " time"]:
        """Steps looked at, evenly in the logarithm."""
        grid = recorded(Logarithmically(self.records), self.steps, whole=True)
        return grid[1:].astype(int)

    def tuned(self, noise: float) -> tuple[Float[np.ndarray, "schedule steps"], list[float]]:
        """Return rates at which each schedule's exact risk at the end is least."""
        h = self.curvatures
        edge = largest_stable_rate(h)
        bases = edge * np.geomspace(1e-2, SHARE_OF_EDGE, GRID)
        chosen: list[Float[np.ndarray, " steps"]] = []
        shares: list[float] = []
        for name in self.schedules:
            rates = np.stack([b * schedule(name, self.steps, 1.0 / (b * h[-1])) for b in bases])
            ends = excess_courses(
                rates, h, np.ones(len(h)), noise_variance=noise, times=np.array([self.steps])
            )[:, 0]
            best = int(np.argmin(ends))
            chosen.append(rates[best])
            shares.append(float(bases[best] / edge))
        return np.stack(chosen), shares

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Tune by theory, predict exactly, simulate."""
        del store, progress
        began = time.perf_counter()
        tuned = [self.tuned(noise) for noise in self.noises]
        rates = np.stack([rate for rate, _ in tuned])
        expected = np.stack(
            [
                excess_courses(
                    rate,
                    self.curvatures,
                    np.ones(self.inputs),
                    noise_variance=noise,
                    times=self.times,
                )
                for rate, noise in zip(rates, self.noises, strict=True)
            ]
        )
        seen = simulated_risks(
            rates, self.curvatures, self.noises, self.times, self.seeds, self.draws, self.batch_seed
        )
        coords = {
            "time": self.times,
            "noise": list(self.noises),
            "schedule": list(self.schedules),
        }
        prediction = RISK.label(np.moveaxis(expected, -1, 0), ("time",), coords).to_dataset()
        prediction[BASE_RATES.name] = BASE_RATES.label([share for _, share in tuned])
        observation = RISK.label(seen, ("seed", "time"), coords).to_dataset()
        check = Check(
            "risks have a variance",
            "largest base rate over the largest at which the mean risk is stable",
            max(share for _, shares in tuned for share in shares),
            SHARE_OF_EDGE,
        )
        return RunResult(prediction, observation, (check,), time.perf_counter() - began)


def simulated_risks(
    rates: Float[np.ndarray, "noise schedule steps"],
    curvatures: Float[np.ndarray, " d"],
    noises: Sequence[float],
    times: Sequence[int] | np.ndarray,
    seeds: int,
    draws: int,
    seed: int = 0,
) -> Float[np.ndarray, "seed time noise schedule"]:
    """Take steps of one fresh sample, in coordinates around the teacher; single precision.

    >>> simulated_risks(np.full((1, 1, 4), 0.1), np.ones(2), (0.1,), [2, 4], 3, 5).shape
    (3, 2, 1, 1)
    """
    with precision("float32"):
        roots = jnp.sqrt(jnp.asarray(curvatures, jnp.float32))
        spread = jnp.sqrt(jnp.asarray(noises, jnp.float32))[:, None, None]
        table = jnp.asarray(np.moveaxis(rates, -1, 0), jnp.float32)
        marks = jnp.asarray(times, jnp.int32)

        def step(index: Array, delta: Float[Array, "n s p d"]) -> Array:
            drawn = jax.random.normal(
                jax.random.fold_in(key_for(seed, "batches"), index), (len(roots) + 1, paths)
            )
            x, e = (drawn[:-1].T * roots), drawn[-1]
            gap = jnp.sum(delta * x, axis=-1) - spread * e
            return delta - (table[index][..., None] * gap)[..., None] * x

        def until(
            state: tuple[Array, Array], mark: Array
        ) -> tuple[tuple[Array, Array], Float[Array, "n s g"]]:
            begun, delta = state
            delta = jax.lax.fori_loop(begun, mark, step, delta)
            risk = 0.5 * jnp.sum((delta * roots) ** 2, axis=-1)
            return (mark, delta), risk.reshape(*risk.shape[:-1], seeds, draws).mean(axis=-1)

        paths = seeds * draws
        start = jnp.ones((*rates.shape[:2], paths, len(roots)), jnp.float32)
        run = jax.jit(lambda s: jax.lax.scan(until, (jnp.zeros((), jnp.int32), s), marks)[1])
        found = np.asarray(run(start), dtype=np.float64)
    return np.transpose(found, (3, 0, 1, 2))
