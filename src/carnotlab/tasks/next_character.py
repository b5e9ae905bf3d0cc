"""The next character of a text from those in front of it."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import InputError, require
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_choice, require_whole
from carnotlab.tasks.drawing import generator, sealed
from carnotlab.tasks.reading import (
    MAX_BYTES,
    described_by_content,
    file_digest,
    require_unchanged,
    resolved,
)
from carnotlab.tasks.targets import one_hot

Part: TypeAlias = Literal["training", "validation", "test"]
BOUNDS: dict[Part, tuple[float, float]] = {
    "training": (0.0, 0.8),
    "validation": (0.8, 0.9),
    "test": (0.9, 1.0),
}
"""Where in the text each part begins and ends, as shares of its length."""
LARGEST_ALPHABET = 256
"""Different characters from which on a text is no text in an alphabet."""
UNKNOWN = -1
"""The code of a character that the training part does not have."""


@dataclass(frozen=True)
class NextCharacter(Task):
    r"""Characters of a UTF-8 text: the next one as a class, from the ``context`` in front of it.

    The first 0.8 of the text is the training part, then 0.1 validation and 0.1 test, the last two
    each without its first ``context`` characters, so that parts lie a context apart. ``samples``
    are drawn at distinct places of the training part (fewer are a prefix of more), ``held_out``
    of the test part; `validation` has as many from between. ``seed`` draws the training places
    alone: held-out samples are the same whatever it is. Classes are the characters of the
    training part in order of their code points. Held-out samples whose next character is none of
    these are left out; one of these in a context is zeros throughout.

    ``encoding="one-hot"`` gives inputs ``[n, context, alphabet]``; ``"codes"`` gives ``[n,
    context, 1]``, the characters' numbers, for networks that begin with `OneHot`. With
    ``shuffled`` all characters of the text are first put in random order: as frequent, and
    nothing in front says anything of the next.

    The description holds the SHA-256 of the file: results follow its content.

    Raises:
        InputError: for a file that is empty, too short, no UTF-8 text or of more than 256
            different characters; for one-hot inputs beyond 2 GiB.
    """

    path: str
    context: int = 16
    samples: int = 1000
    held_out: int = 1000
    encoding: Literal["one-hot", "codes"] = "one-hot"
    shuffled: bool = False
    seed: int = 0
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        require_whole("context", self.context, 1)
        require_whole("samples", self.samples, 1)
        require_whole("held_out", self.held_out, 1)
        require_whole("seed", self.seed, 0)
        require_choice("encoding", self.encoding, ("one-hot", "codes"))
        object.__setattr__(self, "path", resolved(self.path))
        object.__setattr__(self, "sha256", file_digest(self.path))
        text = _text(self.path, self.sha256)
        wanted_of: dict[Part, int] = {
            "training": self.samples,
            "validation": self.held_out,
            "test": self.held_out,
        }
        for part, wanted in wanted_of.items():
            there = len(_places(len(text.codes), self.context, part))
            require(
                wanted <= there,
                f"{wanted} samples of the {part} part of {Path(self.path).name}, a text of "
                f"{len(text.codes)} characters, at context {self.context}",
                f"at most the {max(there, 0)} places there are",
                "use a longer text, fewer samples or a shorter context",
            )
        size = 8 * self.samples * self.context * len(text.alphabet)
        require(
            self.encoding == "codes" or size <= MAX_BYTES,
            f"one-hot inputs of {size} bytes",
            f"at most {MAX_BYTES} bytes",
            "use encoding='codes' with a network that begins with OneHot, or fewer samples",
        )

    def __describe__(self) -> dict[str, Any]:
        """Name the content by its digest, and the file without its folder."""
        return described_by_content(self)

    @property
    def alphabet(self) -> str:
        """The characters of the training part, class by class."""
        return _text(self.path, self.sha256).alphabet

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Length of the context and channels of each character."""
        return (self.context, 1 if self.encoding == "codes" else len(self.alphabet))

    @property
    def output_size(self) -> int:
        """Number of different characters."""
        return len(self.alphabet)

    @property
    def is_classification(self) -> bool:
        """Targets are one-hot characters."""
        return True

    def data(self) -> Data:
        """Return the samples drawn, read-only float64."""
        return _data(self)

    def validation(self) -> Batch:
        """Return held-out samples of the part between those of training and test, to choose by."""
        return _batch(self, "validation", self.held_out)

    def characters(self, part: Part) -> Int[np.ndarray, " n"]:
        """Return the codes of all characters of a part, -1 for those unknown.

        They are what samples are drawn from, for models that count instead of being trained.
        """
        codes = _codes(self)
        begin, end = _bounds(len(codes), self.context, part)
        return codes[begin:end]


class _Text(NamedTuple):
    codes: Int[np.ndarray, " n"]
    alphabet: str


@lru_cache(maxsize=2)
def _text(path: str, sha256: str) -> _Text:
    name = Path(path).name
    require_unchanged(path, sha256)
    raw = Path(path).read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}, which is no UTF-8 at byte {error.start}",
            "a text in UTF-8",
            "save it as UTF-8, or name a text file",
        ) from error
    require("\0" not in text, f"{name}, a binary file", "a text in UTF-8", "name a text file")
    require(len(text) > 0, f"{name}, which is empty", "a text", "fill it")
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    _, end = _bounds(len(points), 0, "training")
    known = np.unique(points[:end])
    require(
        2 <= len(known) <= LARGEST_ALPHABET,
        f"{len(known)} different characters in the training part of {name}",
        f"from 2 to {LARGEST_ALPHABET}",
        "use a text in an alphabet, long enough to have two of them"
        if len(known) < 2
        else "use a text in an alphabet",
    )
    places = np.minimum(np.searchsorted(known, points), len(known) - 1)
    codes = np.where(known[places] == points, places, UNKNOWN).astype(np.int64)
    codes.flags.writeable = False
    return _Text(codes, "".join(map(chr, known)))


@lru_cache(maxsize=2)
def _shuffled(path: str, sha256: str) -> Int[np.ndarray, " n"]:
    codes = generator(0, "order of characters").permutation(_text(path, sha256).codes)
    codes.flags.writeable = False
    return codes


def _codes(task: NextCharacter) -> Int[np.ndarray, " n"]:
    if task.shuffled:
        return _shuffled(task.path, task.sha256)
    return _text(task.path, task.sha256).codes


def _bounds(length: int, context: int, part: Part) -> tuple[int, int]:
    """Return where a part begins, a context behind the one before, and where it ends."""
    low, high = (round(share * length) for share in BOUNDS[part])
    return (low if part == "training" else low + context), high


def _places(length: int, context: int, part: Part) -> range:
    """Return where a next character can be: a whole context of the part in front of it."""
    begin, end = _bounds(length, context, part)
    return range(begin + context, end)


def _batch(task: NextCharacter, part: Part, count: int) -> Batch:
    codes = _codes(task)
    there = _places(len(codes), task.context, part)
    seed = task.seed if part == "training" else 0
    order = generator(seed, f"{part} places").permutation(len(there))[:count]
    places = there.start + order
    places = places[codes[places] != UNKNOWN]
    contexts = codes[places[:, None] + np.arange(-task.context, 0)]
    y = one_hot(codes[places], task.output_size)
    if task.encoding == "codes":
        return sealed(contexts[..., None], y)
    x: Float[np.ndarray, "n context alphabet"]
    x = (contexts[..., None] == np.arange(task.output_size)).astype(np.float64)
    return sealed(x, y)


@lru_cache(maxsize=4)
def _data(task: NextCharacter) -> Data:
    return Data(_batch(task, "training", task.samples), _batch(task, "test", task.held_out))
