"""Blocks cover a matrix once."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.runs.tiling import Tiling


@pytest.mark.parametrize(("rows", "columns"), [(7, None), (6, None), (1, None), (7, 4), (2, 9)])
@pytest.mark.parametrize("block", [1, 3, 50])
def test_every_entry_is_in_one_block_or_mirrored_from_one(rows, columns, block):
    tiling = Tiling(rows, columns, block)
    times = np.zeros(tiling.shape, int)
    for tile in tiling.tiles():
        part = tiling.slices(tile)
        assert all(0 < side.stop - side.start <= block for side in part)
        times[part] += 1
        if tiling.mirrored(tile):
            times[part[::-1]] += 1
    assert (times == 1).all()
    pairs = rows * (rows + 1) // 2 if columns is None else rows * columns
    assert sum(map(tiling.pairs, tiling.tiles())) == pairs


def test_a_block_of_nothing_is_refused():
    with pytest.raises(InputError, match="at least 1"):
        Tiling(3, None, 0)
