"""How the engine's loops become machine code, and how it is kept for later processes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast
from zlib import crc32

import numba

from carnotlab.networks.infinite import rectifier_angles

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function on first use, as a part of what calls it.

    NaN and infinity never enter, so both signs of zero are alike; sums keep their order, without
    which results would depend on how pairs are grouped. Loops own no memory: without counting
    references (``_nrt``) a slice costs nothing.
    """
    return _decorated(function, cache=False)


def kept(function: Function) -> Function:
    """Compile a function on first use and keep its machine code, where there is a folder for it.

    It is renewed when the values it encloses change; `sources` should be one of them, since what
    it calls is compiled into it.
    """
    try:
        return _decorated(function, cache=True)
    except RuntimeError:  # no folder that can be written to
        return _decorated(function, cache=False)


def sources() -> int:
    """Return a number that changes with any file of this folder, and what it takes numbers from."""
    files = [*sorted(Path(__file__).parent.glob("*.py")), Path(rectifier_angles.__file__)]
    return crc32(b"".join(file.read_bytes() for file in files))


def _decorated(function: Function, cache: bool) -> Function:
    decorate = cast(Any, numba.njit)(
        cache=cache,
        nogil=True,
        _nrt=False,
        error_model="numpy",
        fastmath={"nnan", "ninf", "nsz", "contract"},
    )
    return cast(Function, decorate(function))
