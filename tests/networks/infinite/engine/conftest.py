"""A recursion that stores whole covariance matrices, written without the library's shapes."""

from collections.abc import Callable

import numpy as np
import pytest

from carnotlab.networks.activations import Abs, LeakyRelu, Linear, Relu
from carnotlab.networks.infinite.gains import gains
from carnotlab.networks.layers import (
    AveragePool,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalSumPool,
    LayerNorm,
    Residual,
    SumPool,
)

SLOPES = {Relu: (0.0, 1.0, 0.0), Abs: (-1.0, 1.0, 0.0)}
"""Below, above and at zero."""


def _rectified(layer, a, b, k):
    """Return both expectations for slopes n below and m above zero, from angles (cho2009)."""
    if isinstance(layer, LeakyRelu):
        n, m, o = layer.slope, 1.0, layer.slope
    else:
        n, m, o = SLOPES[type(layer)]
    spread = np.sqrt(np.outer(a, b))
    there = spread > 0
    rho = np.where(there, k / np.where(there, spread, 1.0), 0.0)
    theta = np.arccos(np.clip(rho, -1.0, 1.0))
    ramps = spread * (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / (2 * np.pi)
    both = (np.pi - theta) / (2 * np.pi)
    # φ(u) = m u⁺ - n u⁻. E[u⁺v⁺] = E[u⁻v⁻] = ramps, and E[uv] = k leaves E[u⁺v⁻] = ramps - k / 2.
    value = (m**2 + n**2) * ramps - 2 * m * n * (ramps - k / 2)
    slope = (m**2 + n**2) * both + 2 * m * n * (0.5 - both)
    left = np.where(a > 0, (m + n) / 2, o)
    right = np.where(b > 0, (m + n) / 2, o)
    return value, np.where(there, slope, np.outer(left, right))


def _axis(length, size, stride, padding):
    """Return for every window along one axis the positions that it covers, None for padding."""
    if padding == "valid":
        count, before = (length - size) // stride + 1, 0
    else:
        count = -(-length // stride)
        before = max((count - 1) * stride + size - length, 0) // 2
    windows = []
    for out in range(count):
        covered = []
        for offset in range(size):
            at = out * stride + offset - before
            if padding == "circular":
                at %= length
            covered.append(at if 0 <= at < length else None)
        windows.append(covered)
    return windows


def _offsets(layer, positions):
    """Return one matrix for each offset in the window, from positions to windows."""
    axes = len(positions)
    size = layer.size if isinstance(layer.size, tuple) else (layer.size,) * axes
    stride = size if layer.stride is None else layer.stride
    stride = stride if isinstance(stride, tuple) else (stride,) * axes
    found = [np.ones((1, 1))]
    for length, k, s in zip(positions, size, stride, strict=True):
        windows = _axis(length, k, s, layer.padding)
        along = np.zeros((k, len(windows), length))
        for out, covered in enumerate(windows):
            for offset, at in enumerate(covered):
                if at is not None:
                    along[offset, out, at] = 1.0
        found = [np.kron(first, second) for first in found for second in along]
    counts = [
        len(_axis(n, k, s, layer.padding)) for n, k, s in zip(positions, size, stride, strict=True)
    ]
    return found, tuple(counts)


def _follow(layers, state, positions, steps, same):
    for layer in layers:
        aa, bb, k, theta = state
        if isinstance(layer, Linear):
            continue
        if isinstance(layer, Dense | Convolution):
            weight, bias, weight_gradient, bias_gradient = next(steps)
            if isinstance(layer, Convolution):
                offsets, positions = _offsets(layer, positions)
                aa, bb, k, theta = (
                    sum(o @ part @ o.T for o in offsets) / len(offsets) for part in state
                )
            state = [weight * part + bias for part in (aa, bb, k)]
            state.append(weight * theta + weight_gradient * k + bias_gradient)
        elif isinstance(layer, Residual) or hasattr(layer, "branches"):
            branches = ((), layer.layers) if isinstance(layer, Residual) else layer.branches
            ends = [_follow(branch, state, positions, steps, same) for branch in branches]
            positions = ends[0][1]
            state = [sum(parts) for parts in zip(*(end for end, _ in ends), strict=True)]
        elif isinstance(layer, AveragePool | SumPool):
            offsets, positions = _offsets(layer, positions)
            matrix = sum(offsets)
            if isinstance(layer, AveragePool):
                matrix = matrix / matrix.sum(axis=1, keepdims=True)
            state = [matrix @ part @ matrix.T for part in state]
        elif isinstance(layer, GlobalAveragePool | GlobalSumPool):
            reduce = np.mean if isinstance(layer, GlobalAveragePool) else np.sum
            state, positions = [np.array([[reduce(part)]]) for part in state], ()
        elif isinstance(layer, Flatten):
            state, positions = [np.array([[np.trace(part) / len(part)]]) for part in state], ()
        elif isinstance(layer, LayerNorm):
            a, b = np.diag(aa), np.diag(bb)
            if layer.over == "all":
                a, b = np.full_like(a, a.mean()), np.full_like(b, b.mean())
            a, b = np.sqrt(np.where(a > 0, a, 1.0)), np.sqrt(np.where(b > 0, b, 1.0))
            spreads = [np.outer(a, a), np.outer(b, b), np.outer(a, b), np.outer(a, b)]
            state = [part / spread for part, spread in zip(state, spreads, strict=True)]
        elif isinstance(layer, Dropout):
            grown = [part + np.diag(np.diag(part)) * (1 / layer.keep - 1) for part in state]
            state = grown if same else [grown[0], grown[1], k, theta]
        else:
            a, b = np.diag(aa), np.diag(bb)
            own = _rectified(layer, a, a, aa)[0], _rectified(layer, b, b, bb)[0]
            value, slope = _rectified(layer, a, b, k)
            state = [*own, value, theta * slope]
    return state, positions


@pytest.fixture(scope="session")
def by_hand() -> Callable:
    """Both kernels of one pair of images; ``same`` says that they are one image, in training."""

    def kernels(network, x, y, same=False):
        *positions, channels = network.shape
        x, y = x.reshape(-1, channels), y.reshape(-1, channels)
        start = [x @ x.T, y @ y.T, x @ y.T]
        state = [part / channels for part in start] + [np.zeros((len(x), len(y)))]
        state, _ = _follow(network.layers, state, tuple(positions), iter(gains(network)), same)
        return state[2].item(), state[3].item()

    return kernels


@pytest.fixture(scope="session")
def all_by_hand(by_hand) -> Callable:
    """Both matrices of kernels, pair by pair."""

    def kernels(network, x1, x2=None):
        pairs = [
            [
                by_hand(network, x, y, x2 is None and i == j)
                for j, y in enumerate(x1 if x2 is None else x2)
            ]
            for i, x in enumerate(x1)
        ]
        return np.moveaxis(np.array(pairs), -1, 0)

    return kernels
