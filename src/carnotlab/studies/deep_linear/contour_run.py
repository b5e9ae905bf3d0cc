"""Networks carried round a closed path of end-to-end maps: the net work their flow does there."""

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.training import Training
from carnotlab.measures.modes import end_to_end_map
from carnotlab.measures.weights import pair_imbalance
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.finite import Model, Weights
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.drawing import generator, orthonormal_columns
from carnotlab.theories.deep_linear.line_integral import (
    Contour,
    annulus_sector,
    half_annulus_integral,
    quarter_annulus_integral,
)
from carnotlab.training.objective import loss_and_gradient

CIRCULATION = Quantity("circulation", (), "1", "work of the flow round a closed path")
WORK = Quantity("work", (), "1", "absolute work of the flow along the same path")


@dataclass(frozen=True)
class ContourRun(Computable):
    """Layers of networks with two inputs and one output, moved along the boundary of a sector.

    The loss is squared error with input variances ``variances`` along two directions, turned by
    a random angle with each seed, together with the path. ``target`` is the map wanted along the
    first direction. ``stretch`` multiplies the first layer and divides the last: 1 is balanced.
    """

    layers: int
    angle: float
    variances: tuple[float, float] = (1.0, 1.0)
    target: float = 1.0
    inner: float = 0.4
    outer: float = 1.3
    hidden: int = 3
    stretch: float = 1.0
    seeds: tuple[int, ...] = (0, 1, 2, 3)

    @property
    def key(self) -> str:
        """A digest of description, code, versions and devices."""
        return result_key("contour", self)

    @property
    def closed_form(self) -> float:
        """What theory gives: the gradient's constant part and its linear part add up.

        Where both variances are the same the linear part is along w and does no net work.
        """
        if self.angle == np.pi:
            pull = self.variances[0] * self.target
            return half_annulus_integral(self.layers, -pull, self.inner, self.outer)
        return quarter_annulus_integral(self.layers, self.variances, self.inner, self.outer)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Measure at every point how the product of layers moves, by the network's gradient."""
        del store, progress
        began = time.perf_counter()
        path = annulus_sector(self.angle, self.inner, self.outer)
        model = Model(deep_linear(2, (self.hidden,) * (self.layers - 1), 1))
        with precision("float64"):
            velocity = jax.jit(jax.vmap(_velocity_of(model), in_axes=(0, None)))
            found = [self._member(seed, path, model, velocity) for seed in self.seeds]
        work, total, imbalance = (np.array(part) for part in zip(*found, strict=True))
        coords = {"seed": list(self.seeds)}
        observation = labelled({CIRCULATION: work, WORK: total}, ("seed",), coords)
        prediction = CIRCULATION.label(self.closed_form).to_dataset()
        check = Check(
            "balanced layers",
            "W'W of each layer equals WW' of the one before; |difference| over the sum of the two "
            "layers' squared norms, worst point of the path",
            float(imbalance.max()),
            1e-8,
        )
        return RunResult(prediction, observation, (check,), time.perf_counter() - began)

    def _member(
        self, seed: int, path: Contour, model: Model, velocity: Any
    ) -> tuple[float, float, float]:
        random = generator(seed, "contour")
        turn = 2.0 * np.pi * random.uniform()
        axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        # Two samples whose covariance has the variances wanted along the turned axes.
        x = np.sqrt(2.0 * np.asarray(self.variances))[:, None] * axes.T
        y = x @ axes[:, :1] * self.target
        turned = Contour(path.points @ axes.T, path.steps @ axes.T)
        bases = [orthonormal_columns(random, self.hidden, 1) for _ in range(self.layers - 1)]
        factors = _shared(turned.points, bases, self.stretch)
        weights: Weights = tuple({"weight": jnp.asarray(factor)} for factor in factors)
        moves = np.asarray(velocity(weights, Batch(jnp.asarray(x), jnp.asarray(y))))
        imbalance = jax.vmap(lambda own: jnp.max(pair_imbalance(own), initial=0.0))(
            [jnp.asarray(factor) for factor in factors]
        )
        return (
            turned.integral(lambda _: -moves),
            turned.length_integral(lambda _: -moves),
            float(jnp.max(imbalance)),
        )


def _velocity_of(model: Model) -> Any:
    """Return how the product of layers moves when every layer follows its own gradient."""
    gradient = loss_and_gradient(model, Training())

    def velocity(weights: Weights, batch: Batch) -> Float[Array, "2"]:
        _, slope = gradient(weights, weights, batch)
        down = jax.tree.map(jnp.negative, slope)
        return jax.jvp(lambda own: end_to_end_map(model.factors(own))[0], (weights,), (down,))[1]

    return velocity


def _shared(
    points: Float[np.ndarray, "point 2"], bases: list[Float[np.ndarray, "units 1"]], stretch: float
) -> list[Float[np.ndarray, "point out in"]]:
    """Return layers whose product is each point, of equal norm but for ``stretch``."""
    layers = len(bases) + 1
    size = np.linalg.norm(points, axis=1)[:, None, None]
    outward, share = points[:, None, :] / size, size ** (1.0 / layers)
    if layers == 1:
        return [size * outward]
    middle = [share * (after @ before.T) for before, after in pairwise(bases)]
    return [stretch * share * (bases[0] @ outward), *middle, share / stretch * bases[-1].T]
