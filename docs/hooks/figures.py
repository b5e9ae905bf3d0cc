"""Figures of executed examples, to be printed into the page."""

import io

from matplotlib.figure import Figure


def drawn(figure: Figure, meaning: str) -> str:
    """Return a figure as SVG, with its meaning for those who cannot see it."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    svg = file.getvalue().partition("<svg")[2]
    return f'<div class="figure"><svg role="img" aria-label="{meaning}"{svg}</div>'
