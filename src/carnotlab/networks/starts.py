"""Effective weight matrices at time zero, one function an initialisation."""

import itertools
from typing import assert_never

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from carnotlab.core.data import Modes
from carnotlab.core.errors import InputError, OutOfReachError, require
from carnotlab.networks.description import Network
from carnotlab.networks.initialisation import (
    Aligned,
    Balanced,
    Gaussian,
    Given,
    LambdaBalanced,
    Orthogonal,
)
from carnotlab.networks.linear import refuse_nonlinear
from carnotlab.networks.parameterization import scaling


def starting_matrices(
    network: Network, key: Key[Array, ""], modes: Modes | None, member: Int[Array, ""] | int = 0
) -> tuple[Float[Array, "..."], ...]:
    """Return the effective matrix of every linear map (multiplier times stored weights).

    ``member`` is which of the `Given` networks it is.

    Raises:
        InputError: if the start is `Aligned` and no modes are given, a layer is too narrow to
            carry every mode, or a given start is of other shapes.
        OutOfReachError: if the start is defined for deep linear networks only.
    """
    filters = tuple(layer.shape for layer in network.maps)
    shapes = tuple((layer.outputs, layer.fan_in) for layer in network.maps)
    keys = jax.random.split(key, len(shapes))
    match network.initialisation:
        case Gaussian(scale):
            spreads = tuple(_spread(network, place_index) for place_index in range(len(shapes)))
            return tuple(
                scale * s * jax.random.normal(k, shape)
                for k, shape, s in zip(keys, filters, spreads, strict=True)
            )
        case Orthogonal(gain):
            _refuse_convolutions(filters)
            return tuple(
                gain * _orthogonal(k, *shape) for k, shape in zip(keys, shapes, strict=True)
            )
        case Aligned(strength):
            refuse_nonlinear(network)
            if modes is None:
                raise InputError("an aligned start without the task's modes", "modes", "pass modes")
            singular = jnp.full(modes.strengths.shape, strength)
            left, right = jnp.asarray(modes.left), jnp.asarray(modes.right)
            return _chain(shapes, keys, left, singular, right)
        case Balanced(scale):
            refuse_nonlinear(network)
            ends = (shapes[-1][0], shapes[0][1])
            left, singular, right_t = jnp.linalg.svd(
                scale * jax.random.normal(keys[-1], ends), full_matrices=False
            )
            return _chain(shapes, keys, left, singular, right_t.T)
        case LambdaBalanced(balance, scale):
            refuse_nonlinear(network)
            return _lambda_balanced(shapes, keys, balance, scale)
        case Given() as start:
            wanted = tuple(start.matrices[i].shape[1:] for i in range(len(start.matrices)))
            require(
                wanted == filters,
                f"matrices of shapes {list(wanted)} for layers of shapes {list(filters)}",
                "one of the layer's shape for each layer, first layer first",
                "give the network such layers",
            )
            return tuple(jnp.asarray(matrix)[member] for matrix in start.matrices)
        case _:
            assert_never(network.initialisation)


def _spread(network: Network, index: int) -> float:
    place, layer = network.places[index], network.maps[index]
    scale = scaling(network.parameterization, place, layer.weight_variance, 0.0)
    return scale.weight_multiplier * scale.weight_std


def _refuse_convolutions(filters: tuple[tuple[int, ...], ...]) -> None:
    if any(len(shape) != 2 for shape in filters):
        raise OutOfReachError(
            "an orthogonal start of a convolution",
            "layers that are matrices",
            "use Gaussian(), or Dense layers",
        )


def _orthogonal(key: Key[Array, ""], rows: int, columns: int) -> Float[Array, "rows columns"]:
    long, short = max(rows, columns), min(rows, columns)
    q, r = jnp.linalg.qr(jax.random.normal(key, (long, short)))
    # Without the sign of R's diagonal, QR is not uniform over the orthogonal group.
    q = q * jnp.sign(jnp.diagonal(r))
    return q if rows >= columns else q.T


def _chain(
    shapes: tuple[tuple[int, int], ...],
    keys: Key[Array, " layers"],
    left: Float[Array, "outputs k"],
    singular: Float[Array, " k"],
    right: Float[Array, "inputs k"],
) -> tuple[Float[Array, "out in"], ...]:
    """Share ``left diag(singular) right^T`` equally among the layers, bases between random."""
    rank = singular.shape[0]
    narrowest = min(rows for rows, _ in shapes[:-1]) if len(shapes) > 1 else rank
    require(
        narrowest >= rank,
        f"a hidden layer of {narrowest} units for {rank} modes",
        f"at least {rank} units in every layer",
        "widen the layer, or give the task fewer modes",
    )
    share = singular ** (1.0 / len(shapes))
    bases = [right]
    bases += [
        _orthogonal(k, rows, rank) for k, (rows, _) in zip(keys[:-1], shapes[:-1], strict=True)
    ]
    bases.append(left)
    return tuple((after * share) @ before.T for before, after in itertools.pairwise(bases))


def _lambda_balanced(
    shapes: tuple[tuple[int, int], ...],
    keys: Key[Array, " layers"],
    balance: float,
    scale: float,
) -> tuple[Float[Array, "hidden in"], Float[Array, "out hidden"]]:
    """Share a Gaussian map so that the layers differ by ``balance`` in every hidden direction."""
    if len(shapes) != 2:
        raise OutOfReachError(
            f"a λ-balanced start of {len(shapes)} layers", "two layers", "use Balanced()"
        )
    (hidden, inputs), (outputs, _) = shapes
    side, ends = ("outputs", outputs) if balance > 0.0 else ("inputs", inputs)
    require(
        balance == 0.0 or hidden <= ends,
        f"{hidden} hidden units and {ends} {side} at balance {balance:g}",
        f"no more hidden units than {side}",
        f"narrow the hidden layer to {ends}, or use balance=0",
    )
    left, singular, right_t = jnp.linalg.svd(
        scale * jax.random.normal(keys[-1], (outputs, inputs)), full_matrices=True
    )
    strength = jnp.zeros(hidden).at[: len(singular)].set(singular[:hidden])
    # Without cancellation in the smaller of the two: it is the strength over the larger.
    larger = jnp.sqrt((abs(balance) + jnp.hypot(balance, 2.0 * strength)) / 2.0)
    smaller = jnp.where(larger > 0.0, strength / jnp.where(larger > 0.0, larger, 1.0), 0.0)
    first, second = (smaller, larger) if balance > 0.0 else (larger, smaller)
    bases = _orthogonal(keys[0], hidden, hidden)
    return (
        (bases[:, :inputs] * first[:inputs]) @ right_t[:hidden],
        (left[:, :hidden] * second[:outputs]) @ bases[:, :outputs].T,
    )
