"""What every executor does: items of work carried out somewhere, outcomes as they come."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

SetUp = Callable[[], None]
"""Called once in each worker when it starts."""


@dataclass(frozen=True)
class Done:
    """The item numbered ``index`` is done: what the work returned, and how many seconds it took."""

    index: int
    value: Any
    seconds: float


@dataclass(frozen=True)
class Failed:
    """The item numbered ``index`` could not be done, for a reason in one line."""

    index: int
    reason: str


Outcome = Done | Failed


class Executor(ABC):
    """A place where items of work are carried out, several at a time.

    The work writes what it computes to disk itself, whole or not at all, and returns something
    small. So what a lost worker loses is the item in hand, and an item done twice does no harm.

    Attributes:
        workers: How many items are carried out at a time.
        where: The place in words, for a person to read.
    """

    workers: int
    where: str

    @abstractmethod
    def run(
        self, work: Callable[[T], Any], items: Sequence[T], stop: threading.Event | None = None
    ) -> Iterator[Outcome]:
        """Yield the outcome of ``work`` for each item as it comes, in any order.

        Once ``stop`` is set no item is started, and those in hand are finished; the others have no
        outcome. An item that runs out of memory is tried again when nothing else runs. A worker
        that dies is replaced and its item done again; the third time its item has failed. An
        iterator closed early leaves nothing running.

        Raises:
            CarnotError: the one raised by ``work``, such as a full disk: other items would meet it
                too. Items in hand are finished first.
            InputError: if ``work`` or an item cannot be sent to the workers.
        """

    @abstractmethod
    def close(self) -> None:
        """End the workers at once; items in hand are lost."""

    @abstractmethod
    def require_shared_folder(self, folder: Path) -> None:
        """Raise `InputError` unless the workers see ``folder`` as this process does.

        Raises:
            InputError: if they do not.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
