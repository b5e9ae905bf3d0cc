"""Errors sent back through fixed random weights: exact cases, and networks on digits."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from carnotlab.core.keys import key_for
from carnotlab.core.quantities import Quantity
from carnotlab.studies.without_a_cost.simulation import Found, Simulation
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.drawing import orthonormal_columns
from carnotlab.theories.plasticity.feedback_alignment import (
    best_directions,
    feedback_directions,
    feedback_mode,
    learn,
    subspace_error,
)

MODES = Quantity("mode_course", ("rule", "mode", "flow_time"), "1", "strength learned of a mode")
LEFT = Quantity(
    "loss_left", ("rule", "hidden"), "1", "loss above the best linear map over that of the start"
)
ACCURACY = Quantity("test_accuracy", ("rule", "time"), "fraction", "share right, held out")
AGREEMENT = Quantity(
    "agreement", ("rule", "time"), "1", "cosine of forward weights, transposed, with feedback"
)
APART = Quantity("disagreement", ("rule",), "1", "one less that cosine, at the end")
LOST = Quantity("accuracy_lost", ("rule",), "1", "accuracy of gradient descent less a rule's own")
EXACT_RULES = ("gradient descent", "feedback alignment")
RULES = (*EXACT_RULES, "feedback drawn anew", "last layer only")
Weights = tuple[Array, Array, Array, Array]
Arrays = tuple[Array, Array, Array, Array]
BATCH = 50


@dataclass(frozen=True)
class ModesRun(Simulation):
    """Two linear layers on whitened inputs, each rule; feedback of orthogonal columns of length 1.

    Gradient descent starts at a random 1 % of the feedback's scale, feedback alignment at zero.
    """

    seeds: int
    strengths: tuple[float, ...] = (3.0, 2.0, 1.0)
    hidden: int = 16
    inputs: int = 8
    rate: float = 5e-3
    duration: float = 6.0
    records: int = 60

    def find(self) -> Found:
        """Learn tasks of random modes."""
        s, k = np.array(self.strengths), len(self.strengths)
        steps = round(self.duration / self.rate)
        every = steps // self.records
        courses = np.empty((self.seeds, 2, k, self.records + 1))
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, 71])
            U, V = orthonormal_columns(random, k, k), orthonormal_columns(random, self.inputs, k)
            cross, moment = (U * s) @ V.T, np.eye(self.inputs)
            feedback = orthonormal_columns(random, self.hidden, k)
            first = 0.01 * random.standard_normal((self.hidden, self.inputs))
            second = 0.01 * random.standard_normal((k, self.hidden))
            for j, (start, back) in enumerate(((1.0, None), (0.0, feedback))):
                course = learn(
                    start * first, start * second, cross, moment, self.rate, steps, back, every
                )
                courses[seed, j] = np.einsum("om,toi,im->mt", U, course.product, V)
        times = self.rate * every * np.arange(self.records + 1)
        law = np.stack([feedback_mode(one, 1.0, times) for one in self.strengths])
        coords = {"rule": list(EXACT_RULES), "mode": list(self.strengths), "flow_time": times}
        # The law is feedback alignment's; for gradient descent it is what must not hold.
        return Found({MODES: courses}, {MODES: np.stack([law, law])}, coords=coords)


@dataclass(frozen=True)
class NarrowRun(Simulation):
    """Linear networks with few hidden units on digits, inputs whitened to ``inputs`` components."""

    hidden: tuple[int, ...]
    seeds: int
    task: Digits
    inputs: int = 20
    rate: float = 0.1
    steps: int = 4000

    def find(self) -> Found:
        """Train both rules to the end; predict what each layer of few units reads."""
        x, y = (np.asarray(part) for part in self.task.data().train)
        x, y = x - x.mean(axis=0), y - y.mean(axis=0)
        _, _, rows = np.linalg.svd(x, full_matrices=False)
        x = x @ rows[: self.inputs].T
        x = x / x.std(axis=0)
        cross, moment = y.T @ x / len(x), x.T @ x / len(x)
        best = np.linalg.solve(moment, cross.T).T
        scale = 0.5 * float(np.sum(best * cross))
        shape = (self.seeds, 2, len(self.hidden))
        left, wanted = np.empty(shape), np.empty(shape)
        for seed in range(self.seeds):
            for j, hidden in enumerate(self.hidden):
                random = np.random.default_rng([seed, hidden, 72])
                feedback = random.standard_normal((hidden, y.shape[1]))
                first = 0.01 * random.standard_normal((hidden, self.inputs))
                second = 0.01 * random.standard_normal((y.shape[1], hidden))
                for i, (start, back) in enumerate(((1.0, None), (0.0, feedback))):
                    course = learn(
                        start * first, start * second, cross, moment, self.rate, self.steps, back,
                        self.steps,
                    )  # fmt: skip
                    gap = course.product[-1] - best
                    left[seed, i, j] = 0.5 * float(np.sum(gap @ moment * gap)) / scale
                directions = (
                    best_directions(hidden, cross, moment),
                    feedback_directions(feedback, cross, moment),
                )
                wanted[seed, :, j] = [subspace_error(d, cross, moment) / scale for d in directions]
        coords = {"rule": list(EXACT_RULES), "hidden": list(self.hidden)}
        return Found({LEFT: left}, {LEFT: wanted}, coords=coords)


@dataclass(frozen=True)
class FeedbackRun(Simulation):
    """Networks of one hidden layer (tanh, squared error) on digits, by each rule, batches of 50.

    There is ``room`` for hidden units of which only ``hidden`` are used, so that networks of
    several sizes are one program.
    """

    hidden: int
    seeds: int
    task: Digits
    steps: int
    room: int
    largest_rate: float = 0.1
    rate_times_units: float = 4.0
    records: int = 20

    @property
    def rate(self) -> float:
        """Learning rate: the curvature of the second layer grows with the number of its inputs.

        Squares of the hidden units sum to at most their number, so that descent is stable below 2
        over some part of that; 40 units at 0.1 are within it, and 100 are not.
        """
        return min(self.largest_rate, self.rate_times_units / self.hidden)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    def find(self) -> Found:
        """Train all rules and seeds in one program."""
        data = self.task.data()
        arrays = tuple(jnp.asarray(part) for pair in (data.train, data.test) for part in pair)
        keys = jax.vmap(lambda seed: key_for(seed, "feedback"))(jnp.arange(self.seeds))
        used = jnp.where(jnp.arange(self.room) < self.hidden, 1.0, 0.0)
        members = jnp.repeat(keys, len(RULES)), jnp.tile(jnp.arange(len(RULES)), self.seeds)
        found = _all_members(self.steps, self.records, arrays, used, self.rate, members)
        accuracy, cosine = (
            np.asarray(part, dtype=np.float64).reshape(self.seeds, len(RULES), -1) for part in found
        )
        times = np.linspace(0, self.steps, self.records + 1)
        lost = accuracy[:, :1, -1] - accuracy[:, :, -1]
        return Found(
            {ACCURACY: accuracy, AGREEMENT: cosine, APART: 1.0 - cosine[:, :, -1], LOST: lost},
            {},
            coords={"rule": list(RULES), "time": times},
        )


@partial(jax.jit, static_argnums=(0, 1))
def _all_members(
    steps: int, records: int, arrays: Arrays, used: Array, rate: float, members: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Train one after the other: products of small matrices in batches are slower."""
    train = partial(train_by_rule, steps, records, arrays, used, rate)
    return jax.lax.map(lambda member: train(*member), members)


def train_by_rule(
    steps: int,
    records: int,
    arrays: Arrays,
    used: Float[Array, " n"],
    rate: float,
    key: Key[Array, ""],
    rule: Array,
) -> tuple[Float[Array, " records"], Float[Array, " records"]]:
    """Return the accuracy and the agreement of forward weights with feedback at every record.

    ``arrays`` are inputs and targets to train on and held out, ``used`` is 1 for hidden units in
    use, ``rule`` a place in ``RULES``.
    """
    x, y, x_test, y_test = arrays
    first, second, back_key, steps_key = jax.random.split(key, 4)
    shape = (used.size, y.shape[1])

    def between(key: Key[Array, ""]) -> Float[Array, "n k"]:
        return used[:, None] * jax.random.normal(key, shape) / jnp.sqrt(used.sum())

    weights: Weights = (
        jax.random.normal(first, (x.shape[1], used.size)) / jnp.sqrt(x.shape[1]),
        jnp.zeros(used.size),
        between(second),
        jnp.zeros(y.shape[1]),
    )
    fixed = between(back_key)

    def outcome(weights: Weights) -> tuple[Array, Array]:
        W, b, V, c = weights
        found = (used * jnp.tanh(x_test @ W + b)) @ V + c
        right = jnp.mean(found.argmax(axis=1) == y_test.argmax(axis=1))
        return right, jnp.sum(V * fixed) / jnp.sqrt(jnp.sum(V**2) * jnp.sum(fixed**2))

    def step(weights: Weights, key: Array) -> tuple[Weights, None]:
        W, b, V, c = weights
        choice, again = jax.random.split(key)
        rows = jax.random.randint(choice, (BATCH,), 0, len(x))
        h = used * jnp.tanh(x[rows] @ W + b)
        error = (h @ V + c - y[rows]) / BATCH
        back = jnp.stack([V, fixed, between(again), jnp.zeros_like(V)])[rule]
        sent = (error @ back.T) * (1.0 - h**2)
        moves = (x[rows].T @ sent, sent.sum(axis=0), h.T @ error, error.sum(axis=0))
        return jax.tree.map(lambda w, g: w - rate * g, weights, moves), None

    def block(weights: Weights, keys: Array) -> tuple[Weights, tuple[Array, Array]]:
        weights, _ = jax.lax.scan(step, weights, keys)
        return weights, outcome(weights)

    start = outcome(weights)
    keys = jax.random.split(steps_key, (records, steps // records))
    _, found = jax.lax.scan(block, weights, keys)
    right, agreement = (jnp.concatenate([a[None], b]) for a, b in zip(start, found, strict=True))
    return right, agreement
