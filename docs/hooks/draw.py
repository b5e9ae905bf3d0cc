"""Redraw the figures of the pages from a results folder: `draw.py carnot-results`.

Nothing is trained. PNG with few colours, because the pages show many marks in little space.
"""

import io
import sys
from pathlib import Path

from PIL import Image

from carnotlab.reports.recall import recall, result_folders
from carnotlab.studies.catalogue import find_study
from carnotlab.studies.style import Theme, style

FIGURES = Path(__file__).parents[1] / "figures"
THEMES: tuple[Theme, ...] = ("light", "dark")
COLOURS = 192


def draw(folder: Path) -> None:
    """Draw one study on light and on dark paper."""
    result = recall(folder, find_study)
    for theme in THEMES:
        file = io.BytesIO()
        with style(theme):
            result.plot().savefig(file, format="png", dpi=130)
        image = Image.open(file).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        image.save(FIGURES / f"{result.study.name}-{theme}.png", optimize=True)


if __name__ == "__main__":
    FIGURES.mkdir(exist_ok=True)
    for folder in result_folders(Path(sys.argv[1])):
        draw(folder)
