"""A result with its figure drawn: the same result always gives the same bytes."""

import io
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from matplotlib.figure import Figure

from carnotlab.studies.study import StudyResult
from carnotlab.studies.style import Theme, style

Format: TypeAlias = Literal["svg", "pdf", "png"]

# Matplotlib writes the time of day into SVG and PDF unless told not to.
UNDATED: dict[Format, dict[str, Any]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {},
}


@dataclass(frozen=True)
class Exhibit:
    """A result and its figure as files: every format on light paper, and SVG on dark."""

    result: StudyResult
    light: Mapping[Format, bytes]
    dark: bytes


def exhibit(result: StudyResult) -> Exhibit:
    """Draw a result's figure, once for each theme."""
    light = drawn(result.plot, ("svg", "pdf", "png"))
    return Exhibit(result, light, drawn(result.plot, ("svg",), "dark")["svg"])


def data_uri(svg: bytes) -> str:
    """Return an SVG drawing as an address that loads nothing."""
    return f"data:image/svg+xml;base64,{b64encode(svg).decode()}"


def drawn(
    plot: Callable[[], Figure], formats: tuple[Format, ...], theme: Theme = "light"
) -> dict[Format, bytes]:
    """Draw a figure in the library's look, and return it as files of some formats."""
    files: dict[Format, bytes] = {}
    with style(theme):
        figure: Any = plot()
        for kind in formats:
            file = io.BytesIO()
            figure.savefig(file, format=kind, metadata=UNDATED[kind])
            files[kind] = file.getvalue()
    return files
