r"""Why products of bits become learnable where the bits are biased.

Bits :math:`x_i = \pm1` with mean b, label :math:`\chi = \prod_{i\in S} x_i` of k of them. A single
bit's correlation with the label is :math:`E\,\chi x_i = b^{k-1}` inside S and :math:`b^{k+1}`
outside: what the first step of descent sees. At b = 0 it is nothing for k > 1, and gradient methods
need of the order of :math:`d^{k-1}` steps; at b near 1 the bits of S stand out at once. Learning
biased bits first and unbiased ones then is a continuation. Source: cornacchia2023.
"""

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require


def bit_correlations(bits: int, members: int, bias: float) -> Float[np.ndarray, " bits"]:
    """Return the correlation of each bit with the product of the first ``members``.

    Raises:
        InputError: for more members than bits, fewer than 1, or a bias beyond ±1.

    >>> bit_correlations(3, 2, 0.5).tolist()
    [0.5, 0.5, 0.125]
    """
    require(1 <= members <= bits, f"members = {members}", f"from 1 to {bits}", "use fewer")
    require(-1.0 <= bias <= 1.0, f"bias = {bias!r}", "between -1 and 1", "use 0 for fair bits")
    inside = np.arange(bits) < members
    return np.where(inside, float(bias) ** (members - 1), float(bias) ** (members + 1))
