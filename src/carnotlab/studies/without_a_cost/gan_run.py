r"""A point to be moved onto another by the slope of a network that is to tell them apart.

Near the equilibrium the point :math:`\theta` and the slope :math:`g = \nabla D(0)` of a wide
network follow :math:`\dot\theta = g/2`, :math:`\dot g = -K(\theta/2 + \gamma g)`, K being the mixed
second derivative of the network's tangent kernel at the data: the smallest adversarial pair, one
for each eigenvector of K, which is known at time zero.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.assumptions import Check
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity
from carnotlab.studies.without_a_cost.simulation import Found, Simulation

POSITION = Quantity(
    "position", ("penalty", "record", "axis"), "1", "generated point, in units of its start"
)
DISTANCE = Quantity("distance", ("penalty", "record"), "1", "distance from data over the start's")
Judge = tuple[Array, Array, Array]


@dataclass(frozen=True)
class PointGanRun(Simulation):
    """Networks of one hidden layer of ``width`` units (tanh) as discriminators of one point.

    The generator is the point itself, starting at distance ``start`` in a random direction. Steps
    are simultaneous, at one ``rate``; R1 has each strength of ``penalties``. Units come in pairs of
    opposite second-layer weights, so that the discriminator is 0 everywhere at the start.
    """

    penalties: tuple[float, ...]
    seeds: int
    start: float
    steps: int = 600
    rate: float = 0.1
    width: int = 256
    records: int = 60

    def find(self) -> Found:
        """Train all members in one program; predict each from its network at time zero."""
        random = np.random.default_rng([self.width, 21])
        W = np.tile(random.standard_normal((self.seeds, self.width // 2, 2)), (1, 2, 1))
        half = random.standard_normal((self.seeds, self.width // 2))
        v = np.concatenate([half, -half], axis=1)
        angle = random.uniform(0.0, 2.0 * np.pi, self.seeds)
        point = self.start * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        with precision("float64"):
            judges = tuple(jnp.asarray(part) for part in (W, np.zeros_like(v), v))
            over = jax.vmap(jax.vmap(partial(_play, self), (None, None, 0)), (0, 0, None))
            course = jax.jit(over)(judges, jnp.asarray(point), jnp.asarray(self.penalties))
            there = np.asarray(course) / self.start
        wanted = np.stack([self._predicted(*each) for each in zip(W, v, point, strict=True)])
        check = Check(
            "near the equilibrium",
            "square of the start's distance times the duration: terms of third order damp so much",
            self.start**2 * self.rate * self.steps,
            0.05,
        )
        lengths = [np.linalg.norm(each, axis=-1) for each in (there, wanted)]
        times = np.arange(self.records + 1) * (self.steps // self.records)
        return Found(
            {POSITION: there, DISTANCE: lengths[0]},
            {POSITION: wanted, DISTANCE: lengths[1]},
            (check,),
            {"record": times, "penalty": list(self.penalties)},
        )

    def _predicted(
        self,
        W: Float[np.ndarray, "n 2"],
        v: Float[np.ndarray, " n"],
        point: Float[np.ndarray, " 2"],
    ) -> Float[np.ndarray, "penalty record 2"]:
        K = (W.T @ W + np.sum(v**2) * np.eye(2)) / len(v)
        slope = v @ W / np.sqrt(len(v))
        every, half = self.steps // self.records, 0.5 * np.eye(2)
        found: list[Float[np.ndarray, "record 2"]] = []
        for penalty in self.penalties:
            field = np.block([[np.zeros((2, 2)), half], [-0.5 * K, -penalty * K]])
            jump = np.linalg.matrix_power(np.eye(4) + self.rate * field, every)
            states = [np.concatenate([point, slope])]
            for _ in range(self.records):
                states.append(jump @ states[-1])
            found.append(np.stack(states)[:, :2] / self.start)
        return np.stack(found)


def _score(judge: Judge, x: Array) -> Array:
    W, b, v = judge
    return v @ jnp.tanh(W @ x + b) / jnp.sqrt(v.size)


def _play(run: PointGanRun, judge: Judge, point: Array, penalty: Array) -> Array:
    """Return the point at every record, the start among them."""
    data = jnp.zeros(2)

    def judge_loss(judge: Judge, point: Array) -> Array:
        steep = jax.grad(_score, argnums=1)(judge, data)
        told = jax.nn.softplus(-_score(judge, data)) + jax.nn.softplus(_score(judge, point))
        return told + 0.5 * penalty * steep @ steep

    def generator_loss(point: Array, judge: Judge) -> Array:
        return jax.nn.softplus(-_score(judge, point))

    def step(_: int, players: tuple[Judge, Array]) -> tuple[Judge, Array]:
        judge, point = players
        slopes = jax.grad(judge_loss)(judge, point), jax.grad(generator_loss)(point, judge)
        return jax.tree.map(lambda w, g: w - run.rate * g, players, slopes)

    def block(players: tuple[Judge, Array], _: None) -> tuple[tuple[Judge, Array], Array]:
        players = jax.lax.fori_loop(0, run.steps // run.records, step, players)
        return players, players[1]

    _, points = jax.lax.scan(block, (judge, point), None, length=run.records)
    return jnp.concatenate([point[None], points])
