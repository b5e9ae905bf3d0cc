"""One attempt at one item, and what has to be known about how it went."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from carnotlab.core.errors import CarnotError
from carnotlab.runs.executors.base import Done, Failed

T = TypeVar("T")

LONGEST_REASON = 400
"""Characters of a reason; an exception's text can be a page long."""


@dataclass(frozen=True)
class OutOfMemory:
    """The item asked for more memory than there was while others ran too."""

    index: int
    reason: str


@dataclass(frozen=True)
class Refused:
    """The work refused on purpose, which other items would meet too."""

    index: int
    error: CarnotError


Attempt = Done | Failed | OutOfMemory | Refused


def attempt(work: Callable[[T], object], index: int, item: T) -> Attempt:
    """Do the work for one item and say how it went.

    >>> attempt(len, 3, "four").value
    4
    >>> attempt(len, 3, 4)
    Failed(index=3, reason="TypeError: object of type 'int' has no len()")
    """
    began = time.perf_counter()
    try:
        value = work(item)
    except CarnotError as error:
        return Refused(index, error)
    # A worker that leaves by sys.exit would be taken for a dead one.
    except (Exception, SystemExit) as error:
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            return OutOfMemory(index, one_line(error))
        return Failed(index, one_line(error))
    return Done(index, value, time.perf_counter() - began)


def one_line(error: BaseException) -> str:
    r"""Return kind and text of an exception as one line.

    >>> one_line(ValueError("two\nlines"))
    'ValueError: two lines'
    """
    text = " ".join(str(error).split())
    text = text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} …"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
