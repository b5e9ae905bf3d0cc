"""A network without positions as a list of steps, and what samples by themselves give them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from carnotlab.networks.activations import Erf, LeakyRelu, slopes
from carnotlab.networks.description import Network
from carnotlab.networks.elementwise import Elementwise
from carnotlab.networks.infinite.gains import Gain, gains
from carnotlab.networks.infinite.prefix import weighted_layers
from carnotlab.networks.layers import (
    Dense,
    Dropout,
    Flatten,
    Layer,
    LayerNorm,
    Product,
    Residual,
    Sum,
    branches_of,
)

LOAD, RECTIFY, ERROR_FUNCTION, WEIGHT, NORMALIZE, COPY, ADD, MULTIPLY, DROP = range(9)
"""What a step does; the first three are followed by the weights behind them, if there are any."""

WEIGHTED_BEHIND = (LOAD, RECTIFY, ERROR_FUNCTION)

OPERATION, SOURCE, TARGET, ZEROS = range(4)
"""Columns of `Steps.operations`: what, from and to which buffer, whether any variance is zero."""

WEIGHT_GAIN, BIAS_GAIN, WEIGHT_GRADIENT, BIAS_GRADIENT = range(4)
SAME, OPPOSITE, BEND, FLAT = range(4, 8)
FACTOR = 4
"""Columns of `Steps.numbers`. Of activations with slopes p and n: their kernel at correlations of
±1 in units of the covariance, (p² + n²) / 2 and pn; (p - n)² / 2π; and what multiplies the tangent
kernel for every sample of variance zero. FACTOR is any other step's only number."""

IDENTITY = Gain(1.0, 0.0, 0.0, 0.0)


class Steps(NamedTuple):
    """A network as numbers that compiled loops can read."""

    operations: Int[np.ndarray, "steps 4"]
    numbers: Float[np.ndarray, "steps 8"]
    buffers: int
    """How many covariances are held at a time, one a branch."""


class Alone(NamedTuple):
    """What the recursion of samples with themselves gave."""

    inverses: Float[np.ndarray, "steps n"]
    """What a step multiplies covariances by on either side to have correlations."""
    deviations: Float[np.ndarray, "steps n"]
    """Standard deviations in front of a step."""
    nngp: Float[np.ndarray, " n"]
    ntk: Float[np.ndarray, " n"]


class _Step(NamedTuple):
    operation: int
    source: int
    target: int
    numbers: tuple[float, ...] = ()
    gain: Gain | None = None


def has_steps(layers: Sequence[Layer]) -> bool:
    """Return whether all layers can be written as steps.

    >>> from carnotlab.networks.activations import Relu, Tanh
    >>> has_steps((Dense(8), Relu(), Dense(1))), has_steps((Dense(8), Tanh(), Dense(1)))
    (True, False)
    """
    return all(_has_step(layer) for layer in layers)


def _has_step(layer: Layer) -> bool:
    match layer:
        case Dense() | LayerNorm() | Dropout() | Flatten() | Erf():
            return True
        case Residual() | Sum() | Product():
            return all(has_steps(branch) for branch in branches_of(layer))
        case Elementwise():
            sides = slopes(layer)
            # Without a mean slope there is nothing that the slope at zero could be a multiple of.
            return sides is not None and (sum(sides) != 0 or _slope_at_zero(layer) == 0)
        case _:
            return False


def steps(network: Network) -> Steps:
    """Return the steps that a pair goes through, starting from its inner product per input.

    >>> from carnotlab.networks.architectures import mlp
    >>> steps(mlp(2, (8, 8), 1)).operations[:, OPERATION].tolist() == [LOAD, RECTIFY, RECTIFY]
    True
    """
    found = [_Step(LOAD, 0, 0)]
    buffers = _write(weighted_layers(network), 0, 1, iter(gains(network)), found)
    operations = [[step.operation, step.source, step.target, 0] for step in found]
    numbers = np.zeros((len(found), 8))
    for row, step in zip(numbers, found, strict=True):
        row[: FACTOR + len(step.numbers)] = (*(step.gain or IDENTITY), *step.numbers)
    return Steps(np.asarray(operations, dtype=np.int64), numbers, buffers)


def _write(
    layers: Sequence[Layer], at: int, free: int, every_gain: Iterator[Gain], found: list[_Step]
) -> int:
    """Append steps on buffer ``at``, with those from ``free`` unused; return how many are used."""
    used = free
    for layer in layers:
        match layer:
            case Dense():
                _weigh(next(every_gain), at, found)
            case LayerNorm():
                found.append(_Step(NORMALIZE, at, at))
            case Dropout(keep):
                found.append(_Step(DROP, at, at, (1.0 / keep,)))
            case Residual() | Sum() | Product():
                parts = branches_of(layer)
                behind = free + len(parts) - 1
                places = [at, *range(free, behind)]
                found += [_Step(COPY, at, place) for place in places[1:]]
                for part, place in zip(parts, places, strict=True):
                    used = max(used, _write(part, place, behind, every_gain, found))
                join = MULTIPLY if isinstance(layer, Product) else ADD
                found += [_Step(join, place, at) for place in places[1:]]
            case Erf(scale):
                found.append(_Step(ERROR_FUNCTION, at, at, (2.0 * scale**2,)))
            case Elementwise():
                _rectify(layer, at, found)
            case _:
                pass
    return used


def _weigh(gain: Gain, at: int, found: list[_Step]) -> None:
    last = found[-1]
    if last.operation in WEIGHTED_BEHIND and last.target == at and last.gain is None:
        found[-1] = last._replace(gain=gain)
    else:
        found.append(_Step(WEIGHT, at, at, gain=gain))


def _rectify(layer: Elementwise, at: int, found: list[_Step]) -> None:
    n, p = slopes(layer) or (1.0, 1.0)
    if n == p == 1.0:
        return
    mean = (p + n) / 2
    flat = _slope_at_zero(layer) / mean if mean != 0 else 1.0
    bend = (p - n) ** 2 / (2 * np.pi)
    found.append(_Step(RECTIFY, at, at, ((p**2 + n**2) / 2, p * n, bend, flat)))


def _slope_at_zero(layer: Elementwise) -> float:
    """Return what automatic differentiation takes for the slope at zero, as the general path."""
    return layer.slope if isinstance(layer, LeakyRelu) else 0.0


def follow_alone(its: Steps, own: Float[np.ndarray, " n"]) -> Alone:
    """Follow samples with themselves, from their mean squares.

    >>> from carnotlab.networks.architectures import mlp
    >>> follow_alone(steps(mlp(2, (8,), 1)), np.ones(1)).ntk.round(6).tolist()
    [2.0]
    """
    shape = len(its.operations), own.size
    inverses, deviations = np.ones(shape), np.ones(shape)
    k, t = np.zeros((its.buffers, own.size)), np.zeros((its.buffers, own.size))
    k[0] = own
    for step, (operation, source, target, _) in enumerate(its.operations.tolist()):
        numbers = its.numbers[step].tolist()
        variance = k[target].copy()
        if operation == RECTIFY:
            deviations[step] = np.sqrt(variance)
            np.divide(1.0, deviations[step], out=inverses[step], where=variance > 0)
            inverses[step, variance == 0] = 0.0
            same, _, bend, flat = numbers[SAME:]
            k[target] *= same
            t[target] *= np.where(variance > 0, same, flat**2 * (same - bend * np.pi / 2))
        elif operation == NORMALIZE:
            inverses[step] = 1.0 / np.sqrt(np.where(variance > 0, variance, 1.0))
            k[target] *= inverses[step] ** 2
            t[target] *= inverses[step] ** 2
        elif operation == DROP:
            k[target] *= numbers[FACTOR]
            t[target] *= numbers[FACTOR]
        elif operation == ERROR_FUNCTION:
            twice = numbers[FACTOR]
            deviations[step] = np.sqrt(variance)
            inverses[step] = 1.0 / np.sqrt(1.0 + twice * variance)
            root = np.sqrt(1.0 + 2.0 * twice * variance)
            k[target] = (2 / np.pi) * np.arctan2(twice * variance, root)
            t[target] *= (2 * twice / np.pi) / root
        elif operation == COPY:
            k[target], t[target] = k[source], t[source]
        elif operation == ADD:
            k[target] += k[source]
            t[target] += t[source]
        elif operation == MULTIPLY:
            t[target] = t[target] * k[source] + k[target] * t[source]
            k[target] *= k[source]
        if operation in (*WEIGHTED_BEHIND, WEIGHT):
            weight, bias, weight_gradient, bias_gradient = numbers[:FACTOR]
            t[target] = weight * t[target] + (weight_gradient * k[target] + bias_gradient)
            k[target] = weight * k[target] + bias
    return Alone(inverses, deviations, k[0], t[0])
