"""Small tables that come with scikit-learn, as they are."""

from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import InputError
from carnotlab.tasks.drawing import sealed

NAMES = ("iris", "wine", "breast_cancer", "diabetes", "linnerud", "digits")


@lru_cache(maxsize=8)
def bundled_table(name: str) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n k"]]:
    """Return inputs and targets of a table of scikit-learn; classes are one-hot.

    Raises:
        InputError: for a name that is not one of ``NAMES``.

    >>> x, y = bundled_table("wine")
    >>> x.shape, y.shape
    ((178, 13), (178, 3))
    """
    from sklearn import datasets  # pyright: ignore[reportMissingTypeStubs]

    if name not in NAMES:
        raise InputError(f"table {name!r}", f"one of {', '.join(NAMES)}", "correct the name")
    loaders: Any = datasets
    bunch = getattr(loaders, f"load_{name}")()
    x = np.asarray(bunch.data, dtype=np.float64)
    y = np.asarray(bunch.target)
    if y.dtype.kind in "iu" and y.ndim == 1:
        y = np.eye(int(y.max()) + 1)[y]
    batch = sealed(x, np.asarray(y, dtype=np.float64).reshape(len(x), -1))
    return np.asarray(batch.x), np.asarray(batch.y)
