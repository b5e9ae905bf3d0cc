"""The bibliography parses to the last entry, and every key the code names is in it."""

import re
from pathlib import Path

import pytest

import carnotlab
from carnotlab.core.errors import InputError
from carnotlab.core.references import bibliography, reference

SOURCE = Path(carnotlab.__file__).parent
TEXT = (SOURCE / "core" / "references.bib").read_text(encoding="utf-8")
KEY = r"[a-z]+[12][0-9]{3}[a-z]?"


def test_every_entry_is_parsed():
    # Counted by another rule than the parser's: lines that open an entry.
    opened = [line for line in TEXT.splitlines() if line.startswith("@")]
    assert len(bibliography()) == len(opened) > 10
    for line in opened:
        assert re.fullmatch(rf"@[a-z]+{{({KEY}),", line), line


@pytest.mark.parametrize("key", sorted(bibliography()))
def test_every_entry_is_complete(key):
    entry = reference(key)
    assert re.fullmatch(KEY, key)
    assert re.fullmatch(r"[12][0-9]{3}", entry.year)
    assert entry.year in key
    assert entry.author
    assert entry.title
    assert entry.venue
    assert entry.url.startswith("https://")
    assert not re.search(r"[{}\n]", str(entry)), str(entry)
    first_author = re.sub("[^a-z]", "", entry.author.split(",")[0].lower())
    assert re.sub("[0-9].*", "", key)[:3] in first_author


def test_fields_are_those_written():
    assert str(reference("saxe2014")) == (
        "Saxe, Andrew M.; McClelland, James L.; Ganguli, Surya (2014). Exact solutions to the "
        "nonlinear dynamics of learning in deep linear neural networks. International Conference "
        "on Learning Representations."
    )
    assert "Gaussian" in reference("lee2018").title


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.stem)
def test_every_key_named_in_the_code_exists(file):
    cited = {
        key
        for key in re.findall(rf"\b{KEY}\b", file.read_text(encoding="utf-8"))
        if not key.startswith(("float", "int", "uint", "sha", "utf", "crc"))
    }
    assert cited <= set(bibliography()), cited - set(bibliography())


def test_the_search_for_keys_finds_them():
    cited = re.findall(rf"\b{KEY}\b", "Source: saxe2014. See jacot2018, (yang2021).")
    assert cited == ["saxe2014", "jacot2018", "yang2021"]


def test_an_unknown_key_is_refused():
    with pytest.raises(InputError, match=r"reference 'nobody1900'.*saxe2014"):
        reference("nobody1900")
