r"""When a category hidden in noise is coherent enough to become a mode of its own.

:math:`K_o` of :math:`N_o` items share :math:`K_f` of :math:`N_f` features with probability p;
every other item has every other feature with probability q. The category's coherence is

.. math:: C = \frac{(p-q)^2}{q(1-q)}\,\frac{K_o K_f}{\sqrt{N_o N_f}}.

In the limit of many items and features at fixed C and :math:`r = N_f/N_o`, the leading singular
vectors turn towards the category at C = 1, the transition of a low-rank matrix in noise. Base
rates q are taken off; left in, what all items share is the first mode. Sources: saxe2019,
benaychgeorges2012.
"""

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_positive

Values = Float[np.ndarray, "..."]


def coherence(
    inside: float,
    outside: float,
    members: int,
    own_features: int,
    items: int,
    features: int,
) -> float:
    r"""Return the coherence C of a category, dimensionless.

    Args:
        inside: Probability p of the category's features in its members.
        outside: Probability q of any feature elsewhere, between 0 and 1.
        members: Number of members :math:`K_o`.
        own_features: Number of the category's features :math:`K_f`.
        items: Number of items :math:`N_o`.
        features: Number of features :math:`N_f`.

    Raises:
        InputError: for probabilities outside (0, 1), or a category larger than the table.

    >>> round(coherence(0.5, 0.2, 20, 20, 100, 100), 3)
    2.25
    """
    _require_table(outside, members, own_features, items, features)
    require(0.0 <= inside <= 1.0, f"inside = {inside}", "a probability", "give one from 0 to 1")
    noise = outside * (1.0 - outside)
    return (inside - outside) ** 2 / noise * members * own_features / float(items * features) ** 0.5


def inside_rate(
    coherence: float, outside: float, members: int, own_features: int, items: int, features: int
) -> float:
    r"""Return the probability :math:`p > q` that gives a category its coherence.

    Raises:
        InputError: if no probability is high enough.

    >>> round(inside_rate(2.25, 0.2, 20, 20, 100, 100), 12)
    0.5
    """
    require_positive("coherence", coherence)
    _require_table(outside, members, own_features, items, features)
    scale = float(items * features) ** 0.5 / (members * own_features)
    rate = outside + (coherence * outside * (1.0 - outside) * scale) ** 0.5
    require(
        rate <= 1.0,
        f"coherence {coherence:g} for {members} members with {own_features} features",
        f"at most {coherence * ((1.0 - outside) / (rate - outside)) ** 2:.3g}, where all share all",
        "enlarge the category or lower its coherence",
    )
    return rate


def item_overlap(coherence: Values | float, ratio: float = 1.0) -> Values:
    r"""Return the overlap of the leading mode's item vector with the category's members.

    .. math:: |v\cdot\hat v|^2 = \frac{C^2-1}{C\,(C + 1/\sqrt r)}, \qquad r = N_f/N_o,

    0 below C = 1. More features than items make the members easier to tell.

    >>> item_overlap(np.array([0.5, 2.0])).round(4), item_overlap(2.0, 4.0).round(4)
    (array([0.    , 0.7071]), np.float64(0.7746))
    """
    return _overlap(coherence, 1.0 / np.sqrt(ratio), ratio)


def feature_overlap(coherence: Values | float, ratio: float = 1.0) -> Values:
    r"""Return the overlap of the leading mode's feature vector with the category's features.

    As `item_overlap`, with :math:`\sqrt r` for :math:`1/\sqrt r`.

    >>> feature_overlap(2.0, 4.0).round(4)
    np.float64(0.6124)
    """
    return _overlap(coherence, np.sqrt(ratio), ratio)


def category_overlap(coherence: Values | float, ratio: float = 1.0) -> Values:
    r"""Return :math:`|u\cdot\hat u|\,|v\cdot\hat v|`: how much of the category the mode holds.

    For as many features as items it is :math:`1 - 1/C`.

    >>> category_overlap(np.array([0.5, 1.5, 3.0, 6.0])).round(2)
    array([0.  , 0.33, 0.67, 0.83])
    """
    return item_overlap(coherence, ratio) * feature_overlap(coherence, ratio)


def leading_singular_value(coherence: Values | float, ratio: float = 1.0) -> Values:
    r"""Return the largest singular value of the table in units of :math:`\sigma(N_oN_f)^{1/4}`.

    :math:`\sigma^2 = q(1-q)`. Above the threshold
    :math:`\hat s^2 = (C + \sqrt r)(C + 1/\sqrt r)/C`; below it the edge of the noise,
    :math:`\sqrt r + 1/\sqrt r + 2`. It sets when the category is learned.

    >>> leading_singular_value(np.array([0.5, 1.0, 4.0]))
    array([2. , 2. , 2.5])
    """
    C = np.maximum(_valid(coherence, ratio), 1.0)
    root = np.sqrt(ratio)
    return np.sqrt((C + root) * (C + 1.0 / root) / C)


def _overlap(coherence: Values | float, other: float, ratio: float) -> Values:
    C = np.maximum(_valid(coherence, ratio), 1.0)
    return np.sqrt((C**2 - 1.0) / (C * (C + other)))


def _valid(coherence: Values | float, ratio: float) -> Values:
    C = np.asarray(coherence, dtype=np.float64)
    require(bool(np.all(C >= 0.0)), f"coherence {coherence}", "numbers from 0", "give such numbers")
    require_positive("ratio", ratio)
    return C


def _require_table(
    outside: float, members: int, own_features: int, items: int, features: int
) -> None:
    require(
        0.0 < outside < 1.0,
        f"outside = {outside}",
        "a probability between 0 and 1, both excluded",
        "try 0.2",
    )
    require(
        0 < members <= items and 0 < own_features <= features,
        f"a category of {members} items and {own_features} features in a table of "
        f"{items} x {features}",
        "at least one of each, at most all",
        "make the category smaller",
    )
