"""Layers as plain data: what a network is made of, a closed union that every reading matches on."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from carnotlab.core.errors import require, require_not_negative, require_positive
from carnotlab.networks.activations import Activation

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
Weighted: TypeAlias = Dense | Convolution | SelfAttention | DropConnect
Branched: TypeAlias = Residual | Sum | Product
Layer: TypeAlias = (
    Weighted
    | Activation
    | Pool
    | GlobalAveragePool
    | GlobalSumPool
    | Flatten
    | LayerNorm
    | Dropout
    | Branched
)


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
    return any(
        any(map(has_noise, branches_of(layer)))
        if isinstance(layer, Residual | Sum | Product)
        else isinstance(layer, Dropout | DropConnect)
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
