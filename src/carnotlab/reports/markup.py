"""HTML as a tree of elements: text is escaped unless it is markup already."""

from collections.abc import Iterable, Sequence
from html import escape

VOID = frozenset({"img", "source", "meta"})
SELF_CLOSING = frozenset({"line", "circle"})
"""Empty elements of SVG, which have to be closed where those of HTML must not be."""


class Markup(str):
    """Text that is HTML already, made by the functions of this file only."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str) -> Markup:
    """Return one element; attributes whose names are Python words end in an underscore.

    >>> element("td", "a < b", class_="x")
    '<td class="x">a &lt; b</td>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
    )
    if name in SELF_CLOSING:
        return Markup(f"<{name}{given}/>")
    if name in VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{join(children)}</{name}>")


def join(parts: Iterable[str]) -> Markup:
    """Return parts one after the other, escaping those that are plain text.

    >>> join(["a & ", element("b", "c")])
    'a &amp; <b>c</b>'
    """
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def verbatim(text: str) -> Markup:
    """Return text of the library's own (a style sheet) as it is."""
    return Markup(text)


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """Return a table in a box of its own that scrolls; the first cell of a row is its heading."""
    return _table(caption, headings, [_rows(rows)])


def grouped_table(
    caption: str,
    headings: Sequence[str],
    groups: Iterable[tuple[str, Iterable[Sequence[str]]]],
) -> Markup:
    """Return such a table whose rows stand in groups, each under a heading of its own."""
    across = str(len(headings))
    bodies = [
        [element("tr", element("th", name, scope="rowgroup", colspan=across)), *_rows(rows)]
        for name, rows in groups
    ]
    return _table(caption, headings, bodies)


def breakable(name: str) -> Markup:
    """Return a name as code that may be broken after its underscores.

    >>> breakable("test_loss")
    '<code>test_<wbr>loss</code>'
    """
    first, *others = name.split("_")
    parts: list[str] = [first]
    for part in others:
        parts += ["_", Markup("<wbr>"), part]
    return element("code", *parts)


def _table(caption: str, headings: Sequence[str], bodies: Iterable[Sequence[Markup]]) -> Markup:
    head = element("tr", *(element("th", text, scope="col") for text in headings))
    whole = element(
        "table",
        element("caption", caption),
        element("thead", head),
        *(element("tbody", *rows) for rows in bodies),
    )
    return scrolling(whole, caption)


def _rows(rows: Iterable[Sequence[str]]) -> list[Markup]:
    return [
        element("tr", element("th", row[0], scope="row"), *(element("td", c) for c in row[1:]))
        for row in rows
    ]


def scrolling(inside: Markup, label: str) -> Markup:
    """Return a box that scrolls by itself, with the keyboard too."""
    return element("div", inside, class_="box", tabindex="0", role="region", aria_label=label)
