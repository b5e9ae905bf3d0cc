"""Samples on disk, so that every process maps the same file and none holds a copy of its own."""

from pathlib import Path
from typing import Any

import numpy as np

from carnotlab.core.descriptions import array_digest, parts_of
from carnotlab.core.errors import InputError, require
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.inputs import checked_inputs
from carnotlab.runs.atomic import appearing

Samples = np.ndarray[Any, Any]


def plain_samples(network: Network, given: Any, name: str) -> Samples:
    """Return samples ``[n, *input]`` as they are given, without a copy where they are an array.

    Raises:
        InputError: if they are no real numbers, or do not fit the network.

    >>> from carnotlab.networks.architectures import mlp
    >>> plain_samples(mlp(2, (8,), 1), np.eye(2, dtype=np.float32), "x").dtype
    dtype('float32')
    """
    x = given if isinstance(given, np.ndarray) else np.asarray(given)
    require(
        x.dtype.kind in "buif" and x.ndim >= 2 and len(x) > 0,
        f"{name} of shape {x.shape} and type {x.dtype}",
        "real numbers, [n, *input], with at least one sample",
        "give one row a sample",
    )
    checked_inputs(network, x[:1], name)
    return x


def keep_samples(file: Path, x: Samples, digest: str) -> None:
    """Write samples to a ``.npy`` file, unless what lies there is them.

    Raises:
        InputError: if the folder cannot be written or its disk is full.
    """
    try:
        if array_digest(mapped_samples(file)) == digest:
            return
    except InputError:
        pass
    with appearing(file) as temporary, temporary.open("wb") as opened:
        np.lib.format.write_array_header_1_0(
            opened,
            {
                "descr": np.lib.format.dtype_to_descr(x.dtype),
                "fortran_order": False,
                "shape": x.shape,
            },
        )
        for part in parts_of(x):
            opened.write(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)


def mapped_samples(file: Path) -> Samples:
    """Return the samples in a file, mapped and not read.

    Raises:
        InputError: if it is missing or damaged.
    """
    try:
        return np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"samples {file} ({error})",
            "a file as it was written",
            "repeat the same command, which writes it again",
        ) from error
