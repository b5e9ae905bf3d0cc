"""Layers as plain data: what a network is made of, a closed union that every reading matches on."""

from dataclasses import dataclass, field
from types import UnionType
from typing import Literal, TypeAlias

from carnotlab.core.errors import require, require_not_negative, require_positive
from carnotlab.networks.activations import Activation, Tanh

Padding: TypeAlias = Literal["same", "valid", "circular"]
"""``same`` pads with zeros, ``circular`` with the other side of the image; ``valid`` does not."""


@dataclass(frozen=True)
class Dense:
    r"""Fully connected layer :math:`z = W x + b` with ``units`` outputs, at every position alike.

    ``weight_variance`` is :math:`\sigma_w^2` and ``bias_variance`` is :math:`\sigma_b^2`; how they
    enter is the parameterization's business. ``bias_variance=None`` means no bias at all.

    >>> Dense(10).bias_variance is None
    True
    """

    units: int
    weight_variance: float = 1.0
    bias_variance: float | None = None

    def __post_init__(self) -> None:
        require(self.units >= 1, f"units = {self.units}", "at least 1", "give the layer a size")
        _require_variances(self.weight_variance, self.bias_variance)


@dataclass(frozen=True)
class Convolution:
    r"""Convolution :math:`z_p = \sum_\delta W_\delta x_{p+\delta} + b` over one or two axes.

    ``size`` is the filter's, one number an axis or one for all. Its fan-in is the filter's number
    of positions times the channels of its input, in the interior and at zero-padded edges alike.

    >>> Convolution(64).padding
    'same'
    """

    channels: int
    size: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = 1
    padding: Padding = "same"
    weight_variance: float = 1.0
    bias_variance: float | None = None

    def __post_init__(self) -> None:
        require(
            self.channels >= 1, f"channels = {self.channels}", "at least 1", "give the layer a size"
        )
        _require_window(self.size, self.stride, self.padding)
        _require_variances(self.weight_variance, self.bias_variance)


@dataclass(frozen=True)
class SelfAttention:
    r"""Self-attention over positions, in the two forms that have an infinite-width limit.

    With queries :math:`q = W_q x`, keys :math:`k = W_k x`, values :math:`v = W_v x` and
    ``key_units`` :math:`d` in each of ``heads`` heads, :math:`z = W_o\,[\zeta(A) v]_{heads}`:

    - ``linear``: :math:`A = q k^\top / d` with :math:`W_q = W_k`, :math:`\zeta` the softmax. The
      weights of attention become deterministic as :math:`d \to \infty`.
    - ``square root``: :math:`A = q k^\top / \sqrt d`, :math:`\zeta` the identity. Gaussian as the
      number of heads grows.

    The usual form, the softmax of :math:`q k^\top / \sqrt d`, has no closed limit. Source:
    hron2020.
    """

    units: int
    heads: int = 1
    key_units: int = 64
    value_units: int = 64
    scaling: Literal["linear", "square root"] = "linear"
    query_variance: float = 1.0
    value_variance: float = 1.0
    weight_variance: float = 1.0
    bias_variance: float | None = None

    def __post_init__(self) -> None:
        for name in ("units", "heads", "key_units", "value_units"):
            size = getattr(self, name)
            require(size >= 1, f"{name} = {size}", "at least 1", "give the layer a size")
        require(
            self.scaling in ("linear", "square root"),
            f"scaling = {self.scaling!r}",
            "'linear' or 'square root'",
            "use scaling='linear' for the softmax",
        )
        require_positive("query_variance", self.query_variance)
        require_positive("value_variance", self.value_variance)
        _require_variances(self.weight_variance, self.bias_variance)


@dataclass(frozen=True)
class CausalAttention:
    r"""Attention of every position to itself and those in front, in the usual form.

    :math:`z_p = W_o\,[\sum_{p' \le p} \zeta_{p'}(q_p \cdot k_{p'} / \sqrt d)\, v_{p'}]_{heads}`,
    :math:`\zeta` the softmax over :math:`p' \le p`, with queries, keys and values of
    ``head_units`` :math:`d` in each of ``heads`` heads. Several axes of positions are taken in
    reading order. Finite networks only: see `SelfAttention` for forms with a limit. Source:
    vaswani2017.

    >>> CausalAttention(32, heads=4, head_units=8).units
    32
    """

    units: int
    heads: int = 1
    head_units: int = 16
    query_variance: float = 1.0
    value_variance: float = 1.0
    weight_variance: float = 1.0
    bias_variance: float | None = None

    def __post_init__(self) -> None:
        for name in ("units", "heads", "head_units"):
            size = getattr(self, name)
            require(size >= 1, f"{name} = {size}", "at least 1", "give the layer a size")
        require_positive("query_variance", self.query_variance)
        require_positive("value_variance", self.value_variance)
        _require_variances(self.weight_variance, self.bias_variance)


@dataclass(frozen=True)
class Recurrent:
    r"""Recurrent layer over positions: :math:`h_p = \phi(W_h h_{p-1} + W_x x_p + b)`, all states.

    :math:`h_0 = 0` in front of the first position; several axes are taken in reading order. The
    same weights act at every position, ``weight_variance`` that of :math:`W_x` and
    ``recurrent_variance`` that of :math:`W_h`. Finite networks only. Source: elman1990.

    >>> Recurrent(32).activation
    Tanh()
    """

    units: int
    activation: Activation = field(default_factory=Tanh)
    weight_variance: float = 1.0
    recurrent_variance: float = 1.0
    bias_variance: float | None = None

    def __post_init__(self) -> None:
        require(self.units >= 1, f"units = {self.units}", "at least 1", "give the layer a size")
        require_positive("recurrent_variance", self.recurrent_variance)
        _require_variances(self.weight_variance, self.bias_variance)


@dataclass(frozen=True)
class OneHot:
    """Each channel of whole numbers as ``symbols`` units: one at that number's place, else zeros.

    What is no whole number from 0 to ``symbols - 1`` is zeros throughout. Samples can so be
    kept as codes of symbols; behind it `Dense` looks up a vector for each symbol.
    """

    symbols: int = 2

    def __post_init__(self) -> None:
        require(self.symbols >= 2, f"symbols = {self.symbols}", "at least 2", "give their number")


@dataclass(frozen=True)
class PositionOneHot:
    """Each position's place, one unit for each, appended to its channels.

    `Dense` behind it adds a trained vector for each position, a position embedding.
    """


@dataclass(frozen=True)
class LastPosition:
    """The last position alone, in reading order: only its channels are left."""


@dataclass(frozen=True)
class AveragePool:
    """Mean over windows of positions; at zero-padded edges, over the positions that exist.

    ``stride=None`` means windows side by side.
    """

    size: int | tuple[int, ...] = 2
    stride: int | tuple[int, ...] | None = None
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        _require_window(self.size, self.size if self.stride is None else self.stride, self.padding)


@dataclass(frozen=True)
class SumPool:
    """Sum over windows of positions. ``stride=None`` means windows side by side."""

    size: int | tuple[int, ...] = 2
    stride: int | tuple[int, ...] | None = None
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        _require_window(self.size, self.size if self.stride is None else self.stride, self.padding)


@dataclass(frozen=True)
class MaxPool:
    """Maximum over windows of positions: finite networks only, since its limit is not closed."""

    size: int | tuple[int, ...] = 2
    stride: int | tuple[int, ...] | None = None
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        _require_window(self.size, self.size if self.stride is None else self.stride, self.padding)


@dataclass(frozen=True)
class GlobalAveragePool:
    """Mean over all positions: only channels are left."""


@dataclass(frozen=True)
class GlobalSumPool:
    """Sum over all positions: only channels are left."""


@dataclass(frozen=True)
class Flatten:
    """All positions and channels as one vector of units."""


@dataclass(frozen=True)
class LayerNorm:
    """Mean zero and variance one over the units of each sample, without trained parameters.

    ``over="channels"`` normalizes each position by itself, ``over="all"`` all of them together.
    """

    over: Literal["channels", "all"] = "channels"

    def __post_init__(self) -> None:
        require(
            self.over in ("channels", "all"),
            f"over = {self.over!r}",
            "'channels' or 'all'",
            "use over='channels'",
        )


@dataclass(frozen=True)
class BatchNorm:
    r"""Mean zero and variance one over samples and positions, each channel by itself.

    :math:`(x - m)/\sqrt{s + \epsilon}` with the mean m and variance s of the batch, without trained
    parameters. In training a step normalizes by its own batch, so that its samples depend on one
    another; held-out samples are normalized by the statistics of the training set, which are a
    function of the weights (`Model.statistics`) and no state of training. With ``epsilon=0`` the
    network does not depend on the scale of the weights in front. Source: ioffe2015.

    >>> BatchNorm().epsilon
    1e-05
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        require_not_negative("epsilon", self.epsilon)


@dataclass(frozen=True)
class GroupNorm:
    """Mean zero and variance one over all positions and the channels of each group, by sample.

    Channels in order are cut into ``groups`` of equal size; one group is `LayerNorm` over all, as
    many as there are channels is instance normalization. No trained parameters. Source: wu2018.

    >>> GroupNorm(4).epsilon
    1e-05
    """

    groups: int = 1
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        require(self.groups >= 1, f"groups = {self.groups}", "at least 1", "use groups=1")
        require_not_negative("epsilon", self.epsilon)


@dataclass(frozen=True)
class Dropout:
    r"""In training every unit is kept with probability ``keep`` and divided by it, else zero.

    Without a key for its noise the finite network leaves units as they are, as in testing. The
    infinite reading is the network in training: the variance of every unit grows to 1/keep.
    """

    keep: float = 0.5

    def __post_init__(self) -> None:
        require(0.0 < self.keep <= 1.0, f"keep = {self.keep}", "in (0, 1]", "use keep=0.5")


@dataclass(frozen=True)
class DropConnect:
    r"""`Dense` whose weights are left out in training: each is kept with probability ``keep``.

    :math:`z = \frac{1}{q} (M \odot W) x + b` with independent :math:`M_{ij} \in \{0, 1\}` of mean
    q, drawn anew for every sample (and common to its positions), so that a step holds as many
    copies of the weights as its batch has samples. Without a key for its noise the finite network
    is `Dense`. Source: wan2013.

    >>> DropConnect(10).keep
    0.5
    """

    units: int
    keep: float = 0.5
    weight_variance: float = 1.0
    bias_variance: float | None = None

    def __post_init__(self) -> None:
        require(self.units >= 1, f"units = {self.units}", "at least 1", "give the layer a size")
        require(0.0 < self.keep <= 1.0, f"keep = {self.keep}", "in (0, 1]", "use keep=0.5")
        _require_variances(self.weight_variance, self.bias_variance)


@dataclass(frozen=True)
class Residual:
    """A block with a skip connection: :math:`x + f(x)`, ``f`` the layers inside."""

    layers: tuple["Layer", ...]

    def __post_init__(self) -> None:
        require(
            len(self.layers) > 0, "an empty residual block", "at least one layer", "add a layer"
        )


@dataclass(frozen=True)
class Sum:
    r"""Branches side by side on one input, added: :math:`\sum_i f_i(x)`; () is the identity.

    >>> Sum(((), (Dense(4),))) == Sum(branches=((), (Dense(4),)))
    True
    """

    branches: tuple[tuple["Layer", ...], ...]

    def __post_init__(self) -> None:
        _require_branches(self.branches)


@dataclass(frozen=True)
class Product:
    r"""Branches side by side on one input, multiplied unit by unit: :math:`\prod_i f_i(x)`."""

    branches: tuple[tuple["Layer", ...], ...]

    def __post_init__(self) -> None:
        _require_branches(self.branches)


Pool: TypeAlias = AveragePool | SumPool | MaxPool
Weighted: TypeAlias = (
    Dense | Convolution | SelfAttention | CausalAttention | Recurrent | DropConnect
)
Branched: TypeAlias = Residual | Sum | Product
Layer: TypeAlias = (
    Weighted
    | Activation
    | Pool
    | GlobalAveragePool
    | GlobalSumPool
    | LastPosition
    | OneHot
    | PositionOneHot
    | Flatten
    | LayerNorm
    | BatchNorm
    | GroupNorm
    | Dropout
    | Branched
)
Normalization: TypeAlias = LayerNorm | BatchNorm | GroupNorm


def branches_of(layer: Branched) -> tuple[tuple[Layer, ...], ...]:
    """Return what acts side by side; a residual block is the sum of the identity and its layers.

    >>> branches_of(Residual((Dense(3),)))
    ((), (Dense(units=3, weight_variance=1.0, bias_variance=None),))
    """
    return ((), layer.layers) if isinstance(layer, Residual) else layer.branches


def has_noise(layers: tuple[Layer, ...]) -> bool:
    """Return whether units or weights are left out at random in training.

    >>> has_noise((Dense(3), Residual((Dropout(), Dense(3)))))
    True
    """
    return _holds(layers, Dropout | DropConnect)


def couples_samples(layers: tuple[Layer, ...]) -> bool:
    """Return whether the output for a sample depends on the others of its batch.

    >>> couples_samples((Dense(3), Residual((BatchNorm(), Dense(3)))))
    True
    """
    return _holds(layers, BatchNorm)


def _holds(layers: tuple[Layer, ...], kind: UnionType | type) -> bool:
    return any(
        any(_holds(branch, kind) for branch in branches_of(layer))
        if isinstance(layer, Residual | Sum | Product)
        else isinstance(layer, kind)
        for layer in layers
    )


def _require_variances(weight: float, bias: float | None) -> None:
    require_positive("weight_variance", weight)
    if bias is not None:
        require_not_negative("bias_variance", bias)


def _require_window(
    size: int | tuple[int, ...], stride: int | tuple[int, ...], padding: Padding
) -> None:
    for name, given in (("size", size), ("stride", stride)):
        numbers = given if isinstance(given, tuple) else (given,)
        require(
            len(numbers) > 0 and all(number >= 1 for number in numbers),
            f"{name} = {given}",
            "1 or more along every axis",
            "use a positive number",
        )
    require(
        padding in ("same", "valid", "circular"),
        f"padding = {padding!r}",
        "'same', 'valid' or 'circular'",
        "use padding='same'",
    )


def _require_branches(branches: tuple[tuple[Layer, ...], ...]) -> None:
    require(len(branches) >= 2, f"{len(branches)} branches", "at least two", "add a branch")
