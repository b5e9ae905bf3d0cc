"""Which steps a network's layers are."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from carnotlab.networks.activations import Abs, LeakyRelu, Linear, Relu
from carnotlab.networks.infinite.engine.loops.codes import Operation
from carnotlab.networks.infinite.engine.program import (
    ONCE,
    Axes,
    Ending,
    Level,
    NotCoveredError,
    Program,
    Stage,
    Step,
)
from carnotlab.networks.infinite.gains import Gain
from carnotlab.networks.layers import (
    AveragePool,
    Convolution,
    Dense,
    Dropout,
    Layer,
    LayerNorm,
    Residual,
    Sum,
    SumPool,
    branches_of,
)
from carnotlab.networks.windows import window


def translated(shape: tuple[int, ...], layers: Sequence[Layer], gains: Sequence[Gain]) -> Program:
    """Return the steps of layers on samples of a shape, one gain for each map with weights.

    Raises:
        NotCoveredError: if the engine has no loop for a layer.

    >>> from carnotlab.networks.layers import Flatten
    >>> layers = (Convolution(8), Relu(), Flatten(), Dense(1))
    >>> stages = translated((4, 4, 3), layers, (Gain(1.0, 0.0, 1.0, 0.0),) * 2).stages
    >>> [[step.operation.name for step in stage.steps] for stage in stages]
    [['LOAD_INPUT', 'CONVOLVE'], ['LOAD_STORED', 'CONVOLVE']]
    """
    return _Writer(shape, list(gains)).write(layers)


def slopes(layer: Layer) -> tuple[float, float, float] | None:
    """Return an activation's slopes below, above and at zero, or none for other layers.

    >>> slopes(LeakyRelu(0.1))
    (0.1, 1.0, 0.1)
    """
    match layer:
        case Relu():
            return (0.0, 1.0, 0.0)
        case LeakyRelu(slope):
            return (slope, 1.0, slope)
        case Abs():
            return (-1.0, 1.0, 0.0)
        case _:
            return None


@dataclass
class _Writer:
    shape: tuple[int, ...]
    gains: list[Gain]
    stages: list[Stage] = field(default_factory=list[Stage])
    deviations: int = 0
    free: list[int] = field(default_factory=list[int])
    buffers: int = 0
    without_tangent: set[int] = field(default_factory=set[int])

    def write(self, layers: Sequence[Layer]) -> Program:
        *axes, channels = self.shape
        if len(axes) not in (1, 2):
            raise NotCoveredError
        self.axes = len(axes)
        here = self._begin(Operation.LOAD_INPUT, self._axes(axes), 1.0 / channels)
        self.without_tangent.add(here)
        level = 0
        waiting: list[Layer] = []
        for layer in layers:
            if not isinstance(layer, Ending):
                waiting.append(layer)
                continue
            here, level = self._chain(waiting, here, level, keep=False)
            lengths = self._end(here, level, layer)
            here, level, waiting = self._begin(Operation.LOAD_STORED, lengths), 0, []
        if waiting:
            here, level = self._chain(waiting, here, level, keep=False)
            if self.stages[-1].levels[level].lengths != ONCE:
                raise NotCoveredError
            self._to_first(here)
        elif len(self.stages) > 1:
            self.stages.pop()
        return Program(tuple(self.stages), max(self.deviations, 1))

    def _axes(self, given: Sequence[int]) -> Axes:
        return (given[0], given[1]) if len(given) == 2 else (1, given[0])

    def _begin(self, operation: Operation, lengths: Axes, scale: float = 1.0) -> int:
        first = Step(operation, 0, 0, 0, 0, scale=scale)
        self.stages.append(Stage([first], [Level(lengths)], self.axes))
        self.free, self.buffers, self.without_tangent = [], 1, set()
        return 0

    def _end(self, here: int, level: int, layer: Ending) -> Axes:
        self._to_first(here)
        stage = self.stages[-1]
        stage.ending = layer
        lengths = stage.levels[level].lengths
        if isinstance(layer, AveragePool | SumPool):
            return self._axes(window(layer, stage.positions).positions)
        if lengths == ONCE and self.axes == 0:
            raise NotCoveredError
        self.axes = 0
        return ONCE

    def _positions_of(self, lengths: Axes) -> tuple[int, ...]:
        return lengths[2 - self.axes :]

    def _to_first(self, here: int) -> None:
        """Rename buffers, so that the stage ends in the first one."""
        names = {here: 0, 0: here}
        stage = self.stages[-1]
        stage.steps = [
            replace(
                step,
                source=names.get(step.source, step.source),
                target=names.get(step.target, step.target),
            )
            for step in stage.steps
        ]

    def _do(self, step: Step) -> None:
        self.stages[-1].steps.append(step)

    def _new(self) -> int:
        if not self.free:
            self.buffers += 1
        buffer = self.free.pop() if self.free else self.buffers - 1
        self.without_tangent.discard(buffer)
        return buffer

    def _chain(self, layers: Sequence[Layer], here: int, level: int, keep: bool) -> tuple[int, int]:
        """Write layers from a buffer on, which is left as it is where it is to be kept."""
        for layer in layers:
            start = here
            match layer:
                case Linear():
                    continue
                case Dense() | Convolution():
                    here, level = self._convolve(layer, here, level)
                case Residual() | Sum():
                    here, level = self._branch(layer, here, level)
                case LayerNorm(over):
                    here = self._new() if keep else here
                    self._do(Step(
                        Operation.NORMALIZE, start, here, level, level,
                        deviation=self._deviation(), together=over == "all",
                    ))  # fmt: skip
                case Dropout(rate):
                    if keep:
                        here = self._new()
                        self._do(Step(Operation.COPY, start, here, level, level))
                    self._do(Step(Operation.DROP, here, here, level, level, scale=1.0 / rate))
                case _:
                    here = self._activate(layer, here, level, keep)
            if here != start:
                if not keep:
                    self.free.append(start)
                keep = False
        return here, level

    def _deviation(self) -> int:
        self.deviations += 1
        return self.deviations - 1

    def _activate(self, layer: Layer, here: int, level: int, keep: bool) -> int:
        its = slopes(layer)
        if its is None:
            raise NotCoveredError
        steps = self.stages[-1].steps
        last = steps[-1]
        fresh = not keep and last.operation is Operation.CONVOLVE and last.target == here
        if fresh and not last.together:
            steps[-1] = replace(last, together=True, slopes=its, deviation=self._deviation())
            return here
        target = self._new() if keep else here
        self._do(
            Step(
                Operation.ACTIVATE,
                here,
                target,
                level,
                level,
                slopes=its,
                deviation=self._deviation(),
            )
        )
        return target

    def _convolve(self, layer: Dense | Convolution, here: int, level: int) -> tuple[int, int]:
        levels = self.stages[-1].levels
        old = levels[level]
        no_tangent = here in self.without_tangent
        target = self._new()
        gain = self.gains.pop(0)
        if isinstance(layer, Dense):
            self._do(
                Step(
                    Operation.CONVOLVE, here, target, level, level, gain=gain, no_tangent=no_tangent
                )
            )
            return target, level
        its = window(layer, self._positions_of(old.lengths))
        lead = (1,) * (2 - len(its.size))
        size, stride = self._axes((*lead, *its.size)), self._axes((*lead, *its.stride))
        pads = ((0, 0),) * (2 - len(its.size)) + its.pads
        new = Level(
            self._axes((*lead, *its.positions)),
            (old.thinning[0] * stride[0], old.thinning[1] * stride[1]),
        )
        if new not in levels:
            levels.append(new)
        around = [its.circular and sum(pad) > 0 for pad in pads]
        count = size[0] * size[1]
        mean = Gain(
            gain.weight / count, gain.bias, gain.weight_gradient / count, gain.bias_gradient
        )
        self._do(Step(
            Operation.CONVOLVE, here, target, level, levels.index(new), size=size, stride=stride,
            pad=(pads[0][0], pads[1][0]), wraps=(around[0], around[1]), gain=mean,
            no_tangent=no_tangent,
        ))  # fmt: skip
        return target, levels.index(new)

    def _branch(self, layer: Residual | Sum, here: int, level: int) -> tuple[int, int]:
        ends = [self._chain(branch, here, level, keep=True) for branch in branches_of(layer)]
        levels = {end for _, end in ends}
        if len(levels) != 1:
            raise NotCoveredError
        behind = levels.pop()
        own = [buffer for buffer, _ in ends if buffer != here]
        if own:
            total, *others = own
            others += [here] * (len(ends) - len(own))
        else:
            total, others = self._new(), [here] * (len(ends) - 1)
            self._do(Step(Operation.COPY, here, total, behind, behind))
        for other in others:
            self._do(Step(Operation.ADD, other, total, behind, behind))
            if other != here:
                self.free.append(other)
        return total, behind
