import dataclasses
import math
import re
from html.parser import HTMLParser
from typing import ClassVar

import pytest
from toy_study import ToyStudy

from carnotlab.core.assumptions import Check
from carnotlab.reports.figures import Exhibit, exhibit
from carnotlab.reports.page import STYLE, page
from carnotlab.reports.words import SYMBOLS, interval, number

VOID = {"img", "meta", "source", "wbr"}
NAMES = ("toy-modes", "toy-contrary")


class Tree(HTMLParser):
    """The page as a list of elements, its text, and the text of every table row."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.rows, self.words, self.open = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            return
        self.words.append(data)
        if {"th", "td"} & set(self.open):
            self.rows[-1][-1] += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="session")
def text(shown, contrary):
    return page([shown, exhibit(contrary)])


@pytest.fixture(scope="session")
def tree(text):
    return Tree(text)


def test_nothing_is_loaded(tree):
    names = {name for name, _ in tree.elements}
    assert not names & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for name, attributes in tree.elements:
        for key in ("src", "srcset", "data", "poster", "xlink:href"):
            assert attributes.get(key, "data:").startswith("data:")
        if "href" in attributes:
            assert name == "a"
            assert attributes["href"].startswith(("#", "https://"))
        assert not any(key.startswith("on") for key in attributes)
    style = STYLE.read_text()
    assert "@import" not in style
    assert "url(" not in style
    policies = [meta["content"] for meta in tree.all("meta") if "http-equiv" in meta]
    assert policies[0].startswith("default-src 'none'; img-src data:")


def test_drawings_load_nothing_either(shown):
    for svg in (shown.light["svg"], shown.dark):
        addresses = re.findall(rb'(?:href|src)="([^"]*)"', svg)
        assert all(address.startswith(b"#") for address in addresses)


def test_every_verdict_has_its_row(tree, result, contrary):
    at = [next(i for i, cells in enumerate(tree.rows) if cells == [name]) for name in NAMES]
    parts = (tree.rows[at[0] + 1 : at[1]], tree.rows[at[1] + 1 :])
    for rows, verdicts in zip(parts, (result.verdicts, contrary.verdicts), strict=True):
        for cells, verdict in zip(rows, verdicts, strict=False):
            assert cells == [
                verdict.arm,
                verdict.role,
                verdict.quantity,
                interval(verdict),
                number(verdict.tolerance),
                f"{SYMBOLS[verdict.agreement]} {verdict.agreement}",
                f"{verdict.expected} {'✓ met' if verdict.as_expected else '✗ not met'}",
                "inside" if verdict.in_regime else "outside",
            ]
    assert "1 of 4 verdicts contradict what the studies expect." in tree.words


def test_every_assumption_is_held_against_its_limit(tree, result):
    for verdict in result.verdicts:
        for check in verdict.checks:
            sign = "≤" if check.holds else ">"
            word = "✓ holds" if check.holds else "✗ breaks"
            cell = f"{number(check.value)} {sign} {number(check.limit)} {word}"
            assert any(row[0] == verdict.arm and cell in row for row in tree.rows)
            assert [check.name, check.statement] in tree.rows


def test_the_rest_is_there(tree, result, contrary):
    words = "".join(tree.words)
    assert "carnot run toy-modes --size smoke --seeds 3" in words
    assert "real data: no file was given" in words
    assert "Exact solutions to the nonlinear dynamics" in words
    assert ["mode_strength", "0.05", "the step is small"] in tree.rows
    for one in (result, contrary):
        assert one.study.question in words
        assert one.provenance.device in words
    assert ["seeds", "0 to 2"] in tree.rows


def test_it_can_be_read_aloud(tree, result):
    assert tree.all("html") == [{"lang": "en"}]
    assert len(tree.all("h1")) == 1
    assert all("scope" in attributes for attributes in tree.all("th"))
    assert len(tree.all("caption")) == len(tree.all("table"))
    assert {image["alt"] for image in tree.all("img")} == {result.study.message}
    ids = [attributes["id"] for _, attributes in tree.elements if "id" in attributes]
    assert len(set(ids)) == len(ids) == 2
    assert {a["href"] for a in tree.all("a") if a["href"][0] == "#"} == {f"#{i}" for i in ids}


EVIL = (
    "</style><script src=http://evil.example/x.js>alert('\"&')</script><img src=http://e.example>"
)


class EvilStudy(ToyStudy):
    name: ClassVar[str] = EVIL
    question: ClassVar[str] = EVIL
    message: ClassVar[str] = f'"{EVIL}'
    source: ClassVar[tuple[str, ...]] = (EVIL,)


def test_names_cannot_become_markup(shown, result):
    checks = (Check(EVIL, EVIL, math.nan, 0.1), Check("fine", EVIL, math.inf, 0.1))
    verdict = dataclasses.replace(
        result.verdicts[0], study=EVIL, arm=EVIL, quantity=EVIL, why=EVIL, checks=checks,
        error=math.inf, interval=(-math.inf, math.inf), agreement="underpowered",
    )  # fmt: skip
    origin = dataclasses.replace(result.provenance, device=EVIL, platform=EVIL, commit=EVIL)
    evil = dataclasses.replace(
        result, study=EvilStudy(), verdicts=(verdict,), skipped=(EVIL,), provenance=origin
    )
    text = page([Exhibit(evil, shown.light, shown.dark)])
    tree = Tree(text)
    assert "<script" not in text
    assert not tree.all("script")
    assert all(image["src"].startswith("data:") for image in tree.all("img"))
    assert all(image["alt"] == EvilStudy.message for image in tree.all("img"))
    assert EVIL in tree.words
    assert "∞ [−∞, ∞]" in "".join(tree.words)
    assert "not a number against 0.1 ✗ breaks" in [cell for row in tree.rows for cell in row]


def test_other_code_is_said(shown, result):
    origin = dataclasses.replace(result.provenance, code="0" * 64)
    other = Exhibit(dataclasses.replace(result, provenance=origin), shown.light, shown.dark)
    assert "computed by other code" in page([other])
    assert "computed by other code" not in page([shown])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_are_readable(theme):
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[theme == "dark"]))
    for name in ("ink", "quiet", "agrees", "disagrees", "underpowered", "link"):
        assert _contrast(colours[name], colours["paper"]) >= 4.5, name
    assert _contrast(colours["ink"], colours["panel"]) >= 4.5
    assert _contrast(colours["loud-ink"], colours["loud"]) >= 4.5


def _contrast(one, other):
    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
