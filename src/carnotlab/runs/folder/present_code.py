"""Whether what is kept was computed by the present code."""

from typing import Literal

from carnotlab.core.provenance import code_digest

Code = Literal["same", "other", "mixed", "unknown"]
"""Whether the present code computed something: all of it, none, some; or nobody wrote it down."""


def age_of(codes: list[str]) -> Code:
    """Return the age of things by the digests of the code that wrote them; "" is unknown.

    >>> age_of([]), age_of(["", ""]), age_of(["x", ""]), age_of([code_digest(), "x"])
    ('unknown', 'unknown', 'other', 'mixed')
    """
    known = {code == code_digest() for code in codes if code}
    if len(known) == 2:
        return "mixed"
    return ("same" if known.pop() else "other") if known else "unknown"
