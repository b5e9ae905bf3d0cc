"""The pages name everything that is public, and formulas are drawn without a script."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from markdown import Markdown

from carnotlab import api
from carnotlab.studies.catalogue import STUDIES

DOCS = Path(__file__).resolve().parents[2] / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def markup() -> ModuleType:
    file = DOCS / "hooks" / "markup.py"
    spec = importlib.util.spec_from_file_location("markup", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reference_has_every_public_name_once() -> None:
    shown = re.findall(r"^::: carnotlab\.api\.(\w+)$", page("reference.md"), re.MULTILINE)
    assert sorted(shown) == sorted(api.__all__)


def test_every_study_has_its_section_and_figures() -> None:
    text = "".join(page(file.name) for file in sorted(DOCS.glob("studies*.md")))
    for study in STUDIES:
        assert f"\n## {study.name}\n" in text
        assert study.question in text
        for theme in ("light", "dark"):
            assert (DOCS / "figures" / f"{study.name}-{theme}.png").is_file()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (r"the :math:`x_1^2` of it", "<msubsup>"),
        (r"the $`x_1^2`$ of it", "<msubsup>"),
        (".. math:: a +\n    b\n\nafter", 'display="block"'),
        ("see saxe2014", '<a href="bibliography.html#saxe2014">Saxe et al. (2014)</a>'),
        ("see `saxe2014`", "<code>saxe2014</code>"),
    ],
)
def test_markup(markup: ModuleType, text: str, part: str) -> None:
    assert part in Markdown(extensions=[markup.Formulas()]).convert(text)


def test_a_formula_that_cannot_be_drawn_stops_the_build(markup: ModuleType) -> None:
    with pytest.raises(ValueError, match="cannot draw"):
        markup.mathml(r"\nosuchcommand x")
