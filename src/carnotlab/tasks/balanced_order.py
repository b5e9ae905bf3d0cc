"""Orders of samples in which every prefix of whole rounds holds as many of each class."""

import numpy as np
from jaxtyping import Int

from carnotlab.core.errors import require
from carnotlab.tasks.drawing import generator


def balanced_order(
    codes: Int[np.ndarray, " n"], per_class: int, *, classes: int, seed: int, purpose: str
) -> Int[np.ndarray, " chosen"]:
    """Return indices of ``per_class`` samples of each class, drawn at random, in rounds.

    A round holds one sample of every class, in the order of ``codes`` 0, 1, …. The first rounds do
    not depend on how many there are: smaller samples are prefixes of larger ones.

    Raises:
        InputError: if a class has fewer samples.

    >>> order = balanced_order(np.array([0, 0, 1, 1]), 2, classes=2, seed=0, purpose="example")
    >>> sorted(order.tolist()), np.array([0, 0, 1, 1])[order].tolist()
    ([0, 1, 2, 3], [0, 1, 0, 1])
    """
    random = generator(seed, purpose)
    counts = np.bincount(codes, minlength=classes)
    require(
        per_class <= int(counts.min()),
        f"{per_class} samples of each class",
        f"at most the {int(counts.min())} of the rarest one",
        "use fewer",
    )
    columns = [random.permutation(np.flatnonzero(codes == code)) for code in range(classes)]
    return np.stack([column[:per_class] for column in columns], axis=1).ravel()
