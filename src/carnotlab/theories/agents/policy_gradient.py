r"""Policy gradients from samples: their exact mean and variance, and what a baseline does.

A softmax policy :math:`\pi` over K actions with preferences :math:`\theta` takes action a and is
paid r of mean :math:`\mu_a` and variance :math:`\sigma^2`. The estimate :math:`(r - b)(e_a - \pi)`
of :math:`\nabla\, E r = \pi\odot(\mu - \pi\cdot\mu)` has that mean for every constant b, and the
summed variance

.. math:: \sum_a \pi_a |e_a - \pi|^2 [(\mu_a - b)^2 + \sigma^2] - |\nabla E r|^2 ,

least at :math:`b^* = \sum_a \pi_a |e_a - \pi|^2\mu_a \big/ \sum_a \pi_a |e_a - \pi|^2`, which is
not the mean reward :math:`\pi\cdot\mu` unless all actions are equally long or equally good.
Sources: williams1992, greensmith2004.
"""

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require_not_negative

Vector = Float[np.ndarray, " actions"]


def softmax(preferences: Float[np.ndarray, "*lead actions"]) -> Float[np.ndarray, "*lead actions"]:
    """Return the policy of some preferences.

    >>> softmax(np.zeros(4)).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    shares = np.exp(preferences - preferences.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def exact_gradient(preferences: Vector, rewards: Vector) -> Vector:
    """Return the gradient of the mean reward by the preferences.

    >>> exact_gradient(np.zeros(2), np.array([1.0, 0.0])).tolist()
    [0.25, -0.25]
    """
    policy = softmax(preferences)
    return policy * (rewards - policy @ rewards)


def gradient_variance(
    preferences: Vector, rewards: Vector, noise_variance: float, baseline: float
) -> float:
    """Return the variance of one estimate, summed over preferences.

    >>> gradient_variance(np.zeros(2), np.array([1.0, 0.0]), 0.0, 0.5)
    0.0
    """
    require_not_negative("noise_variance", noise_variance)
    squares = (rewards - baseline) ** 2 + noise_variance
    mean = exact_gradient(preferences, rewards)
    return float(_lengths(preferences) @ squares - mean @ mean)


def best_baseline(preferences: Vector, rewards: Vector) -> float:
    """Return the constant baseline of least variance.

    >>> best_baseline(np.zeros(2), np.array([1.0, 0.0]))
    0.5
    """
    lengths = _lengths(preferences)
    return float(lengths @ rewards / lengths.sum())


def mean_reward(preferences: Vector, rewards: Vector) -> float:
    """Return the mean reward of the policy, the baseline in common use."""
    return float(softmax(preferences) @ rewards)


def sampled_gradients(
    random: np.random.Generator,
    preferences: Vector,
    rewards: Vector,
    noise_variance: float,
    baseline: float,
    samples: int,
) -> Float[np.ndarray, "samples actions"]:
    """Draw actions and rewards, and return one estimate of the gradient from each.

    >>> sampled_gradients(np.random.default_rng(0), np.zeros(3), np.ones(3), 1.0, 1.0, 5).shape
    (5, 3)
    """
    policy = softmax(preferences)
    actions = random.choice(len(policy), size=samples, p=policy)
    paid = rewards[actions] + np.sqrt(noise_variance) * random.standard_normal(samples)
    return (paid - baseline)[:, None] * (np.eye(len(policy))[actions] - policy)


def _lengths(preferences: Vector) -> Vector:
    policy = softmax(preferences)
    return policy * (1.0 - 2.0 * policy + policy @ policy)
