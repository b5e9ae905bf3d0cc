"""What compiled loops read and write: tables of numbers, images, and memory to work in.

The columns of tables are plain integers, which compiled code knows as constants.
"""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

Numbers = np.ndarray[Any, Any]


class Operation(IntEnum):
    """What a step does."""

    LOAD_INPUT = 0
    LOAD_STORED = 1
    CONVOLVE = 2
    ACTIVATE = 3
    ADD = 4
    COPY = 5
    NORMALIZE = 6
    DROP = 7


class Ends(IntEnum):
    """How a stage ends: in windows, or in one sum over all positions at hand."""

    IN_WINDOWS = 0
    IN_TOTAL = 1


OPERATION, SOURCE, TARGET, BEFORE, BEHIND, DEVIATION = range(6)
SIZE, STRIDE, PAD, WRAPS = 6, 8, 10, 12
NO_TANGENT, TOGETHER = 14, 15
"""Columns of `Tables.steps`: two numbers each, for rows and columns, from SIZE to WRAPS."""

GAIN, BIAS, GRADIENT_GAIN, GRADIENT_BIAS, SAME, OPPOSITE, BEND, AT_ZERO, MEAN, SCALE = range(10)
"""Columns of `Tables.numbers`."""

LENGTH, MODULUS, FACTOR = 0, 2, 4
"""Columns of `Tables.levels`: two numbers each, for rows and columns."""

FIRST_STEP, LAST_STEP, END, ENDING, ROWS_FROM, ROWS_TO, COLUMNS_FROM, COLUMNS_TO = range(8)
NEXT_ROWS, NEXT_COLUMNS, NEXT_DISPLACEMENTS, NEXT_SIZE = range(8, 12)
"""Columns of `Tables.stages`. What a stage leaves behind has NEXT_SIZE numbers a lane, of images of
NEXT_ROWS times NEXT_COLUMNS positions, in rows of NEXT_DISPLACEMENTS displacements."""


class Tables(NamedTuple):
    """A network and its displacements as numbers, see `displacements.tables`."""

    size: int
    """Positions that one buffer has room for."""
    steps: Numbers
    numbers: Numbers
    numbers_t: Numbers
    levels: Numbers
    stages: Numbers
    displacements: Numbers
    """Those at the end of each stage, rows and columns, at `Tables.stages` ROWS_FROM and so on."""
    pool_starts: Numbers
    """Where the entries of each of these displacements start in the two below."""
    pool_entries: Numbers
    """Position before the pool, displacement and position behind it."""
    pool_weights: Numbers
    scales: Numbers
    """What each stage's total is multiplied by."""


class Side(NamedTuple):
    """Images of one side of the pairs, one a lane."""

    x: Numbers
    """[channels, rows, columns, lanes]."""
    deviations: Numbers
    """Standard deviations in front of each activation: [activations, rows, columns, lanes]."""
    inverses: Numbers
    """Their inverses, zero for a deviation of zero."""
    zeros: Numbers
    """Whether any of an activation's deviations is zero."""


class Work(NamedTuple):
    """Memory that a thread writes to."""

    k: Numbers
    t: Numbers
    k_columns: Numbers
    t_columns: Numbers
    k_row: Numbers
    t_row: Numbers
    k_total: Numbers
    t_total: Numbers
    k_stored: Numbers
    t_stored: Numbers
    k_next: Numbers
    t_next: Numbers
