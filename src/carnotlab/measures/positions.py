"""Products and convolutions as sums over positions: activity and derivatives laid out for both."""

import itertools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.measures.weight_uses import Product


def activity_by_position(
    use: Product, activity: Float[Array, "..."]
) -> Float[Array, "positions groups inputs"]:
    """Return what the weight multiplies at each position; for a convolution its patches."""
    shape = (use.positions, use.groups, use.inputs)
    if use.equation.primitive.name == "conv_general_dilated":
        return _patches(use, activity).reshape(shape)
    contracted, batch = use.equation.params["dimension_numbers"]
    contracted, batch = contracted[1 - use.operand], batch[1 - use.operand]
    free = [axis for axis in range(activity.ndim) if axis not in (*contracted, *batch)]
    return activity.transpose(*free, *batch, *contracted).reshape(shape)


def derivatives_by_position(
    use: Product, slopes: Float[Array, "k ..."]
) -> Float[Array, "k positions groups outputs"]:
    """Return the outputs' derivatives by the result of the product, position by position."""
    shape = (slopes.shape[0], use.positions, use.groups, use.outputs)
    if use.equation.primitive.name == "conv_general_dilated":
        batch, channels, *space = use.equation.params["dimension_numbers"].out_spec
        order = (batch, *space, channels)
    else:
        _, batches = use.equation.params["dimension_numbers"]
        batch = list(range(len(batches[0])))
        rest = range(len(batch), slopes.ndim - 1)
        weight = use.equation.invars[use.operand].aval
        contracted = use.equation.params["dimension_numbers"][0][use.operand]
        own = weight.ndim - len(contracted) - len(batch)
        cut = len(batch) + own if use.operand == 0 else slopes.ndim - 1 - own
        first, last = [a for a in rest if a < cut], [a for a in rest if a >= cut]
        free, outputs = (last, first) if use.operand == 0 else (first, last)
        order = (*free, *batch, *outputs)
    return slopes.transpose(0, *(axis + 1 for axis in order)).reshape(shape)


def _patches(use: Product, images: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return the patches under the filter, ``[n, *space, groups, *filter, channels]``.

    Made of strided slices, one for each entry of the filter: the built-in function for it
    multiplies by an identity filter.
    """
    settings = use.equation.params
    batch, features, *space = settings["dimension_numbers"].lhs_spec
    images = images.transpose(batch, *space, features)
    padding = [
        (low, high, dilation - 1)
        for (low, high), dilation in zip(settings["padding"], settings["lhs_dilation"], strict=True)
    ]
    zero = jnp.zeros((), images.dtype)
    images = jax.lax.pad(images, zero, [(0, 0, 0), *padding, (0, 0, 0)])
    filters = use.equation.invars[1].aval.shape
    spec = settings["dimension_numbers"]
    sizes = [filters[axis] for axis in spec.rhs_spec[2:]]
    result = use.equation.outvars[0].aval.shape
    reach = [result[axis] for axis in spec.out_spec[2:]]
    count, channels = images.shape[0], images.shape[-1]
    slices: list[Array] = []
    for entry in itertools.product(*map(range, sizes)):
        start = [at * by for at, by in zip(entry, settings["rhs_dilation"], strict=True)]
        strides = settings["window_strides"]
        stop = [a + (r - 1) * s + 1 for a, r, s in zip(start, reach, strides, strict=True)]
        part = jax.lax.slice(images, (0, *start, 0), (count, *stop, channels), (1, *strides, 1))
        slices.append(part.reshape(count, *reach, use.groups, channels // use.groups))
    return jnp.stack(slices, axis=-2)
