"""Effective weight matrices at time zero, one function an initialisation."""

import itertools
from typing import assert_never

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from carnotlab.core.data import Modes
from carnotlab.core.errors import InputError, OutOfReachError, require
from carnotlab.networks.description import Network
from carnotlab.networks.initialisation import Aligned, Balanced, Gaussian, Orthogonal
from carnotlab.networks.linear import refuse_nonlinear
from carnotlab.networks.parameterization import scaling


def starting_matrices(
    network: Network, key: Key[Array, ""], modes: Modes | None
) -> tuple[Float[Array, "..."], ...]:
    """Return the effective matrix of every linear map (multiplier times stored weights).

    Raises:
        InputError: if the start is `Aligned` and no modes are given, or a layer is too narrow to
            carry every mode.
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
