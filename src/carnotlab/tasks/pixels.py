"""What is done to pixels: fewer of them, other places for them, a common scale."""

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require
from carnotlab.tasks.drawing import generator


def averaged(
    images: Float[np.ndarray, "n height width channels"], side: int
) -> Float[np.ndarray, "n side side channels"]:
    """Return images of ``side`` pixels along each axis, each the mean of a block of pixels.

    Raises:
        InputError: if the axes are no multiples of ``side``.

    >>> averaged(np.arange(4.0).reshape(1, 2, 2, 1), 1).item()
    1.5
    """
    n, height, width, channels = images.shape
    require(
        side >= 1 and height % side == 0 and width % side == 0,
        f"side = {side} for images of {height} × {width} pixels",
        "a divisor of both",
        f"use side={height} for all pixels",
    )
    blocks = images.reshape(n, side, height // side, side, width // side, channels)
    return blocks.mean(axis=(2, 4))


def shuffled(
    images: Float[np.ndarray, "n height width channels"], seed: int
) -> Float[np.ndarray, "n height width channels"]:
    """Return images with one permutation of pixels in all of them; channels stay together.

    >>> sorted(shuffled(np.arange(4.0).reshape(1, 2, 2, 1), 0).ravel().tolist())
    [0.0, 1.0, 2.0, 3.0]
    """
    n, height, width, channels = images.shape
    order = generator(seed, "pixels").permutation(height * width)
    return images.reshape(n, -1, channels)[:, order].reshape(images.shape)


def roughness(images: Float[np.ndarray, "n height width channels"]) -> float:
    r"""Return half the mean squared difference of neighbouring pixels over their variance.

    :math:`1 - c`, with :math:`c` the correlation of neighbours: near 0 for smooth images, 1 where
    neighbours know nothing of each other. nan for constant images.

    >>> roughness(np.tile([[[1.0], [-1.0]]], (1, 1, 8, 1)))
    2.0
    """
    axes = [axis for axis in (1, 2) if images.shape[axis] > 1]
    squares = [np.mean(np.diff(images, axis=axis) ** 2) for axis in axes]
    variance = float(np.mean((images - images.mean(axis=(0, 1, 2))) ** 2))
    return float(np.mean(squares)) / (2.0 * variance) if variance > 0.0 and axes else float("nan")
