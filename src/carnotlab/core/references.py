"""The papers a formula comes from, read from one BibTeX file."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from carnotlab.core.errors import InputError

ENTRY = re.compile(r"@(\w+)\{([^,]+),(.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"(\w+)\s*=\s*\{(.*?)\}\s*,?\s*(?=\n|$)", re.DOTALL)


@dataclass(frozen=True)
class Reference:
    """One entry of the bibliography."""

    key: str
    author: str
    title: str
    year: str
    venue: str
    url: str

    @property
    def short(self) -> str:
        """The entry as it is cited in running text: first author and year."""
        authors = self.author.split("; ")
        names = [name.split(",")[0] for name in authors]
        if len(names) > 2:
            return f"{names[0]} et al. ({self.year})"
        return f"{' and '.join(names)} ({self.year})"

    def __str__(self) -> str:
        """Return the entry as one line of prose."""
        return f"{self.author} ({self.year}). {self.title}. {self.venue}."


@cache
def bibliography() -> dict[str, Reference]:
    """Return every entry of ``references.bib`` by its key.

    >>> bibliography()["saxe2014"].year
    '2014'
    """
    text = (Path(__file__).parent / "references.bib").read_text(encoding="utf-8")
    entries: dict[str, Reference] = {}
    for _, key, body in ENTRY.findall(text):
        fields = {name.lower(): " ".join(value.split()) for name, value in FIELD.findall(body)}
        venue = fields.get("journal") or fields.get("booktitle") or fields.get("publisher", "")
        entries[key.strip()] = Reference(
            key=key.strip(),
            author=fields["author"].replace(" and ", "; "),
            title=fields["title"].replace("{", "").replace("}", ""),
            year=fields["year"],
            venue=venue,
            url=fields.get("url", ""),
        )
    return entries


def reference(key: str) -> Reference:
    """Return one entry of the bibliography.

    >>> str(reference("jacot2018")).startswith("Jacot")
    True
    """
    entries = bibliography()
    if key not in entries:
        raise InputError(f"reference '{key}'", f"one of {sorted(entries)}", "add it to the file")
    return entries[key]
