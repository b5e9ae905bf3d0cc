"""Samples as the kernels need them: checked, in the shape that the network declares."""

from typing import Any

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray, require_finite
from carnotlab.core.errors import InputError, require
from carnotlab.networks.description import Network


def checked_inputs(network: Network, given: RealArray, name: str) -> Float[np.ndarray, "n *input"]:
    """Return samples as float64 in the shape the network declares.

    Raises:
        InputError: if inputs are empty, ragged, no numbers, not finite or of the wrong size.
    """
    try:
        x = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{name} that is ragged or holds what is no number",
            "an array of real numbers, [n, *input]",
            "give all samples one shape, and encode words as numbers",
        ) from None
    require(
        x.size > 0,
        f"{name} of shape {x.shape}",
        "at least one sample, [n, *input]",
        "give one row a sample",
    )
    x = np.atleast_1d(x)
    if x.shape[1:] != network.shape:
        _refuse_misfit(network, x, name)
    x = x.reshape(x.shape[0], *network.shape)
    require_finite(name, x, "drop or impute those samples")
    return x


def _refuse_misfit(network: Network, x: np.ndarray[Any, Any], name: str) -> None:
    """Refuse samples of another size, and images whose axes differ from those described."""
    features = x.size // x.shape[0]
    if features != network.input_size:
        raise InputError(
            f"{name} of {features} features a sample",
            f"the {network.input_size} inputs of the network",
            f"use inputs={features if x.ndim == 2 else x.shape[1:]} in the network",
        )
    if len(network.shape) > 1 and x.ndim > 2:
        raise InputError(
            f"{name} with samples of shape {x.shape[1:]}",
            f"the network's {network.shape}, channels last",
            "move the axes of the data, or describe its shape in the network",
        )
