r"""Formulas as MathML, citations as links, docstring examples as code; all without a network.

Docstrings write :math:`x^2`, or ``.. math::`` with the formula after it or indented below. Pages
write $`x^2`$ and fences of the language ``math``, as GitHub does. A key of the bibliography, such
as saxe2014, becomes a link to its entry.
"""

import re
import sys
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from markdown.preprocessors import Preprocessor
from mkdocs.config.defaults import MkDocsConfig

from carnotlab.core.references import bibliography

DISPLAY = re.compile(
    r"^(?P<indent> *)\.\. math::(?P<first>.*)(?P<rest>(?:\n+(?P=indent) +\S.*)*)", re.MULTILINE
)
# Names that latex2mathml leaves as they are.
UNKNOWN = {r"\arg": r"\operatorname{arg}"}


def mathml(formula: str, display: str = "inline") -> str:
    """Return a LaTeX formula as MathML; a formula with a command left in it stops the build."""
    for name, known in UNKNOWN.items():
        formula = re.sub(re.escape(name) + r"(?![a-zA-Z])", lambda _, known=known: known, formula)
    drawn = convert(" ".join(formula.split()), display=display)
    if "\\" in drawn:
        raise ValueError(f"latex2mathml cannot draw: {formula}")
    return drawn


def block(formula: str) -> str:
    """Return a formula on a line of its own."""
    return f'<div class="formula">{mathml(formula, "block")}</div>'


def fence(source: str, *_: Any, **__: Any) -> str:
    """Return a fenced formula, in the signature superfences asks for."""
    return block(source)


class Inline(InlineProcessor):
    """Formulas inside a line."""

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[str | Element, int, int]:  # noqa: N802
        """Put raw HTML in the formula's place."""
        del data
        return self.md.htmlStash.store(mathml(m[1])), m.start(0), m.end(0)


class Citation(InlineProcessor):
    """Keys of the bibliography."""

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[str | Element, int, int]:  # noqa: N802
        """Put a link to the entry in the key's place."""
        del data
        link = f'<a href="bibliography.html#{m[1]}">{bibliography()[m[1]].short}</a>'
        return self.md.htmlStash.store(link), m.start(0), m.end(0)


class Display(Preprocessor):
    """Formulas after ``.. math::``."""

    def run(self, lines: list[str]) -> list[str]:
        """Put raw HTML in the formulas' places."""
        text = DISPLAY.sub(self._drawn, "\n".join(lines))
        return text.split("\n")

    def _drawn(self, m: re.Match[str]) -> str:
        return f"\n{m['indent']}{self.md.htmlStash.store(block(m['first'] + m['rest']))}\n"


class Doctest(Preprocessor):
    """Examples of docstrings, which Markdown would take for quotations."""

    def run(self, lines: list[str]) -> list[str]:
        """Put a fence around each."""
        found: list[str] = []
        inside = fenced = False
        for line in lines:
            fenced ^= line.lstrip().startswith("```")
            if not inside and not fenced and line.startswith(">>> "):
                inside = True
                found += ["", "```pycon"]
            elif inside and not line.strip():
                inside = False
                found.append("```")
            found.append(line)
        return [*found, "```"] if inside else found


class Formulas(Extension):
    """All of them, for one Markdown converter."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register what is above: before escapes and emphasis, after code."""
        keys = "|".join(bibliography())
        md.preprocessors.register(Doctest(md), "doctests", 29)  # before fences are read
        md.preprocessors.register(Display(md), "display formulas", 22)
        md.inlinePatterns.register(Inline(r":math:`([^`]+)`", md), "formulas", 195)
        md.inlinePatterns.register(Inline(r"\$`([^`]+)`\$", md), "formulas in pages", 196)
        md.inlinePatterns.register(Citation(rf"\b({keys})\b", md), "citations", 185)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the extension and the fence to every page's converter, hence to mkdocstrings' too."""
    # Executed examples import what lies beside this file.
    sys.path.insert(0, str(Path(__file__).parent))
    config["markdown_extensions"].append(Formulas())
    fences: list[dict[str, Any]] = config["mdx_configs"]["pymdownx.superfences"]["custom_fences"]
    fences.append({"name": "math", "class": "math", "format": fence})
    return config
