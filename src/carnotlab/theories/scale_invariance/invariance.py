r"""What the equivalences rest on, measured: does the loss depend on the scale of weights?

If not, the gradient is orthogonal to the weights, :math:`\langle w, g\rangle = 0`, and doubling
them changes nothing; both are measured for groups of layers, which may be free of scale together
though none is alone (the maps that add up in the stream of a residual net). The small number that
normalization adds to a variance breaks it by the order of their ratio. Source: li2020.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.networks.finite import Model, Weights
from carnotlab.networks.layers import BatchNorm, Layer, Product, Residual, Sum, branches_of

Loss = Callable[[Weights], Float[Array, ""]]


def radial_share(loss: Loss, weights: Weights, group: Sequence[int]) -> Float[Array, ""]:
    r"""Return :math:`|\langle w, g\rangle|/(|w||g|)` over the linear maps of a group.

    0 for weights without scale; 1 where only the scale matters.

    >>> quotient = lambda w: w[0]["weight"][0] / jnp.linalg.norm(w[0]["weight"])
    >>> abs(float(radial_share(quotient, ({"weight": jnp.array([3.0, 4.0])},), (0,)))) < 1e-6
    True
    """
    slope = jax.grad(loss)(weights)
    w, g = (_flat(tree, group) for tree in (weights, slope))
    return jnp.abs(w @ g) / (jnp.linalg.norm(w) * jnp.linalg.norm(g))


def change_at_double(loss: Loss, weights: Weights, group: Sequence[int]) -> Float[Array, ""]:
    r"""Return :math:`|L(2w) - L(w)|` with the linear maps of a group doubled.

    >>> float(change_at_double(lambda w: w[0]["weight"], ({"weight": jnp.array(3.0)},), (0,)))
    3.0
    """
    doubled = tuple(
        jax.tree.map(lambda leaf, f=2.0 if at in group else 1.0: f * leaf, layer)
        for at, layer in enumerate(weights)
    )
    return jnp.abs(loss(doubled) - loss(weights))


def epsilon_share(model: Model, weights: Weights, x: Float[Array, "n *input"]) -> Float[Array, ""]:
    """Return the largest ratio of a batch norm's epsilon to the variance that it is added to.

    0 without batch norm.

    >>> from carnotlab.networks.architectures import mlp
    >>> model = Model(mlp(2, (3,), 1))
    >>> float(epsilon_share(model, model.start(0), jnp.ones((4, 2))))
    0.0
    """
    moments = model.statistics(weights, x)
    ratios = [
        jnp.max(epsilon / each.variance)
        for epsilon, each in zip(_epsilons(model.network.layers), moments, strict=True)
    ]
    return jnp.max(jnp.stack(ratios)) if ratios else jnp.zeros(())


def autocorrelation(gradients: Float[np.ndarray, "time weights"], lag: int = 1) -> float:
    r"""Return :math:`\langle g_t \cdot g_{t+l}\rangle / \langle |g|^2\rangle` over a course.

    What the equilibrium of norms takes for zero.

    >>> autocorrelation(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    0.0
    """
    products = np.sum(gradients[lag:] * gradients[:-lag], axis=1)
    return float(np.mean(products) / np.mean(np.sum(gradients**2, axis=1)))


def drift(squares: Float[np.ndarray, " time"]) -> float:
    """Return the logarithm of the mean of the last third over that of the first, in size.

    >>> round(drift(np.array([1.0, 5.0, 2.0])), 3)
    0.693
    """
    third = max(len(squares) // 3, 1)
    return float(abs(np.log(np.mean(squares[-third:]) / np.mean(squares[:third]))))


def _epsilons(layers: Sequence[Layer]) -> list[Any]:
    found: list[Any] = []
    for layer in layers:
        if isinstance(layer, Residual | Sum | Product):
            found += [each for branch in branches_of(layer) for each in _epsilons(branch)]
        elif isinstance(layer, BatchNorm):
            found.append(layer.epsilon)
    return found


def _flat(tree: Weights, group: Sequence[int]) -> Float[Array, " weights"]:
    return jnp.concatenate([jnp.ravel(leaf) for at in group for leaf in jax.tree.leaves(tree[at])])
