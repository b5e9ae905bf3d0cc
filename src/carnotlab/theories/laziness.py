r"""How lazily a network will train, read off its weights at time zero."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.precision import precision
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import rule_kind
from carnotlab.measures.tangent_kernel import tangent_kernel
from carnotlab.networks.finite import Weights
from carnotlab.networks.infinite.kernels import kernels

PROBE = 12
"""Training inputs on which kernels are compared; their pairs are 78 numbers per member."""

MEMBERS = 4
"""Members looked at; the measures are means over members of quantities that vary little."""


def kernel_gap(experiment: Experiment, start: Weights) -> float:
    r"""Return :math:`\|\Theta_n - \Theta_\infty\|_F / \|\Theta_\infty\|_F` at the start.

    On the first training inputs, root mean square over members. Falls as one over the square root
    of the width in the neural-tangent parameterization. Source: jacot2018.
    """
    limit = kernels(experiment.network, np.asarray(experiment.task.data().train.x)[:PROBE]).ntk
    gaps = [
        float(np.linalg.norm(_kernel(experiment, weights) - limit)) for weights in _members(start)
    ]
    return float(np.sqrt(np.mean(np.square(gaps))) / np.linalg.norm(limit))


def kernel_displacement(
    experiment: Experiment, start: Weights, coefficients: Float[np.ndarray, "seed n k"]
) -> float:
    r"""Return how much the kernel changes when weights move as the linearized network demands.

    The linear model ends at :math:`\delta w = r\,J^\top c` with the given coefficients
    :math:`c`, ``[seed, n, k]``; the measure is :math:`\|\Theta(w + \delta w) - \Theta(w)\|_F /
    \|\Theta(w)\|_F` on the first training inputs, mean over members. Falls at least as one over the
    square root of the width for lazy training (as one over the width for small steps), of order one
    where features are learned. Sources: lee2019, chizat2019.
    """
    model = experiment.model
    scales = model.rate_scales(rule_kind(experiment.training.rule))
    changes: list[float] = []
    with precision(experiment.training.precision):
        x = jnp.asarray(experiment.task.data().train.x, dtype=experiment.training.precision)

        @jax.jit
        def moved(weights: Weights, c: Float[Array, "n k"]) -> Weights:
            _, pull = jax.vjp(lambda w: model.apply(w, x), weights)
            (step,) = pull(c.astype(x.dtype))
            return tuple(
                jax.tree.map(lambda w, s, r=r: w + r * s, layer, change)
                for r, layer, change in zip(scales, weights, step, strict=True)
            )

        for weights, c in zip(_members(start), coefficients, strict=False):
            before = _kernel(experiment, weights)
            after = _kernel(experiment, moved(weights, jnp.asarray(c)))
            changes.append(float(np.linalg.norm(after - before) / np.linalg.norm(before)))
    return float(np.mean(changes))


def _kernel(experiment: Experiment, weights: Weights) -> Float[np.ndarray, "probe probe"]:
    with precision(experiment.training.precision):
        x = jnp.asarray(experiment.task.data().train.x, dtype=experiment.training.precision)
        scales = experiment.model.rate_scales(rule_kind(experiment.training.rule))
        kernel = tangent_kernel(
            experiment.model.apply, weights, x[:PROBE], trace_outputs=True, rate_scales=scales
        )
        return np.asarray(kernel, dtype=np.float64)


def _members(start: Weights) -> list[Weights]:
    count = min(len(jax.tree.leaves(start)[0]), MEMBERS)
    return [jax.tree.map(lambda leaf, i=i: leaf[i], start) for i in range(count)]
