"""Errors a person can act on: what was given, what is required, what to do instead."""


class CarnotError(Exception):
    """Anything the library refuses on purpose; its text is one line meant for the user."""


class InputError(CarnotError, ValueError):
    """A description, a file or a setting that cannot be used as given.

    The text is one line of three parts, so that the command line can print it as it is.

    >>> raise InputError("learning_rate = -1", "a number > 0", "try 0.01")
    Traceback (most recent call last):
        ...
    carnotlab.core.errors.InputError: Got learning_rate = -1; required: a number > 0; try 0.01.
    """

    def __init__(self, given: str, required: str, instead: str) -> None:
        super().__init__(f"Got {given}; required: {required}; {instead}.".replace("\n", " "))
        self.given, self.required, self.instead = given, required, instead

    def __reduce__(self) -> tuple[type["InputError"], tuple[str, str, str]]:
        return type(self), (self.given, self.required, self.instead)


class OutOfReachError(InputError):
    """A reading or a theory that does not exist for this description, with what to use instead."""


class UnfinishedError(CarnotError):
    """Work that was cut short from outside; what was finished is kept, the same command goes on."""


def require(condition: bool, given: str, required: str, instead: str) -> None:
    """Raise `InputError` unless ``condition`` holds.

    >>> require(2 > 1, "1", "2", "count again")
    """
    if not condition:
        raise InputError(given, required, instead)


def require_positive(name: str, value: float) -> None:
    """Raise `InputError` unless ``value`` is a finite number above zero.

    >>> require_positive("steps", 10)
    """
    require(
        0.0 < value < float("inf"),
        f"{name} = {value!r}",
        "a finite number above 0",
        f"give {name} such a value",
    )


def require_not_negative(name: str, value: float) -> None:
    """Raise `InputError` unless ``value`` is a finite number of at least zero.

    >>> require_not_negative("weight_decay", 0.0)
    """
    require(
        0.0 <= value < float("inf"),
        f"{name} = {value!r}",
        "a finite number of at least 0",
        f"give {name} such a value",
    )
