"""Learning-rate factors by layer: where they enter kernels and curvature."""

from collections.abc import Sequence
from typing import Any, cast

import jax

from carnotlab.core.errors import require


def rates_of(weights: Any, rate_scales: Sequence[float] | None) -> tuple[float, ...]:
    """Return the learning-rate factor of each leaf of ``weights``, in the order of its leaves.

    ``weights`` is a sequence with one element a layer; no ``rate_scales`` means 1 everywhere.

    Raises:
        InputError: if there is not one factor, of at least 0, for each layer.

    >>> rates_of(({"bias": 0.0, "weight": 0.0}, {"weight": 0.0}), (2.0, 3.0))
    (2.0, 2.0, 3.0)
    """
    if rate_scales is None:
        return tuple(1.0 for _ in jax.tree.leaves(weights))
    layers = list(cast("Sequence[Any]", weights)) if isinstance(weights, tuple | list) else []
    require(
        len(layers) == len(rate_scales),
        f"{len(rate_scales)} rate scales for weights of {len(layers)} layers",
        "one for each layer",
        "pass model.rate_scales('gradient')",
    )
    require(
        all(scale >= 0.0 for scale in rate_scales),
        f"rate scales {tuple(rate_scales)}",
        "numbers of at least 0",
        "pass model.rate_scales('gradient')",
    )
    return tuple(
        float(scale)
        for scale, layer in zip(rate_scales, layers, strict=True)
        for _ in jax.tree.leaves(layer)
    )


def scaled(tree: Any, factors: Sequence[float]) -> Any:
    """Return ``tree`` with each leaf times its factor.

    >>> scaled(({"weight": 2.0},), (3.0,))
    ({'weight': 6.0},)
    """
    leaves, structure = jax.tree.flatten(tree)
    return structure.unflatten([f * leaf for f, leaf in zip(factors, leaves, strict=True)])
