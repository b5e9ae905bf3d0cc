"""Checks of the fields of a description, shared by all tasks."""

import math
from collections.abc import Sequence
from typing import Any, cast

from carnotlab.core.errors import InputError, require


def require_whole(name: str, value: Any, least: int) -> None:
    """Raise `InputError` unless ``value`` is a whole number of at least ``least``.

    >>> require_whole("samples", 10, 1)
    """
    require(
        isinstance(value, int) and not isinstance(value, bool) and value >= least,
        f"{name} = {value!r}",
        f"a whole number of at least {least}",
        f"give {name} such a number (a Python int)",
    )


def require_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raise `InputError` unless ``value`` is one of the named choices.

    >>> require_choice("basis", "random", ("random", "aligned"))
    """
    require(
        value in choices,
        f"{name} = {value!r}",
        " or ".join(f"'{choice}'" for choice in choices),
        f"choose {name} from these",
    )


def require_numbers(name: str, values: Any, *, above: float = -math.inf) -> None:
    """Raise `InputError` unless ``values`` is a tuple of finite numbers above a bound.

    A tuple, because descriptions are hashed.

    >>> require_numbers("strengths", (2.0, 1.0), above=0.0)
    """
    bound = "" if above == -math.inf else f" above {above:g}"
    required = f"a non-empty tuple of finite numbers{bound}"
    if not isinstance(values, tuple) or not values:
        raise InputError(f"{name} = {values!r}", required, f"write {name}=(1.0, 0.5), say")
    for number in cast("tuple[Any, ...]", values):
        require(
            isinstance(number, int | float) and math.isfinite(number) and number > above,
            f"{number!r} in {name}",
            required,
            f"correct {name}",
        )
