"""How a matrix is cut into blocks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from carnotlab.core.errors import require

Tile: TypeAlias = tuple[int, int]
"""A block's row and column among the blocks."""


@dataclass(frozen=True)
class Tiling:
    """A matrix of ``rows`` by ``columns`` in blocks of at most ``block`` by ``block`` entries.

    Without ``columns`` it is symmetric: of its blocks, those on and above the diagonal are kept.

    >>> list(Tiling(3, None, 2).tiles())
    [(0, 0), (0, 1), (1, 1)]
    """

    rows: int
    columns: int | None
    block: int

    def __post_init__(self) -> None:
        require(self.block >= 1, f"block = {self.block}", "at least 1", "leave it out")

    @property
    def symmetric(self) -> bool:
        """Whether only one triangle is kept."""
        return self.columns is None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the whole matrix."""
        return self.rows, self.rows if self.columns is None else self.columns

    @property
    def bands(self) -> tuple[int, int]:
        """Rows and columns of blocks."""
        rows, columns = self.shape
        return -(-rows // self.block), -(-columns // self.block)

    def tiles(self) -> Iterator[Tile]:
        """Yield every block that is kept, row by row."""
        down, along = self.bands
        for i in range(down):
            yield from ((i, j) for j in range(i if self.symmetric else 0, along))

    def slices(self, tile: Tile) -> tuple[slice, slice]:
        """Return the rows and columns of a block in the matrix."""
        rows, columns = self.shape
        (top, bottom), (left, right) = (
            (k * self.block, min((k + 1) * self.block, size))
            for k, size in zip(tile, (rows, columns), strict=True)
        )
        return slice(top, bottom), slice(left, right)

    def pairs(self, tile: Tile) -> int:
        """Return how many different pairs of samples a block takes."""
        down, along = (part.stop - part.start for part in self.slices(tile))
        return down * (down + 1) // 2 if self.on_diagonal(tile) else down * along

    def mirrored(self, tile: Tile) -> bool:
        """Whether a block stands for its transpose on the other side of the diagonal, too."""
        return self.symmetric and not self.on_diagonal(tile)

    def on_diagonal(self, tile: Tile) -> bool:
        """Whether a block is the kernel of some samples with themselves."""
        return self.symmetric and tile[0] == tile[1]
