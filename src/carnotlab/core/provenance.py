"""Where a result comes from: code, versions, machine, seeds and settings."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from carnotlab.core.descriptions import describe

PACKAGE = Path(__file__).resolve().parent.parent
COMPUTING_LAYERS = (
    "core", "tasks", "networks", "measures", "experiment", "training", "theories", "estimators",
)  # fmt: skip


@dataclass(frozen=True)
class Provenance:
    """Everything needed to say which program produced a result, on what, from what."""

    version: str
    commit: str | None
    code: str
    python: str
    jax: str
    numpy: str
    device: str
    platform: str
    seeds: tuple[int, ...]
    precision: str
    settings: Any

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON data."""
        return asdict(self) | {"seeds": list(self.seeds)}


def package_version() -> str:
    """Return the installed version, or ``0+unknown`` where the package is not installed.

    >>> isinstance(package_version(), str)
    True
    """
    try:
        return version("carnotlab")
    except PackageNotFoundError:
        return "0+unknown"


@cache
def code_digest(layers: tuple[str, ...] = COMPUTING_LAYERS) -> str:
    """Return a digest of the code in some layers: by default, of all those that compute results.

    Stored results are keyed by it, so a changed formula never meets a result of the old one.
    Reports, verdicts and the command line compute none.

    >>> len(code_digest())
    64
    """
    digest = hashlib.sha256()
    for layer in layers:
        for file in sorted((PACKAGE / layer).rglob("*.py")):
            digest.update(file.relative_to(PACKAGE).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def folder_of(kind: type) -> str | None:
    """Return the folder of the package that defines a class, for `code_digest`.

    None for what is in `COMPUTING_LAYERS`, which always count, and for classes from elsewhere.

    >>> folder_of(Provenance), folder_of(int)
    (None, None)
    """
    package, *folders = kind.__module__.split(".")
    if package != PACKAGE.name or len(folders) < 2 or folders[0] in COMPUTING_LAYERS:
        return None
    return "/".join(folders[:-1])


@cache
def commit() -> str | None:
    """Return the git commit of a source checkout, with ``+changes`` if edited; None elsewhere."""
    if not (PACKAGE.parent.parent / ".git").exists():
        return None

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(PACKAGE), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def provenance(*, seeds: Sequence[int], precision: str, settings: Mapping[str, Any]) -> Provenance:
    """Record the present program and machine.

    >>> provenance(seeds=(0,), precision="float32", settings={"size": "smoke"}).seeds
    (0,)
    """
    # Listings ask for digests of code, and need not wait for JAX.
    import jax

    devices = jax.devices()
    return Provenance(
        version=package_version(),
        commit=commit(),
        code=code_digest(),
        python=platform.python_version(),
        jax=version("jax"),
        numpy=version("numpy"),
        device=f"{devices[0].device_kind} x{len(devices)}, {os.cpu_count()} cores",
        platform=platform.platform(),
        seeds=tuple(seeds),
        precision=precision,
        settings=describe(settings),
    )
