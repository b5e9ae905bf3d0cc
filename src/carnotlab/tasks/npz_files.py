"""Reading NumPy archives: arrays by their names, nothing unpickled."""

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from carnotlab.core.errors import InputError, require
from carnotlab.tasks.preparing import Raw
from carnotlab.tasks.tables import listed

SPLIT = ("x_train", "y_train", "x_test", "y_test")


def read_npz(path: Path, *, max_bytes: int) -> Raw:
    """Return ``x``, ``y`` or ``x_train``, ``y_train``, ``x_test``, ``y_test`` of an archive.

    Text arrays ``class_names`` and ``feature_names`` are used if present, all else is left alone.

    Raises:
        InputError: if the arrays are not there, need unpickling, are damaged, or take more than
            ``max_bytes`` as float64.
    """
    source = path.name
    try:
        with zipfile.ZipFile(path) as archive:
            shapes = {
                name.removesuffix(".npy"): _header(archive, name)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
        wanted = SPLIT if "x_train" in shapes else ("x", "y")
        for name in wanted:
            require(
                name in shapes,
                f"{source} without the array '{name}' (it has {listed(tuple(shapes))})",
                f"the arrays x, y or {', '.join(SPLIT)}",
                "name the arrays so",
            )
            shape, kind = shapes[name]
            require(
                not kind.hasobject,
                f"Python objects in the array '{name}' of {source}",
                "numbers or text, because nothing is unpickled",
                "save it with a numeric dtype",
            )
            size = 8 * math.prod(shape)
            require(
                size <= max_bytes,
                f"the array '{name}' of {source}, {size} bytes as float64",
                f"at most {max_bytes}",
                "use a part of the file, or raise max_bytes",
            )
        with np.load(path, allow_pickle=False) as archive:
            arrays: list[np.ndarray[Any, Any]] = [archive[name] for name in wanted]
            class_names = _names(archive, "class_names", shapes)
            feature_names = _names(archive, "feature_names", shapes)
    except InputError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{source}, which cannot be read as a NumPy archive ({error})",
            "an undamaged .npz file",
            "write it again with numpy.savez",
        ) from error
    return Raw(
        *arrays,
        source=source,
        feature_names=feature_names,
        class_names=class_names,
    )


def _header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of an array without loading it."""
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, kind = read(file)
        return shape, kind


def _names(archive: Any, key: str, shapes: dict[str, Any]) -> tuple[str, ...] | None:
    if key not in shapes or shapes[key][1].kind not in "US":
        return None
    return tuple(str(name) for name in archive[key].ravel())
