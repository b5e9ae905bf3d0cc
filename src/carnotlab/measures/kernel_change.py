"""How far the tangent kernel has moved since the start: the sign of learned features."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import Data, RealArray
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State
from carnotlab.measures.bound import bind
from carnotlab.measures.tangent_kernel import tangent_kernel

TANGENT_KERNEL = Quantity(
    "tangent_kernel", ("probe", "other_probe"), "1/flow time", "tangent kernel on probe inputs"
)
KERNEL_CHANGE = Quantity(
    "kernel_change", (), "1", "change of the tangent kernel since the start, relative to it"
)


def kernel_change(inputs: RealArray, *, trace_outputs: bool = True) -> Measure:
    r"""Measure how far the tangent kernel on ``inputs`` has moved from its start.

    :math:`\|\Theta_t - \Theta_0\|_F / \|\Theta_0\|_F`, with the learning-rate factors of gradient
    rules: 0 for a network trained lazily, of order one where features are learned. With
    ``trace_outputs`` of the mean over outputs, else of the full kernel. nan if :math:`\Theta_0`
    is zero. Sources: jacot2018, chizat2019.

    >>> kernel_change(jnp.ones((3, 2))).quantity.name
    'kernel_change'
    """
    return Measure(KERNEL_CHANGE, bind(relative_kernel_change, inputs, trace_outputs))


def tangent_kernel_on(inputs: RealArray) -> Measure:
    """Measure the tangent kernel on ``inputs``, mean over outputs (`tangent_kernel`).

    Shape ``[probe, other_probe]``, with the learning-rate factors of gradient rules.

    >>> tangent_kernel_on(jnp.ones((3, 2))).quantity.dims
    ('probe', 'other_probe')
    """
    return Measure(TANGENT_KERNEL, bind(kernel_of_state, inputs))


def kernel_of_state(
    state: State, data: Data, inputs: RealArray, trace_outputs: bool = True
) -> Float[Array, "n n *outputs"]:
    """Return the tangent kernel of the present weights on ``inputs``."""
    del data
    return tangent_kernel(
        state.model.apply,
        state.weights,
        inputs,
        trace_outputs=trace_outputs,
        rate_scales=state.model.rate_scales("gradient"),
    )


def relative_kernel_change(
    state: State, data: Data, inputs: RealArray, trace_outputs: bool
) -> Float[Array, ""]:
    """Return the relative change of the tangent kernel on ``inputs`` since the start."""
    now = kernel_of_state(state, data, inputs, trace_outputs)
    before = kernel_of_state(state._replace(weights=state.start), data, inputs, trace_outputs)
    return jnp.linalg.norm((now - before).ravel()) / jnp.linalg.norm(before.ravel())
